"""The system that is struck: two of each service behind nginx, each with a network of its own to a PostgreSQL that can fail over."""

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import clocks
from nodes import Node
from proxy import Link
from sallystack.cluster import DATABASE, OWNER
from sallystack.files import remove
from sallystack.gateway import Gateway
from sallystack.processes import Process
from sallystack.settings import SERVICES, Settings, free_ports, instance
from sallystack.stack import Stack
from supervisor import Supervisor
from wire import Connections

TENANTS = ("acme", "globex")
SCOPE = "ledger:read ledger:write ledger_add:execute"
CALLBACK = "http://127.0.0.1:8765/callback"
#: The instances that have clocks of their own.
CLOCKED = tuple(instance(service, 2) for service in SERVICES)
ROLES = {"auth-server": "sallyport_auth", "resource-api": "sallyport_api"}

TABLES = f"""
SET ROLE {OWNER};
CREATE TABLE api.ledger (
    tenant_id uuid   NOT NULL DEFAULT sallyport.current_tenant(),
    id        uuid   NOT NULL DEFAULT gen_random_uuid(),
    mark      text   NOT NULL,
    name      text   NOT NULL,
    value     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ledger_name ON api.ledger (tenant_id, name);
SELECT sallyport.enable_tenancy('api.ledger');
CREATE FUNCTION api.ledger_add(entry text, amount bigint) RETURNS bigint LANGUAGE sql VOLATILE
    BEGIN ATOMIC UPDATE api.ledger SET value = value + amount WHERE name = entry RETURNING value; END;
SELECT sallyport.expose('api.ledger_add(text, bigint)');
"""


@dataclass(frozen=True)
class Client:
    id: str
    secret: str


@dataclass
class TenantClients:
    """What the workload is registered as in one tenant, and the people who sign in there."""

    slug: str
    machine: Client
    web: Client
    administrator: Client
    resource_server: Client
    people: dict[str, dict]


