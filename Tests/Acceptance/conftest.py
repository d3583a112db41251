"""One stack for the whole run: a throw-away database, both services and the gateway, on free ports. BIN_DIR says which binaries."""

import contextlib
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

# With the values of parameters: test_logs looks for secrets in it.
LOG_EVERYTHING = ("log_statement=all", "log_parameter_max_length=-1")


@pytest.fixture(scope="session")
def start_stack():
    """Starts one more stack, of the given name, for tests that break things; all are stopped at the end."""
    with contextlib.ExitStack() as running:

        def start(name: str) -> Stack:
            directory = CHECKOUT / os.environ.get("STACK_DIR", ".run/acceptance") / name
            settings = Settings(directory, CHECKOUT / os.environ.get("BIN_DIR", ".build/debug"), free_ports(), durable=False, postgres_options=LOG_EVERYTHING)
            remove(directory)
            stack = running.enter_context(Stack(settings))
            stack.up()
            return stack

        yield start


@pytest.fixture(scope="session")
def stack(start_stack) -> Stack:
    return start_stack("main")


@pytest.fixture(scope="session")
def sallyport(stack) -> Sallyport:
    return Sallyport(stack)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
