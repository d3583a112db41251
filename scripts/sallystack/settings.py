"""What a stack can be told: where it lives, which binaries it runs, on which ports."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import StackError

if TYPE_CHECKING:
    from .production import Production

CHECKOUT = Path(__file__).resolve().parents[2]

PORT_VARIABLES = {"gateway": "SALLYPORT_PORT", "auth-server": "SALLYPORT_AUTH_PORT", "resource-api": "SALLYPORT_API_PORT"}
DEFAULT_PORTS = {"gateway": 8080, "auth-server": 8081, "resource-api": 8082}


@dataclass(frozen=True)
class Settings:
    """`ports` by server name. Without `durable` the database may lose everything in a crash, and is faster. With `production` the gateway
    is that of a deployment."""

    directory: Path
    binaries: Path
    ports: dict[str, int]
    durable: bool = True
    postgres_options: tuple[str, ...] = ()
    production: "Production | None" = None

    @classmethod
    def from_environment(cls) -> "Settings":
        """STACK_DIR (.run), BIN_DIR (.build/release) and the three port variables."""
        return cls(
            directory=CHECKOUT / os.environ.get("STACK_DIR", ".run"),
            binaries=CHECKOUT / os.environ.get("BIN_DIR", ".build/release"),
            ports={name: _port(variable, DEFAULT_PORTS[name]) for name, variable in PORT_VARIABLES.items()},
        )

    @property
    def base_url(self) -> str:
        return self.production.base_url if self.production else f"http://127.0.0.1:{self.ports['gateway']}"

    def url(self, server: str) -> str:
        return f"http://127.0.0.1:{self.ports[server]}"

    @property
    def addresses(self) -> tuple[list[str], list[str]]:
        """`host:port` of the authorization servers, and of the API's."""
        return [f"127.0.0.1:{self.ports['auth-server']}"], [f"127.0.0.1:{self.ports['resource-api']}"]

    @property
    def logs(self) -> Path:
        return self.directory / "log"

    @property
    def demo_file(self) -> Path:
        return self.directory / "demo.json"

    @property
    def master_key_file(self) -> Path:
        return self.directory / "master.key"


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise StackError(f"{variable} is ‘{text}’, which is not a port (1 to 65535).")
    return int(text)


def check_ports(settings: Settings) -> None:
    """Raises an error that names every port that cannot be had, and the variable that changes it."""
    problems, seen = [], {}
    for name, port in settings.ports.items():
        variable = PORT_VARIABLES[name]
        if port in seen:
            problems.append(f"Port {port} is given to both {seen[port]} and {name}: set {variable} to another one.")
        seen.setdefault(port, name)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except PermissionError:
            problems.append(f"Port {port} ({name}) needs privileges that this user lacks: set {variable} to one above 1023.")
        except OSError:
            problems.append(f"Port {port} ({name}) is in use: stop what listens there, or set {variable} to another port.")
    if problems:
        raise StackError("\n".join(problems))


def free_ports() -> dict[str, int]:
    """Ports that nobody listens on at this moment, one for each server."""
    sockets = {name: socket.socket() for name in PORT_VARIABLES}
    try:
        for one in sockets.values():
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in sockets.items()}
    finally:
        for one in sockets.values():
            one.close()
