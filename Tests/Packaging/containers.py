"""podman, and the images that stand in for what a registry would give."""

import os
import subprocess
from pathlib import Path

STAND_INS = Path(__file__).parent / "stand-ins"
ENVIRONMENT = os.environ | {"CONTAINERS_CONF": str(STAND_INS / "containers.conf"), "BUILDAH_FORMAT": "docker"}
BASE = "docker.io/library/debian:bookworm-slim"


def podman(*arguments, check: bool = True, timeout: float = 600, **options) -> subprocess.CompletedProcess:
    done = subprocess.run(
        ["podman", *map(str, arguments)], env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=timeout,
        **({"stdin": subprocess.DEVNULL} if "input" not in options else {}), **options)
    assert not check or done.returncode == 0, f"podman {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}"
    return done


def base() -> None:
    subprocess.run([STAND_INS / "base"], env=ENVIRONMENT, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
