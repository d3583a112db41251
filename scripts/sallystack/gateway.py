"""nginx as the gateway: configuration rendered from nginx/, everything it writes in a directory of its own."""

import os
import shutil
import signal
import socket
from pathlib import Path

from . import StackError
from .files import place_for, service_account
from .processes import Process
from .settings import CHECKOUT, SERVICES, Settings

TEMPLATES = CHECKOUT / "nginx"


class Gateway:
    """Started by root, nginx's workers run as www-data; otherwise all of it runs as the user."""

    def __init__(self, settings: Settings):
        self.settings = settings
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
        """Writes the configuration; every @NAME@ in the templates is one of these values."""
        values = {
            "@USER@": f"user {self.account.pw_name};" if self.account else "",
            "@WORK@": str(self.work),
            "@LOGS@": str(self.settings.logs),
            "@LISTEN@": f"127.0.0.1:{self.settings.ports['gateway']}",
        }
        for service in SERVICES:
            values[f"@{service.upper().replace('-', '_')}S@"] = "\n        ".join(self._upstream(service))
        for path in (self.settings.logs, self.configuration, self.work):
            if any(character in str(path) for character in "\"'\\;{}$ \t\n"):
                raise StackError(f"nginx cannot be configured for a path with such characters: {path}")
            path.mkdir(parents=True, exist_ok=True)
        for template in sorted(TEMPLATES.glob("*.conf")):
            text = template.read_text()
            for name, value in values.items():
                text = text.replace(name, value)
            (self.configuration / template.name).write_text(text)

    def _upstream(self, service: str) -> list[str]:
        """Each instance once more as a backup: in a rolling restart all may count as failed though the first is back."""
        addresses = [f"127.0.0.1:{self.settings.ports[name]}" for name in self.settings.names(service)]
        lines = [f"server {address} max_fails=1 fail_timeout=2s;" for address in addresses]
        return lines if len(lines) == 1 else lines + [f"server {address} max_fails=0 backup;" for address in addresses]

    def _listens(self) -> bool:
        return (self.work / "nginx.pid").exists() and _accepts(self.settings.ports["gateway"])


def nginx() -> str:
    """An ordinary user's PATH often leaves /usr/sbin out."""
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise StackError("There is no nginx: scripts/install-packages run installs it.")
    return found


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
