"""PostgreSQL servers that can fail: one that serves, and for a fail-over a synchronous standby of it."""

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

from sallystack import StackError
from sallystack.cluster import SUPERUSER, Cluster, clean_environment, program
from sallystack.files import as_account, private_directory
from sallystack.processes import Process

#: Small, so that a full disk and the next segment of the log are never far away.
VOLUME_BYTES = 640 << 20
OPTIONS = (
    "max_connections=120", "shared_buffers=32MB", "min_wal_size=4MB", "max_wal_size=32MB", "checkpoint_timeout=30s", "wal_keep_size=16MB",
    "synchronous_commit=on", "restart_after_crash=on", "log_min_messages=warning",
)
STANDBY_NAME = "standby"


class Node(Cluster):
    """A server in a volume of its own where this process may mount one: then its disk can be filled without harm to others."""

    initdb_options = ("--wal-segsize=1",)

    def __init__(self, name: str, directory: Path, address: str):
        super().__init__(directory / name, trust=True, options=OPTIONS)
        self.name = name
        #: Where the services look for it.
        self.address = address
        self.has_volume = False
        self._filler = self.home / "filler"

    @property
    def socket_path(self) -> Path:
        return self.socket_directory / ".s.PGSQL.5432"

    # Its disk.

    def mount(self) -> None:
        if os.geteuid() != 0:
            return
        self.unmount()
        private_directory(self.home, self.account)
        options = f"size={VOLUME_BYTES},mode=0700,uid={self.account.pw_uid},gid={self.account.pw_gid}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "sallyport-faults", str(self.home)], check=False, capture_output=True)
        self.has_volume = done.returncode == 0

    def unmount(self) -> None:
        while os.path.ismount(self.home):
            subprocess.run(["umount", str(self.home)], check=True)
        self.has_volume = False

    def fill_disk(self) -> None:
        """Leaves not one block."""
        with open(self._filler, "ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                piece = bytes(size)
                try:
                    while True:
                        file.write(piece)
                except OSError:
                    continue

    def empty_disk(self) -> None:
        self._filler.unlink(missing_ok=True)

    # Its processes.

    def pids(self) -> list[int]:
        """The postmaster and its children, which are in groups of their own."""
        if not self.is_up():
            return []
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False).stdout.split()
        return [self.process.pid, *map(int, children)]

    def is_up(self) -> bool:
        return self.process is not None and self.process.is_running

    def signal(self, number: int) -> None:
        """To all of them; those stopped by SIGSTOP cannot make more."""
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def destroy(self) -> None:
        """As if its machine were gone."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.child.wait(10)
            self.process = None
        shutil.rmtree(self.data, ignore_errors=True)
        self.empty_disk()

    async def takes_connections(self, seconds: float = 30) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not await asyncio.to_thread(self.accepts_connections):
            if asyncio.get_running_loop().time() > deadline:
                raise StackError(f"{self.name} does not take connections.\n{self.process.log_tail()}")
            await asyncio.sleep(0.05)

    # Its place among the others.

    async def follow(self, primary: "Node") -> Process:
        """Becomes a synchronous standby of the primary, from a fresh copy; returns when the primary waits for it."""
        private_directory(self.home, self.account)
        self.socket_directory  # noqa: B018 — made before the server needs it
        origin = f"host={primary.socket_directory} port=5432 user={SUPERUSER} application_name={STANDBY_NAME}"
        command = [program("pg_basebackup"), "-d", origin, "-D", self.data, "-X", "stream", "-c", "fast", "--no-sync", "-R"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd="/", capture_output=True, text=True, check=False, env=clean_environment(), **as_account(self.account))
        if done.returncode != 0:
            raise StackError(f"pg_basebackup failed: {done.stderr.strip()}")
        process = self.launch()
        await self.takes_connections()
        await primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY_NAME}'")
        await primary.ask("SELECT pg_reload_conf()")
        for _ in range(200):
            if await primary.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'") == "1":
                return process
            await asyncio.sleep(0.05)
        raise StackError("the standby is not synchronous")

    async def promote(self) -> None:
        command = [program("pg_ctl"), "promote", "-D", self.data, "-s", "-w", "-t", "30"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd="/", capture_output=True, text=True, check=False, env=clean_environment(), **as_account(self.account))
        if done.returncode != 0:
            raise StackError(f"pg_ctl promote failed: {done.stderr.strip()}")

    async def ask(self, sql: str, database: str = "postgres") -> str:
        return await asyncio.to_thread(self.run_sql, sql, database)
