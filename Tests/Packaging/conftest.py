"""Packaging and data safety: everything here is done for real, with PostgreSQL, systemd and containers of its own."""

import contextlib
import os
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "scripts"), str(CHECKOUT / "Tests" / "Acceptance"), str(Path(__file__).parent)]

from sallystack.files import remove  # noqa: E402
from sallystack.settings import Settings, free_ports  # noqa: E402
from sallystack.stack import Stack  # noqa: E402

BINARIES = CHECKOUT / os.environ.get("BIN_DIR", ".build/debug")


@pytest.fixture(scope="module")
def make_stack():
    """Settings for a stack of the given name, from nothing, and a stack with them, not yet started; all are stopped at the end."""
    with contextlib.ExitStack() as running:

        def make(name: str, postgres_options: tuple[str, ...] = (), fresh: bool = True, instances: int = 1) -> Stack:
            directory = CHECKOUT / ".run" / "packaging" / name
            if fresh:
                remove(directory)
            settings = Settings(directory, BINARIES, free_ports(instances), postgres_options=postgres_options, instances=instances)
            return running.enter_context(Stack(settings))

        yield make
