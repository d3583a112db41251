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
SERVICES = ("auth-server", "resource-api")
MAXIMUM_INSTANCES = 9
# From the port of one instance to the next one's.
PORT_STEP = 10


@dataclass(frozen=True)
class Settings:
    """`ports` by process name (`instance`). Without `durable` the database may lose everything in a crash, and is faster. With `production`
    the gateway is that of a deployment."""

    directory: Path
    binaries: Path
    ports: dict[str, int]
    durable: bool = True
    postgres_options: tuple[str, ...] = ()
    instances: int = 1
    gateway_spans: bool = False
    production: "Production | None" = None

    @classmethod
    def from_environment(cls) -> "Settings":
        """STACK_DIR (.run), BIN_DIR (.build/release), INSTANCES (1) and the three port variables."""
        instances = _number("INSTANCES", 1, MAXIMUM_INSTANCES, "a number of instances")
        return cls(
            directory=CHECKOUT / os.environ.get("STACK_DIR", ".run"),
            binaries=CHECKOUT / os.environ.get("BIN_DIR", ".build/release"),
            ports=_ports(instances),
            instances=instances,
        )

    @property
    def base_url(self) -> str:
        return self.production.base_url if self.production else f"http://127.0.0.1:{self.ports['gateway']}"

    def names(self, service: str) -> list[str]:
        """The processes of a service, the first instance first."""
        return [instance(service, number) for number in range(1, self.instances + 1)]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def addresses(self) -> tuple[list[str], list[str]]:
        """`host:port` of the authorization servers, and of the API's."""
        auth_servers, apis = ([f"127.0.0.1:{self.ports[name]}" for name in self.names(service)] for service in SERVICES)
        return auth_servers, apis

    @property
    def logs(self) -> Path:
        return self.directory / "log"

    @property
    def demo_file(self) -> Path:
        return self.directory / "demo.json"

    @property
    def master_key_file(self) -> Path:
        return self.directory / "master.key"


def instance(service: str, number: int = 1) -> str:
    """The process name of a service's instance: `resource-api`, `resource-api-2`, …"""
    return service if number == 1 else f"{service}-{number}"


def _ports(instances: int) -> dict[str, int]:
    ports = {name: _number(variable, DEFAULT_PORTS[name], 65535, "a port") for name, variable in PORT_VARIABLES.items()}
    for service in SERVICES:
        for number in range(2, instances + 1):
            ports[instance(service, number)] = ports[service] + PORT_STEP * (number - 1)
    return ports


def _number(variable: str, default: int, maximum: int, what: str) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= maximum:
        raise StackError(f"{variable} is ‘{text}’, which is not {what} (1 to {maximum}).")
    return int(text)


def _variable(name: str) -> str:
    """What changes the port of a process."""
    return PORT_VARIABLES.get(name) or next(variable for service, variable in PORT_VARIABLES.items() if name.startswith(service + "-"))


def check_ports(settings: Settings) -> None:
    """Raises an error that names every port that cannot be had, and the variable that changes it."""
    problems, seen = [], {}
    for name, port in settings.ports.items():
        variable = _variable(name)
        if port in seen:
            problems.append(f"Port {port} is given to both {seen[port]} and {name}: set {variable} to another one.")
        seen.setdefault(port, name)
        if port > 65535:
            problems.append(f"Port {port} ({name}) does not exist: set {variable} to a smaller one.")
            continue
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


def free_ports(instances: int = 1) -> dict[str, int]:
    """Ports that nobody listens on at this moment, one for each process."""
    names = ["gateway", *(instance(service, number) for service in SERVICES for number in range(1, instances + 1))]
    sockets = {name: socket.socket() for name in names}
    try:
        for one in sockets.values():
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in sockets.items()}
    finally:
        for one in sockets.values():
            one.close()
