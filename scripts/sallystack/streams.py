"""Copies that are checked while they are made: a program's output, looked at as it passes, encrypted on request, and read again from disk."""

import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from . import StackError

CHUNK = 1 << 20


class Check(Protocol):
    """Sees all of a stream in order; `finish` raises an error when it is not what it should be."""

    def feed(self, chunk: bytes) -> None: ...
    def finish(self) -> None: ...


def tool(name: str, package: str | None = None) -> str:
    """A program in PATH."""
    found = shutil.which(name)
    if found is None:
        raise StackError(f"There is no {name}: install Debian's package {package or name} (scripts/install-packages backup).")
    return found


def python() -> str:
    """The interpreter that other accounts can run too: one below somebody's home they cannot."""
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else tool("python3")


def encryption(recipients: Path | None) -> list[list]:
    """The step that encrypts to age's public keys, one a line in the file; none without a file. What reads the backup needs the private
    key, which need not be on this machine."""
    if recipients is None:
        return []
    if not recipients.is_file():
        raise StackError(f"{recipients} is not there: put public keys of age into it, one a line (age-keygen makes a pair).")
    return [[tool("age"), "--encrypt", "--recipients-file", recipients]]


def decryption(path: Path, identity: Path | None) -> list[list]:
    if path.suffix != ".age":
        return []
    if identity is None:
        raise StackError(f"{path.name} is encrypted: name the file with age's private key (--identity).")
    return [[tool("age"), "--decrypt", "--identity", identity]]


def write_checked(source: list, path: Path, steps: list[list], check: Check, environment: dict[str, str] | None = None) -> str:
    """Runs `source`, lets `check` see its output, sends it through `steps` into a new file (mode 0600) and on to the disk, and reads the file again.
    Returns the file's SHA-256 in hexadecimal; on any failure there is no file."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            producer = _start(source, subprocess.DEVNULL, environment)
            sink = _Sink(steps, file)
            try:
                while chunk := producer.stdout.read(CHUNK):
                    check.feed(chunk)
                    sink.write(chunk)
            finally:
                producer.stdout.close()
                status = producer.wait()
                sink.close()
            if status != 0:
                raise StackError(f"{Path(str(source[0])).name} failed with status {status}; no copy was made.")
            check.finish()
            sink.raise_failure()
            file.flush()
            os.fsync(file.fileno())
            # From the disk, not from memory.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if digest(path) != sink.hash.hexdigest():
            raise StackError(f"{path} does not read as it was written: is the disk full, or broken?")
        return sink.hash.hexdigest()
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def read_through(path: Path, steps: list[list]) -> Iterator[bytes]:
    """The file's contents after `steps`, in chunks; an error when one of them fails, at the end at the latest."""
    processes = []
    with open(path, "rb") as file:
        stream: BinaryIO = file
        for step in steps:
            processes.append(_start(step, stream))
            if stream is not file:
                stream.close()
            stream = processes[-1].stdout
        while chunk := stream.read(CHUNK):
            yield chunk
        if stream is not file:
            stream.close()
    for process, step in zip(processes, steps):
        if process.wait() != 0:
            raise StackError(f"{path} cannot be read: {Path(str(step[0])).name} failed with status {process.returncode}.")


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def sync_directory(path: Path) -> None:
    """A new or renamed file is safe once its directory is on the disk too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Sink:
    """Steps in a row, and the file at their end, whose bytes are hashed as they pass."""

    def __init__(self, steps: list[list], file: BinaryIO):
        self.hash = hashlib.sha256()
        self._file = file
        self._steps = steps
        self._processes: list[subprocess.Popen] = []
        for step in steps:
            before = self._processes[-1].stdout if self._processes else subprocess.PIPE
            self._processes.append(_start(step, before))
            if before is not subprocess.PIPE:
                before.close()
        self._failure: Exception | None = None
        self._drain = threading.Thread(target=self._copy)
        if self._processes:
            self._drain.start()

    def write(self, chunk: bytes) -> None:
        if not self._processes:
            self._take(chunk)
            return
        try:
            self._processes[0].stdin.write(chunk)
        except BrokenPipeError:
            raise StackError(f"{Path(str(self._steps[0][0])).name} ended too early.") from None

    def close(self) -> None:
        if not self._processes:
            return
        try:
            self._processes[0].stdin.close()
        except BrokenPipeError:
            pass
        self._drain.join()
        for process in self._processes:
            process.wait()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
        for process, step in zip(self._processes, self._steps):
            if process.returncode != 0:
                raise StackError(f"{Path(str(step[0])).name} failed with status {process.returncode}.")

    def _copy(self) -> None:
        output = self._processes[-1].stdout
        try:
            while chunk := output.read(CHUNK):
                if self._failure is None:
                    self._take(chunk)
        except OSError as error:
            self._failure = error
            while output.read(CHUNK):
                pass
        finally:
            output.close()

    def _take(self, chunk: bytes) -> None:
        self.hash.update(chunk)
        self._file.write(chunk)


def _start(command: list, stdin, environment: dict[str, str] | None = None) -> subprocess.Popen:
    return subprocess.Popen([str(word) for word in command], stdin=stdin, stdout=subprocess.PIPE, env=environment)
