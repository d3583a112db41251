"""Child processes: started in a process group of their own, logged to a file, stopped by signal with a deadline."""

import ctypes
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from . import StackError
from .files import as_account

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
# A proxy in the environment must not see what goes to 127.0.0.1.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Process:
    """One program. Should the starting process be killed, the kernel sends the child its stop signal.

    That signal follows the starting *thread*: start long-lived processes from the main thread.
    """

    def __init__(self, name: str, command: list, log: Path, environment: dict[str, str], account=None, stop_signal=signal.SIGTERM):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = log
        self.environment = environment
        self.account = account
        self.stop_signal = stop_signal
        self.child: subprocess.Popen | None = None

    def start(self) -> "Process":
        parent, stop_signal = os.getpid(), self.stop_signal

        def die_with_parent():
            _libc.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            try:
                self.child = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, cwd="/",
                    process_group=0, preexec_fn=die_with_parent, **as_account(self.account),
                )
            except OSError as error:
                raise StackError(f"{self.name} cannot be started: {self.command[0]}: {error.strerror}") from None
        return self

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    @property
    def is_running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def stop(self, seconds: float = 20, with_signal=None) -> int | None:
        """Sends the stop signal and waits; after the deadline, SIGKILL. Returns the exit status."""
        if self.child is None:
            return None
        if self.is_running:
            self.child.send_signal(with_signal or self.stop_signal)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not stop within {seconds:.0f} s and is killed.", flush=True)
            self.child.kill()
            return self.child.wait()

    def wait_until(self, is_ready: Callable[[], bool], seconds: float = 30, interval: float = 0.02) -> None:
        """Polls; an error tells that the program ended, or was not ready in time, with the end of its log."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if not self.is_running:
                raise StackError(f"{self.name} ended at once, with {self.exit_description()}.\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} was not ready after {seconds:.0f} s.\n{self.log_tail()}")
            time.sleep(interval)

    def exit_description(self) -> str:
        status = self.child.poll() if self.child else None
        return f"signal {-status}" if status is not None and status < 0 else f"status {status}"

    def log_tail(self, lines: int = 15) -> str:
        text = self.log.read_text(errors="replace").splitlines()[-lines:] if self.log.exists() else []
        return "\n".join([f"The end of {self.log}:", *("  " + line for line in text)])


def answers_200(url: str) -> bool:
    try:
        with _direct.open(url, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
