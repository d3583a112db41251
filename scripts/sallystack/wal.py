"""The archive of PostgreSQL's write-ahead log: what archive_command and restore_command run."""

import hashlib
import os
import re
from pathlib import Path

from . import StackError
from .streams import decryption, encryption, read_through, sync_directory, tool, write_checked

# Segments, their parts, timeline histories and backup labels: the names that the server gives.
NAME = re.compile(r"[0-9A-F]{8}(?:[0-9A-F]{16}(?:\.partial|\.[0-9A-F]{8}\.backup)?|\.history)")


def archive(target: Path, segment: Path, recipients: Path | None) -> None:
    """Keeps one file of the log. Again for the same file is no error; another one under its name is, and stays away.

    Returns once it is on the disk: the server then removes its own.
    """
    name = _checked(segment.name)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = hashlib.sha256(segment.read_bytes()).hexdigest()
    mark = target / f"{name}.sha256"
    if mark.exists():
        if mark.read_text().strip() == plain and _stored(target, name) is not None:
            return
        raise StackError(f"{target} has another {name}: two servers must not share an archive.")
    final = target / (f"{name}.zst.age" if recipients else f"{name}.zst")
    unfinished = target / f".{final.name}.{os.getpid()}"
    write_checked(["cat", segment], unfinished, [[tool("zstd"), "--quiet", "-3"], *encryption(recipients)], _Digest(plain))
    unfinished.rename(final)
    sync_directory(target)
    # Last: with it the file counts.
    with open(mark, "x") as file:
        file.write(plain + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_directory(target)


def fetch(source: Path, name: str, destination: Path, identity: Path | None) -> bool:
    """Gives one file of the log back, checked. False: it is not in the archive, which is how a recovery ends."""
    stored = _stored(source, _checked(name))
    mark = source / f"{name}.sha256"
    if stored is None or not mark.exists():
        return False
    check = _Digest(mark.read_text().strip())
    with open(destination, "wb") as file:
        for chunk in read_through(stored, [*decryption(stored, identity), [tool("zstd"), "--quiet", "--decompress"]]):
            check.feed(chunk)
            file.write(chunk)
    check.finish()
    return True


class _Digest:
    def __init__(self, expected: str):
        self._expected = expected
        self._found = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        self._found.update(chunk)

    def finish(self) -> None:
        if self._found.hexdigest() != self._expected:
            raise StackError("A file of the log is not as it was archived.")


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise StackError(f"‘{name}’ is not a file of the write-ahead log.")
    return name


def _stored(directory: Path, name: str) -> Path | None:
    return next((path for path in (directory / f"{name}.zst", directory / f"{name}.zst.age") if path.exists()), None)
