"""Backups: directories that are complete and checked once they have their name.

  sallyport-TIME.dump/   roles.sql and database.dump (pg_dump's custom format): one database, restored into any cluster
  sallyport-TIME.base/   base.tar.zst (pg_basebackup): the cluster, which with the archived WAL becomes what it was at any second since

Each file has `.age` behind its name where it is encrypted; `backup.json` says what there is, with the SHA-256 of every file.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import StackError
from .cluster import DATABASE, clean_environment, program
from .files import write_private
from .streams import decryption, digest, encryption, read_through, sync_directory, tool, write_checked

DESCRIPTION = "backup.json"


def dump(url: str, target: Path, recipients: Path | None) -> Path:
    """The database as it was at one moment, beside running services. `url` is a superuser's: row-level security hides rows from others."""

    def fill(directory: Path) -> dict[str, str]:
        return {
            name: write_checked(command, directory / name, encryption(recipients), check, clean_environment())
            for name, command, check in (
                (_named("roles.sql", recipients), [program("pg_dumpall"), "--roles-only", "--no-role-passwords", "-d", url], TextCheck()),
                (_named("database.dump", recipients), [program("pg_dump"), "--format=custom", "--create", "-d", url], DumpCheck()),
            )
        }

    return _write(target, "dump", recipients, fill)


def base(url: str, target: Path, recipients: Path | None) -> Path:
    """The cluster's files, beside running services. Good for nothing without the WAL written meanwhile: the server must archive it, and this
    waits until it has. `url` is that of a superuser or a role with REPLICATION, whatever the database."""
    command = [
        program("pg_basebackup"), "-d", url, "-D", "-", "--format=tar", "--wal-method=none", "--checkpoint=fast", "--manifest-checksums=SHA256",
        "--no-password"]

    def fill(directory: Path) -> dict[str, str]:
        path = directory / _named("base.tar.zst", recipients)
        steps = [[tool("zstd"), "--quiet", "-3"], *encryption(recipients)]
        return {path.name: write_checked(command, path, steps, check, clean_environment())}

    check = BaseCheck()
    return _write(target, "base", recipients, fill, lambda: {"first_wal": check.first_wal})


def describe(backup: Path) -> dict:
    """What the backup says of itself."""
    try:
        found = json.loads((backup / DESCRIPTION).read_text())
        if found["kind"] in ("dump", "base") and isinstance(found["files"], dict):
            return found
    except (OSError, ValueError, KeyError):
        pass
    raise StackError(f"{backup} is not a backup, or not a whole one: it has no readable {DESCRIPTION}.")


def verify(backup: Path, identity: Path | None) -> None:
    """Reads everything: the files are as they were written, and, where they can be opened, what is in them is whole."""
    found = describe(backup)
    for name, expected in found["files"].items():
        path = backup / name
        if not path.is_file() or digest(path) != expected:
            raise StackError(f"{path} is missing, or not as it was written.")
        if found["encrypted"] and identity is None:
            continue
        kind = name.split(".")[0]
        check = {"roles": TextCheck, "database": DumpCheck, "base": BaseCheck}[kind]()
        for chunk in read_through(path, _opening(path, identity)):
            check.feed(chunk)
        check.finish()


def prune(target: Path, keep: int, archive: Path) -> list[Path]:
    """Removes all but the newest `keep` of each kind, and of the log what came before the oldest base backup that stays."""
    removed = []
    for kind in ("dump", "base"):
        for path in _of(target, kind)[:-keep]:
            # From then on it is no backup any more, whatever happens.
            (path / DESCRIPTION).unlink()
            shutil.rmtree(path)
            removed.append(path)
    if bases := _of(target, "base"):
        first = min(describe(path)["first_wal"] for path in bases)
        for path in sorted(archive.glob("*")):
            # Without the timeline, whose number comes first: what came before on any of them.
            if re.fullmatch(r"[0-9A-F]{24}\..*", path.name) and path.name[8:24] < first[8:]:
                path.unlink()
                removed.append(path)
    return removed


def restore_dump(backup: Path, url: str, identity: Path | None) -> None:
    """Replaces the database of the superuser's cluster by the backup's. Roles that are there keep their passwords; new ones have none."""
    _of_kind(backup, "dump")
    roles = b"".join(read_through(_file(backup, "roles.sql"), _opening(_file(backup, "roles.sql"), identity)))
    # A role that is there is no error: psql goes on.
    _feed([program("psql"), "-X", "-q", "-d", url], [roles], "the roles", capture=True)
    path = _file(backup, "database.dump")
    command = [program("pg_restore"), "--create", "--clean", "--if-exists", "--exit-on-error", "-d", url]
    _feed(command, read_through(path, _opening(path, identity)), "the database")


def restore_base(backup: Path, data: Path, identity: Path | None, restore_command: str, until: str | None) -> None:
    """Fills the empty directory `data` so that a server started on it reads the WAL archive up to the moment, and then takes over.

    `until` is a time as PostgreSQL reads it, with its time zone; None: as far as the archive goes. The caller starts the server.
    """
    _of_kind(backup, "base")
    if data.exists() and any(data.iterdir()):
        raise StackError(f"{data} is not empty: move it away first.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = _file(backup, "base.tar.zst")
    command = ["tar", "--extract", "--directory", data, "--no-same-owner"]
    _feed(command, read_through(path, _opening(path, identity)), "the cluster's files")
    data.chmod(0o700)
    settings = {"restore_command": restore_command, "recovery_target_action": "promote", "recovery_target_timeline": "latest"}
    if until is not None:
        settings["recovery_target_time"] = until
    lines = "".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
    with open(data / "postgresql.auto.conf", "a") as file:
        file.write(lines)
    (data / "recovery.signal").touch(mode=0o600)


class TextCheck:
    """SQL that pg_dumpall has written to its end."""

    def __init__(self):
        self._end = b""

    def feed(self, chunk: bytes) -> None:
        self._end = (self._end + chunk)[-400:]

    def finish(self) -> None:
        if b"dump complete" not in self._end:
            raise StackError("The roles were not written to their end.")


class DumpCheck:
    """Everything in a dump is read and turned into SQL, which goes nowhere."""

    def __init__(self):
        command = [program("pg_restore"), "--file=/dev/null"]
        self._reader = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())

    def feed(self, chunk: bytes) -> None:
        try:
            self._reader.stdin.write(chunk)
        except BrokenPipeError:
            self.finish()

    def finish(self) -> None:
        _, errors = self._reader.communicate()
        if self._reader.returncode != 0:
            raise StackError(f"The dump cannot be read: {errors.decode(errors='replace').strip()}")


