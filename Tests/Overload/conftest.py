"""A stack with two instances of each service, and requests at a constant rate. BIN_DIR says which binaries; OVERLOAD=full: longer."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "scripts"), str(CHECKOUT / "Tests/Acceptance"), str(Path(__file__).parent)]

from offers import Offers  # noqa: E402
from sallystack.files import remove  # noqa: E402
from sallystack.settings import Settings, free_ports  # noqa: E402
from sallystack.stack import Stack  # noqa: E402
from support import Sallyport  # noqa: E402


@pytest.fixture(scope="session")
def is_full() -> bool:
    return os.environ.get("OVERLOAD") == "full"


@pytest.fixture(scope="session")
def stack():
    # Ten thousand connections to nginx, and as many from it to a service, are file descriptors here and there.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory = CHECKOUT / os.environ.get("STACK_DIR", ".run/overload")
    remove(directory)
    settings = Settings(directory, CHECKOUT / os.environ.get("BIN_DIR", ".build/debug"), free_ports(2), durable=False, instances=2)
    os.environ.setdefault("SALLYPORT_LOG_LEVEL", "notice")
    with Stack(settings) as stack:
        stack.up()
        yield stack
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="session")
def sallyport(stack) -> Sallyport:
    return Sallyport(stack)


@pytest.fixture(scope="session")
def offers(sallyport, tmp_path_factory) -> Offers:
    program = tmp_path_factory.mktemp("offer") / "offer"
    compiler = shutil.which("cc") or shutil.which("clang")
    assert compiler, "no C compiler: the Swift toolchain has clang"
    subprocess.run([compiler, "-O2", "-o", program, Path(__file__).parent / "offer.c"], check=True)
    return Offers(sallyport, program, tmp_path_factory.mktemp("requests"))
