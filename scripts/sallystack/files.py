"""Directories and secrets: who may read them, and where they fit."""

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from pathlib import Path

from . import StackError

# Of a stack's directory, where a throw-away cluster is.
TEST_DATABASE = "test-database"
# struct sockaddr_un holds 108 bytes, the last of them zero.
SOCKET_PATH_LIMIT = 107


def service_account(*names: str) -> pwd.struct_passwd | None:
    """The unprivileged account to run a program as: None when this process is unprivileged itself."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StackError(f"Started by root, but none of the accounts {', '.join(names)} and nobody exists to run as.")


def as_account(account: pwd.struct_passwd | None) -> dict:
    """Arguments for subprocess that make the child run as that account."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def place_for(directory: Path, account: pwd.struct_passwd | None) -> Path:
    """The directory, or one in its stead under /var/lib when the account cannot reach it (say, below /root)."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    if account is None or _can_enter(directory.parent, account):
        return directory
    return substitute(directory.parent) / directory.name


def substitute(directory: Path) -> Path:
    """Stands in for a directory that unprivileged accounts cannot reach; always the same one for the same directory."""
    return Path("/var/lib") / f"sallyport-{_digest(directory)}"


def in_memory(directory: Path, *, free_bytes: int) -> Path:
    """One in its stead that is kept in memory where so much is free, else the directory: where thousands of files are made and removed a
    second, a file system on a disk takes longer than what is done with them."""
    memory = _memory_for(directory).parent
    if not os.access(memory, os.W_OK | os.X_OK) or min(shutil.disk_usage(memory).free, _available_memory()) < free_bytes:
        return directory
    place = private_directory(_memory_for(directory))
    place.chmod(0o711)
    return place


def _memory_for(directory: Path) -> Path:
    return Path("/dev/shm") / f"sallyport-{_digest(directory)}"


def _available_memory() -> int:
    """In bytes; zero where it is not told."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def private_directory(path: Path, account: pwd.struct_passwd | None = None) -> Path:
    """Makes the directory with mode 0700, owned by the account; refuses one that somebody else has made there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
        if account is not None:
            os.chown(path, account.pw_uid, account.pw_gid)
    except FileExistsError:
        pass
    owner = os.geteuid() if account is None else account.pw_uid
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
        raise StackError(f"{path} belongs to somebody else, or is not a directory: remove it (make clean) and start again.")
    path.chmod(0o700)
    return path


def socket_directory(preferred: Path, account: pwd.struct_passwd | None, socket_name: str) -> Path:
    """The preferred directory, or a short one when the socket's path would not fit into the address."""
    if len(os.fsencode(preferred / socket_name)) <= SOCKET_PATH_LIMIT:
        return private_directory(preferred, account)
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if account is None else ""
    base = Path(runtime) if runtime and Path(runtime).is_dir() and len(runtime) < 60 else Path("/tmp")
    return private_directory(base / f"sallyport-{_digest(preferred)}", account)


def write_private(path: Path, text: str) -> None:
    """Writes the file, readable by its owner only from the first moment on, and replaces an old one at once."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def generated_secret(path: Path) -> str:
    """The secret in the file: 32 random bytes in hexadecimal, made the first time."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, secrets.token_hex(32) + "\n")
    return path.read_text().strip()


def remove(directory: Path) -> None:
    """Removes a stack's directory, and what stands in for it, or for a stack inside it, elsewhere: on disk or in memory."""
    inside = [path for path in directory.iterdir() if path.is_dir()] if directory.is_dir() else []
    stand_ins = [place for path in (directory, directory / TEST_DATABASE, *inside) for place in (substitute(path), _memory_for(path))]
    for path in (*stand_ins, directory):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _can_enter(directory: Path, account: pwd.struct_passwd) -> bool:
    return subprocess.run(["test", "-x", directory], cwd="/", check=False, **as_account(account)).returncode == 0


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]
