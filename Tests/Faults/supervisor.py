"""What systemd or a container runtime does: starts again what has ended. Faults tell it what they kill; other ends are noted."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from history import now
from sallystack.processes import Process

RESTART_SECONDS = 0.2


@dataclass
class Ward:
    process: Process
    start: Callable[[], Process]
    #: False while a fault keeps it down.
    is_wanted: bool = True
    #: Whether its end, should it come, is a fault's doing.
    is_condemned: bool = False
    ended_at: float | None = None
    #: The process that a fault has killed.
    killed: Process | None = None


class Supervisor:
    def __init__(self):
        self.wards: dict[str, Ward] = {}
        self.unexpected: list[str] = []
        self._task: asyncio.Task | None = None

    def watch(self, name: str, process: Process, start: Callable[[], Process]) -> None:
        self.wards[name] = Ward(process, start)

    def forget(self, name: str) -> None:
        self.wards.pop(name, None)

    def condemn(self, name: str, keep_down: bool = False) -> Ward:
        ward = self.wards[name]
        ward.is_condemned, ward.is_wanted, ward.killed = True, not keep_down, ward.process
        return ward

    async def restore(self, name: str, was_killed: bool = True) -> None:
        """Wants it up again, and waits until it was started; a process that was killed may need a moment to be gone."""
        ward = self.wards[name]
        ward.is_wanted = True
        while not ward.process.is_running or (was_killed and ward.process is ward.killed):
            await asyncio.sleep(0.01)
        ward.is_condemned = False

    async def __aenter__(self) -> "Supervisor":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(0.03)
            for name, ward in list(self.wards.items()):
                self._look_after(name, ward)

    def _look_after(self, name: str, ward: Ward) -> None:
        if ward.process.is_running:
            ward.ended_at = None
            return
        if ward.ended_at is None:
            ward.ended_at = now()
            if not ward.is_condemned:
                self.unexpected.append(f"{name} ended with {ward.process.exit_description()}")
        if ward.is_wanted and now() - ward.ended_at >= RESTART_SECONDS:
            ward.process = ward.start()
            ward.ended_at = None
