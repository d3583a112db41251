"""One stack for the whole run: a throw-away database, both services and the gateway, on free ports. BIN_DIR says which binaries."""

import os
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "scripts"), str(Path(__file__).parent)]

from sallystack.files import remove  # noqa: E402
from sallystack.settings import Settings, free_ports  # noqa: E402
from sallystack.stack import Stack  # noqa: E402
from support import Sallyport  # noqa: E402


@pytest.fixture(scope="session")
def stack():
    directory = CHECKOUT / os.environ.get("STACK_DIR", ".run/acceptance")
    settings = Settings(directory, CHECKOUT / os.environ.get("BIN_DIR", ".build/debug"), free_ports(), durable=False)
    remove(directory)
    with Stack(settings) as stack:
        stack.up()
        yield stack


@pytest.fixture(scope="session")
def sallyport(stack) -> Sallyport:
    return Sallyport(stack)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