class System:
    def __init__(self, directory: Path, binaries: Path, instances: int = 2):
        self.nodes = [Node("node-a", directory, "127.0.1.1"), Node("node-b", directory, "127.0.1.2")]
        for node in self.nodes:
            node.unmount()
        remove(directory)
        self.settings = Settings(directory, binaries, free_ports(instances), instances=instances)
        self.stack = Stack(self.settings)
        self.primary = self.nodes[0]
        self.stack.cluster = self.primary
        self.supervisor = Supervisor()
        self.gateway = Gateway(self.settings)
        #: By the service instance and the node that it leads to.
        self.links: dict[tuple[str, str], Link] = {}
        self.instances = {service: self.settings.names(service) for service in SERVICES}
        self.tenants: dict[str, TenantClients] = {}
        self._connections: dict[str, Connections] = {}
        library = clocks.library(directory)
        self.clocks = {name: clocks.Clock(library, directory / f"{name}.clock") for name in CLOCKED} if library else {}

    # Begin and end.

    async def __aenter__(self) -> "System":
        self.stack.__enter__()
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_) -> None:
        if self.supervisor._task is not None:
            await self.supervisor.__aexit__()
        for ward in reversed(self.supervisor.wards.values()):
            if ward.process.is_running:
                ward.process.stop(20)
        for node in self.nodes:
            node.stop()
            node.unmount()
        for link in self.links.values():
            link.close()
        self.stack.gateway, self.stack.services = None, {}
        self.stack.__exit__()

    async def _start(self) -> None:
        for node in self.nodes:
            node.mount()
        self.stack.start_database()
        self.stack.seed()
        self.primary.run_sql(TABLES, DATABASE)
        for slug in TENANTS:
            self.tenants[slug] = self._register(slug)
        self.supervisor.watch("postgres", self.primary.process, self.primary.launch)
        for service in SERVICES:
            for number, name in enumerate(self.instances[service], 1):
                for node in self.nodes:
                    link = Link(node.address, node.socket_path, node.is_up)
                    await link.open()
                    self.links[name, node.name] = link
                self._watch_service(service, number)
        self.supervisor.watch("nginx", self.gateway.launch(), self.gateway.launch)
        await self.supervisor.__aenter__()
        await self.is_ready(60)

    def _watch_service(self, service: str, number: int) -> None:
        def start() -> Process:
            return self.stack.start_service(service, number, ready=False, **self._environment(service, number))

        self.supervisor.watch(instance(service, number), start(), start)

    def _environment(self, service: str, number: int) -> dict[str, str]:
        """What differs from the stack's own: the way to the database, and a clock that can be moved."""
        name = instance(service, number)
        ports = ",".join(str(self.links[name, node.name].port) for node in self.nodes)
        hosts = ",".join(node.address for node in self.nodes)
        url = f"postgresql://{ROLES[service]}@/{DATABASE}?host={quote(hosts)}&port={quote(ports)}&target_session_attrs=read-write&connect_timeout=2"
        environment = {f"SALLYPORT_{service.split('-')[0 if service == 'auth-server' else 1].upper()}_DATABASE_URL": url}
        if name in self.clocks:
            environment |= self.clocks[name].environment
        return environment

    def _register(self, slug: str) -> TenantClients:
        def client(name: str, scope: str, *options: str) -> Client:
            words = ["client", "create", "--tenant", slug, "--name", name, "--scope", scope, *options, "--json"]
            made = json.loads(self.stack.run("auth-server", *words).stdout)
            return Client(made["client_id"], made["client_secret"])

        demo = json.loads(self.settings.demo_file.read_text())["tenants"][slug]
        reader = demo["clients"]["resource-server"]
        return TenantClients(
            slug,
            machine=client("Machine", SCOPE, "--grant", "client_credentials"),
            web=client(
                "Web", f"openid offline_access {SCOPE}", "--grant", "authorization_code", "--grant", "refresh_token", "--redirect-uri", CALLBACK,
                "--first-party"),
            administrator=client("Administrator", "admin:*", "--grant", "client_credentials", "--role", "owner"),
            resource_server=Client(reader["client_id"], reader["client_secret"]),
            people={name: demo["users"][name] for name in ("manager", "user", "readonly")},
        )

    # Where to ask.

    def at(self, target: str) -> Connections:
        """Connections to "gateway" or to an instance."""
        if target not in self._connections:
            self._connections[target] = Connections(self.settings.ports[target])
        return self._connections[target]

    @property
    def base_url(self) -> str:
        return self.settings.base_url

    async def is_ready(self, seconds: float) -> None:
        """Every instance, and the gateway."""
        async with asyncio.timeout(seconds):
            for target in (*self.instances["auth-server"], *self.instances["resource-api"]):
                while not await self._answers(target, "/readyz"):
                    await asyncio.sleep(0.05)
            while not await self._answers("gateway", "/t/acme/oauth2/jwks"):
                await asyncio.sleep(0.05)

    async def _answers(self, target: str, path: str) -> bool:
        try:
            return (await self.at(target).request("GET", path, patience=3)).status == 200
        except Exception:  # noqa: BLE001 — whatever it is, it is not ready
            return False

    # What can be moved.

    def links_of(self, *instances: str) -> list[Link]:
        return [link for (name, _), link in self.links.items() if name in instances]

    @property
    def services(self) -> list[str]:
        return [name for service in SERVICES for name in self.instances[service]]

    @property
    def spare(self) -> Node:
        return next(node for node in self.nodes if node is not self.primary)

    def serve_from(self, node: Node) -> None:
        """The node is the primary now, and the supervisor's to keep."""
        self.primary = self.stack.cluster = node
        assert node.process is not None
        self.supervisor.watch("postgres", node.process, node.launch)

    async def command(self, *words: str) -> tuple[int, str]:
        done = await asyncio.to_thread(self.stack.run, *words, check=False)
        return done.returncode, done.stdout + done.stderr

    def keep_logs(self, where: Path) -> None:
        where.mkdir(parents=True, exist_ok=True)
        for log in self.settings.logs.glob("*.log"):
            shutil.copy(log, where / log.name)


def default_system() -> System:
    from sallystack.settings import CHECKOUT

    directory = CHECKOUT / os.environ.get("STACK_DIR", ".run/faults")
    return System(Path(os.path.abspath(directory)), CHECKOUT / os.environ.get("BIN_DIR", ".build/debug"))