class BaseCheck:
    """Every file in the tar has the SHA-256 that the server's manifest, at its end, says."""

    def __init__(self):
        reading, writing = os.pipe()
        self._writing = os.fdopen(writing, "wb")
        self._found: dict[str, tuple[int, str]] = {}
        self._manifest: bytes | None = None
        self._failure: Exception | None = None
        # The first file of the log that the copy needs; known at the end.
        self.first_wal = ""
        self._thread = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._thread.start()

    def feed(self, chunk: bytes) -> None:
        try:
            self._writing.write(chunk)
        except BrokenPipeError:
            self.finish()

    def finish(self) -> None:
        try:
            self._writing.close()
        except BrokenPipeError:
            pass
        self._thread.join()
        if self._failure is not None or self._manifest is None:
            raise StackError(f"The cluster's files are not whole: {self._failure or 'there is no manifest'}.")
        manifest = json.loads(self._manifest)
        files = manifest["Files"]
        self.first_wal = min(_segment(part["Timeline"], part["Start-LSN"]) for part in manifest["WAL-Ranges"])
        for file in files:
            path = file.get("Path") or bytes.fromhex(file["Encoded-Path"]).decode(errors="surrogateescape")
            if self._found.get(path) != (file["Size"], file["Checksum"]):
                raise StackError(f"{path} is not in the copy as the server's manifest says.")
        if not any(file.get("Path") == "global/pg_control" for file in files):
            raise StackError("The copy has no global/pg_control.")

    def _read(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as stream:
            try:
                with tarfile.open(fileobj=stream, mode="r|") as archive:
                    for member in archive:
                        if member.isfile():
                            self._take(member.name.removeprefix("./"), archive.extractfile(member))
                while stream.read(1 << 16):
                    pass
            except (tarfile.TarError, OSError, ValueError) as error:
                self._failure = error

    def _take(self, name: str, file) -> None:
        if name == "backup_manifest":
            self._manifest = file.read()
            return
        found, size = hashlib.sha256(), 0
        while chunk := file.read(1 << 20):
            found.update(chunk)
            size += len(chunk)
        self._found[name] = (size, found.hexdigest())


def _of(target: Path, kind: str) -> list[Path]:
    """Whole backups, the oldest first."""
    return sorted(path for path in target.glob(f"sallyport-*.{kind}") if (path / DESCRIPTION).exists())


def _write(
    target: Path, kind: str, recipients: Path | None, fill: Callable[[Path], dict[str, str]], more: Callable[[], dict] = dict
) -> Path:
    """Under another name until it is whole and on the disk."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    began = time.time()
    name = f"sallyport-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(began))}.{kind}"
    unfinished = target / f".{name}.{os.getpid()}"
    unfinished.mkdir(mode=0o700)
    try:
        files = fill(unfinished)
        description = {
            "kind": kind, "database": DATABASE, "began": began, "ended": time.time(), "encrypted": recipients is not None, "files": files,
            **more()}
        write_private(unfinished / DESCRIPTION, json.dumps(description, indent=2) + "\n")
        sync_directory(unfinished)
        try:
            unfinished.rename(target / name)
        except OSError:
            raise StackError(f"{target / name} is there already: the clock has gone back, or two backups began in one second.") from None
        sync_directory(target)
    except BaseException:
        for path in unfinished.glob("*"):
            path.unlink()
        unfinished.rmdir()
        raise
    return target / name


def _segment(timeline: int, position: str) -> str:
    """The name of the log's file of 16 MiB that holds the position, such as 0/2000028."""
    high, low = (int(part, 16) for part in position.split("/"))
    return f"{timeline:08X}{high:08X}{low >> 24:08X}"


def _named(name: str, recipients: Path | None) -> str:
    return name + (".age" if recipients else "")


def _file(backup: Path, name: str) -> Path:
    """Plain or encrypted."""
    plain = backup / name
    return plain if plain.exists() else plain.with_name(name + ".age")


def _opening(path: Path, identity: Path | None) -> list[list]:
    compressed = path.name.removesuffix(".age").endswith(".zst")
    return decryption(path, identity) + ([[tool("zstd"), "--quiet", "--decompress"]] if compressed else [])


def _of_kind(backup: Path, kind: str) -> None:
    if describe(backup)["kind"] != kind:
        raise StackError(f"{backup} is not a backup of this kind ({kind}).")


def _feed(command: list, chunks, what: str, capture: bool = False) -> None:
    output = subprocess.DEVNULL if capture else None
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=output, stderr=output, env=clean_environment())
    try:
        for chunk in chunks:
            process.stdin.write(chunk)
        process.stdin.close()
    except BrokenPipeError:
        pass
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.wait() != 0:
        raise StackError(f"{Path(str(command[0])).name} failed with status {process.returncode}: {what} could not be restored.")
