"""nginx as the gateway of a stack: configuration rendered from nginx/, everything it writes in a directory of its own."""

import os
import resource
import signal
import socket

from .files import place_for, service_account
from .nginx import NO_LIMITS, Limits, nginx, tracing, upstreams, usable, write
from .processes import Process
from .settings import Settings


class Gateway:
    """Started by root, nginx's workers run as www-data; otherwise all of it runs as the user. Without `limits` nobody is limited."""

    def __init__(self, settings: Settings, limits: Limits = NO_LIMITS):
        self.settings = settings
        self.limits = limits
        self.account = service_account("www-data")
        self.configuration = settings.directory / "nginx"
        self.work = place_for(settings.directory / "nginx-work", self.account)

    def start(self) -> Process:
        process = self.launch()
        process.wait_until(self._listens, seconds=10)
        return process

    def launch(self) -> Process:
        """As `start`, without waiting until it listens."""
        self.render()
        (self.work / "nginx.pid").unlink(missing_ok=True)
        command = [nginx(), "-p", self.work, "-c", self.configuration / "nginx.conf", "-e", self.settings.logs / "nginx-error.log"]
        return Process("nginx", command, self.settings.logs / "nginx-error.log", dict(os.environ), stop_signal=signal.SIGTERM).start()

    def render(self) -> None:
        for path in (self.settings.logs, self.configuration, self.work):
            usable(path).mkdir(parents=True, exist_ok=True)
        places = {
            "@USER@": f"user {self.account.pw_name};" if self.account else "",
            "@WORK@": str(self.work),
            "@LOGS@": str(self.settings.logs),
            "@FILES@": str(open_files()),
        }
        if self.settings.production is not None:
            write(self.configuration, "production", self.settings.production.values() | places)
        else:
            write(self.configuration, "development", places | self._development())

    def _development(self) -> dict[str, str]:
        return {
            # Idle clients cost little: room for 10,000 of them, even where they all meet the same worker.
            "@CONNECTIONS@": "16384",
            "@SHUTDOWN@": "15s",
            "@LISTEN@": f"127.0.0.1:{self.settings.ports['gateway']}",
            "@SERVER_NAME_PATTERN@": r"127\.0\.0\.1",
            "@STRICT_TRANSPORT@": "",
            "@IMPORT_BYTES@": "1g",
        } | upstreams(*self.settings.addresses) | self.limits.values() | tracing(self.settings.gateway_spans)

    def _listens(self) -> bool:
        return (self.work / "nginx.pid").exists() and _accepts(self.settings.ports["gateway"])


def open_files(wanted: int = 40_000) -> int:
    """As many as are wanted, or may be had."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
