"""nginx as the gateway of a stack: configuration rendered from nginx/, everything it writes in a directory of its own."""

import os
import signal
import socket

from .files import place_for, service_account
from .nginx import NO_LIMITS, Limits, nginx, upstreams, usable, write
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
        self.render()
        (self.work / "nginx.pid").unlink(missing_ok=True)
        command = [nginx(), "-p", self.work, "-c", self.configuration / "nginx.conf", "-e", self.settings.logs / "nginx-error.log"]
        process = Process(
            "nginx", command, self.settings.logs / "nginx-error.log", dict(os.environ), stop_signal=signal.SIGTERM).start()
        process.wait_until(self._listens, seconds=10)
        return process

    def render(self) -> None:
        for path in (self.settings.logs, self.configuration, self.work):
            usable(path).mkdir(parents=True, exist_ok=True)
        places = {
            "@USER@": f"user {self.account.pw_name};" if self.account else "",
            "@WORK@": str(self.work),
            "@LOGS@": str(self.settings.logs),
        }
        if self.settings.production is not None:
            write(self.configuration, "production", places | self.settings.production.values())
        else:
            write(self.configuration, "development", places | self._development())

    def _development(self) -> dict[str, str]:
        return {
            "@FILES@": "8192",
            "@CONNECTIONS@": "2048",
            "@SHUTDOWN@": "15s",
            "@LISTEN@": f"127.0.0.1:{self.settings.ports['gateway']}",
            "@SERVER_NAME_PATTERN@": r"127\.0\.0\.1",
            "@STRICT_TRANSPORT@": "",
            "@IMPORT_BYTES@": "1g",
        } | upstreams(*self.settings.addresses) | self.limits.values()

    def _listens(self) -> bool:
        return (self.work / "nginx.pid").exists() and _accepts(self.settings.ports["gateway"])


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
