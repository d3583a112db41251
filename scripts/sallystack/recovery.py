"""A stack's data put back from a backup."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import StackError, backups
from .cluster import SUPERUSER
from .files import write_private
from .settings import Settings
from .stack import Stack


def restore_stack(
    settings: Settings, backup: Path, identity: Path | None, restore_command: Callable[[Path | None], str], until: str | None
) -> None:
    """The stack must not be running. Its passwords are afterwards those in its directory; data that were there before a base backup is
    restored are kept beside, under a name with the time."""
    backups.verify(backup, identity)
    with Stack(settings) as stack:
        if backups.describe(backup)["kind"] == "base":
            _restore_base(stack, backup, identity, restore_command, until)
        else:
            stack.cluster.start()
            stack.cluster.bootstrap()
            backups.restore_dump(backup, stack.cluster.url(SUPERUSER, "postgres"), identity)
        stack.cluster.bootstrap()
        stack.cluster.open_run_time_roles()


def _restore_base(stack: Stack, backup: Path, identity: Path | None, restore_command: Callable, until: str | None) -> None:
    cluster = stack.cluster
    cluster.prepare()
    filling = cluster.home / "data.restored"
    shutil.rmtree(filling, ignore_errors=True)
    # The server reads the archive as its own account.
    key = None
    if identity is not None:
        key = cluster.home / "identity"
        write_private(key, identity.read_text())
        _give(key, cluster.account)
    try:
        backups.restore_base(backup, filling, identity, restore_command(key), until)
        _give(filling, cluster.account)
        if cluster.data.exists():
            cluster.data.rename(cluster.home / f"data.before-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        filling.rename(cluster.data)
        cluster.start(seconds=3600)
        while cluster.run_sql("SELECT pg_is_in_recovery()") != "f":
            if not cluster.process.is_running:
                raise StackError(f"PostgreSQL ended while it read the log.\n{cluster.process.log_tail()}")
            time.sleep(0.1)
        cluster.run_sql("ALTER SYSTEM RESET restore_command; ALTER SYSTEM RESET recovery_target_time")
    finally:
        if key is not None:
            key.unlink(missing_ok=True)


def _give(path: Path, account) -> None:
    if account is not None:
        subprocess.run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", path], check=True)
