"""The whole stack: what is started in which order, with which environment, and stopped in the reverse one."""

import fcntl
import os
import signal
import subprocess
from pathlib import Path

from . import StackError
from .cluster import DATABASE, OWNER, Cluster, clean_environment
from .files import generated_secret
from .gateway import Gateway
from .processes import Process, answers_200
from .settings import SERVICES, Settings, check_ports, instance


class Stack:
    """A context manager: whatever it started is stopped at its end, by process id.

        with Stack(settings) as stack:
            stack.up()
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.cluster = Cluster(settings.directory, durable=settings.durable, options=settings.postgres_options)
        # By process name: "auth-server", "auth-server-2", …
        self.services: dict[str, Process] = {}
        self.gateway: Process | None = None
        self._lock = None

    def __enter__(self) -> "Stack":
        self.settings.directory.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.settings.directory / "lock", "a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise StackError(f"Another stack is running in {self.settings.directory}: stop it, or set STACK_DIR to another directory.") from None
        return self

    def __exit__(self, *_) -> None:
        self.down()
        self._lock.close()

    def up(self, gateway: bool = True) -> None:
        """Everything from nothing, or from what an earlier run has left; returns when every instance is ready."""
        check_ports(self.settings)
        self.start_database()
        self.seed()
        for service in SERVICES:
            for number in range(1, self.settings.instances + 1):
                self.start_service(service, number)
        if gateway:
            self.gateway = Gateway(self.settings).start()

    def down(self) -> None:
        """The gateway first, so that no request arrives any more; the database last, so that the ones under way can finish."""
        if self.gateway is not None:
            self.gateway.stop(20, with_signal=signal.SIGQUIT)
        for process in reversed(self.services.values()):
            process.stop(30)
        self.cluster.stop()

    def start_database(self) -> None:
        generated_secret(self.settings.master_key_file)
        self.cluster.start()
        self.cluster.bootstrap()
        self.run("auth-server", "migrate")
        self.cluster.run_sql(self.run("auth-server", "migrate", "--print-superuser-sql").stdout, DATABASE)
        self.cluster.open_run_time_roles()

    def seed(self) -> None:
        """The demo's tenants, clients and rows; values already in demo.json stay."""
        self.run("auth-server", "demo", "--output", str(self.settings.demo_file))

    def start_service(self, service: str, number: int = 1, *, ready: bool = True, **overrides: str) -> Process:
        """One instance, the first unless told. `overrides` replace settings by their names in the environment."""
        name = instance(service, number)
        process = Process(name, [self.binary(service), "serve"], self.settings.logs / f"{name}.log", self.environment(service, number) | overrides)
        self.services[name] = process.start()
        if ready:
            process.wait_until(lambda: answers_200(self.settings.url(name) + "/readyz"))
        return process

    def stop_service(self, service: str, number: int = 1, seconds: float = 30) -> int | None:
        """Tells one instance to stop and waits; its exit status."""
        return self.services[instance(service, number)].stop(seconds)

    def restart(self, service: str, number: int = 1, **overrides: str) -> Process:
        """Stops one instance, as an operator would, and starts it again; returns when it is ready."""
        self.stop_service(service, number)
        return self.start_service(service, number, **overrides)

    def run(self, *command: str, check: bool = True, **overrides: str) -> subprocess.CompletedProcess:
        """Runs `auth-server …` (or any command) with the settings of the command line, to its end; output is captured."""
        program = str(self.binary(command[0])) if command[0] in SERVICES else command[0]
        done = subprocess.run(
            [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            env=self.environment("command line") | overrides)
        if check and done.returncode != 0:
            raise StackError(f"{' '.join(command)} failed with status {done.returncode}:\n{done.stderr.strip() or done.stdout.strip()}")
        return done

    def binary(self, name: str) -> Path:
        path = self.settings.binaries / name
        if not os.access(path, os.X_OK):
            raise StackError(f"{path} is not there: build it with swift build, or set BIN_DIR.")
        return path

    def environment(self, process: str, number: int = 1) -> dict[str, str]:
        """Each process (a service, or "command line") is told what it needs: only the command line sees the owner's database, only the first door sees the master key."""
        settings = {
            "BASE_URL": self.settings.base_url,
            "API_URL": self.settings.base_url + "/api/v1",
            "TRUSTED_PROXIES": "127.0.0.1",
        }
        name = instance(process, number)
        if process in ("auth-server", "command line"):
            settings |= {
                "AUTH_LISTEN": f"127.0.0.1:{self.settings.ports.get(name, self.settings.ports['auth-server'])}",
                "AUTH_DATABASE_URL": self.cluster.url("sallyport_auth"),
                "MASTER_KEY_FILE": str(self.settings.master_key_file.absolute()),
            }
        if process in ("resource-api", "command line"):
            settings |= {
                "API_LISTEN": f"127.0.0.1:{self.settings.ports.get(name, self.settings.ports['resource-api'])}",
                "API_DATABASE_URL": self.cluster.url("sallyport_api"),
                "API_JWKS_BASE_URL": ",".join(map(self.settings.url, self.settings.names("auth-server"))),
            }
        if process == "command line":
            settings["OWNER_DATABASE_URL"] = self.cluster.url(OWNER)
        return clean_environment() | {f"SALLYPORT_{name}": value for name, value in settings.items()}

    def dead(self) -> Process | None:
        """A process that should be running and is not."""
        for process in (self.cluster.process, *self.services.values(), self.gateway):
            if process is not None and not process.is_running:
                return process
        return None
