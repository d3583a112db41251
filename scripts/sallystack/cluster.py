"""A private PostgreSQL cluster: unix socket only, own data directory, never as root."""

import base64
import functools
import glob
import hashlib
import hmac
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from . import StackError
from .files import as_account, generated_secret, place_for, private_directory, service_account, socket_directory, write_private
from .processes import Process

DATABASE = "sallyport"
SUPERUSER = "postgres"
OWNER = "sallyport_owner"
RUN_TIME_ROLES = ("sallyport_auth", "sallyport_api")
SOCKET_NAME = ".s.PGSQL.5432"


class Cluster:
    """Lives in `directory`/postgres, or where the account that runs it can reach. With `trust`, no passwords: for throw-away clusters,
    whose socket directory (0700) is the only door."""

    initdb_options: tuple[str, ...] = ()

    def __init__(self, directory: Path, *, trust: bool = False, durable: bool = True, options: tuple[str, ...] = ()):
        self.directory = directory
        self.trust = trust
        self.durable = durable
        self.options = options
        self.account = service_account("postgres")
        self.home = place_for(directory / "postgres", self.account)
        self.data = self.home / "data"
        self.process: Process | None = None

    @functools.cached_property
    def socket_directory(self) -> Path:
        private_directory(self.home, self.account)
        return socket_directory(self.home / "socket", self.account, SOCKET_NAME)

    def prepare(self) -> None:
        """The cluster's place, with no server at work in it; the caller holds the stack's lock."""
        private_directory(self.home, self.account)
        self._stop_leftover()

    def start(self, seconds: float = 60) -> None:
        """Makes the cluster if there is none, and returns once it takes connections."""
        self.launch().wait_until(self.accepts_connections, seconds=seconds)

    def launch(self) -> Process:
        """As `start`, without waiting for it."""
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        self._stop_leftover()
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self.socket_directory),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # Statements may carry values: an error is logged without its statement.
            "log_min_error_statement": "panic",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [program("postgres"), "-D", self.data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        for option in self.options:
            command += ["-c", option]
        self.process = Process(
            "PostgreSQL", command, self.directory / "log" / "postgres.log", clean_environment() | {"LC_ALL": "C.UTF-8"}, self.account,
            stop_signal=signal.SIGINT,
        ).start()
        return self.process

    def accepts_connections(self) -> bool:
        command = [program("pg_isready"), "-q", "-h", self.socket_directory, "-p", "5432"]
        return subprocess.run(command, check=False, env=clean_environment()).returncode == 0

    def stop(self, immediately: bool = False) -> None:
        """Fast shutdown: sessions are ended, transactions rolled back. Immediately: as in a crash, recovered at the next start."""
        if self.process is None:
            return
        self.process.stop(30, signal.SIGQUIT if immediately else signal.SIGINT)
        if self.home not in self.socket_directory.parents:
            shutil.rmtree(self.socket_directory, ignore_errors=True)
            self.__dict__.pop("socket_directory")

    def discard(self) -> None:
        """Forgets the data that an earlier run has left; the server must not be running."""
        self._stop_leftover()
        shutil.rmtree(self.data, ignore_errors=True)

    def bootstrap(self) -> None:
        """Gives the database and its owner; a second run changes nothing but the passwords, to what is in the files."""
        if not self._ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{OWNER}'"):
            self.run_sql(f"CREATE ROLE {OWNER} LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS NOCREATEDB")
        if not self._ask(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):
            self.run_sql(f"CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'")
        self._set_password(OWNER)

    def open_run_time_roles(self) -> None:
        """After the migrations, which make these roles without a password."""
        for role in RUN_TIME_ROLES:
            self._set_password(role)

    def url(self, role: str, database: str = DATABASE) -> str:
        """A libpq URI that holds no secret: the password is in a file of its own for each role."""
        url = f"postgresql://{role}@/{database}?host={quote(str(self.socket_directory), safe='')}&port=5432"
        return url if self.trust else f"{url}&passfile={quote(str(self._passfile(role)), safe='')}"

    def run_sql(self, sql: str, database: str = "postgres") -> str:
        """Runs statements as superuser, given to psql on its standard input. Returns unaligned rows."""
        environment = clean_environment() | {"PGCONNECT_TIMEOUT": "10", "PGOPTIONS": "-c client_min_messages=warning"}
        command = [program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(SUPERUSER, database)]
        done = subprocess.run(command, input=sql, text=True, capture_output=True, check=False, env=environment)
        if done.returncode != 0:
            raise StackError(f"PostgreSQL refused a statement of the set-up: {done.stderr.strip()}")
        return done.stdout.strip()

    def _ask(self, sql: str) -> str:
        return self.run_sql(sql)

    def _set_password(self, role: str) -> None:
        if not self.trust:
            self._passfile(role)
            self.run_sql(f"ALTER ROLE {role} PASSWORD '{scram_verifier(self._password(role))}'")

    def _password(self, role: str) -> str:
        return generated_secret(self.directory / "secrets" / f"{role}.password")

    def _passfile(self, role: str) -> Path:
        path = self.directory / "secrets" / f"{role}.pgpass"
        line = f"*:*:*:{role}:{self._password(role)}\n"
        if not path.exists() or path.read_text() != line:
            write_private(path, line)
        return path

    def _initialize(self) -> None:
        private_directory(self.home, self.account)
        # Under another name until it is whole: an interrupted start must not leave half a cluster.
        unfinished = self.home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [program("initdb"), "-D", unfinished, "-U", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", "--auth-host=reject", *self.initdb_options]
        password_file = None
        if self.trust:
            command += ["--auth-local=trust", "--no-sync"]
        else:
            password_file = self.home / "initial-password"
            write_private(password_file, self._password(SUPERUSER) + "\n")
            if self.account is not None:
                os.chown(password_file, self.account.pw_uid, self.account.pw_gid)
            command += ["--auth-local=scram-sha-256", f"--pwfile={password_file}"]
        try:
            done = subprocess.run(
                command, cwd="/", capture_output=True, text=True, check=False, env=clean_environment(), **as_account(self.account))
        finally:
            if password_file is not None:
                password_file.unlink()
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise StackError(f"initdb failed: {done.stderr.strip()}")
        unfinished.rename(self.data)

    def _stop_leftover(self) -> None:
        """Ends a server of this very directory whose starter was killed; the caller holds the stack's lock."""
        if (self.data / "postmaster.pid").exists():
            subprocess.run(
                [program("pg_ctl"), "stop", "-D", self.data, "-m", "fast", "-s"], cwd="/", check=False, env=clean_environment(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_account(self.account))


@functools.cache
def program(name: str) -> Path:
    """The newest installed PostgreSQL's program; SALLYPORT_POSTGRES_BIN names another directory."""
    chosen = os.environ.get("SALLYPORT_POSTGRES_BIN")
    directories = [chosen] if chosen else sorted(
        glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]) if path.split("/")[4].isdigit() else 0, reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*directories, os.environ.get("PATH", "")]))
    if found is None:
        raise StackError(f"There is no {name}: install PostgreSQL 15 or later (scripts/install-packages run).")
    return Path(found)


def clean_environment() -> dict[str, str]:
    """This process's environment without libpq's variables, which would lead to another database."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def scram_verifier(password: str, iterations: int = 4096) -> str:
    """What PostgreSQL stores for a password (RFC 5803's form): the server, and so its log, never sees the password itself."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{parts[0]}${parts[1]}:{parts[2]}"
