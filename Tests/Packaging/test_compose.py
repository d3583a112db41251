"""compose.yaml, for real: built, started, used through the gateway by a person and a program, and looked at for what it gives away."""

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from chromium import Chromium
from conftest import BINARIES, CHECKOUT
from containers import ENVIRONMENT, STAND_INS, base, podman
from support import eventually

NAME = "id.sallyport.test"
PROJECT = "sallyport-test"
SERVICES = ("postgres", "auth-server-1", "auth-server-2", "resource-api-1", "resource-api-2", "gateway", "pgadmin", "backup")
# Whether the images compile the services, which takes its time.
FROM_SOURCE = os.environ.get("FROM_SOURCE") == "1"
SECRET_NAMES = ("master_key", "postgres_password", "owner_password", "auth_password", "api_password", "operator_password")


def swift() -> None:
    """The tool chain's image: a registry's, or this machine's tool chain in its place."""
    image = re.search(r"ARG SWIFT=(\S+)", (CHECKOUT / "deploy/containers/services.Dockerfile").read_text()).group(1)
    if podman("image", "exists", image, check=False).returncode != 0:
        toolchain = Path(os.path.realpath(shutil.which("swift"))).parents[2]
        assert toolchain.name == "swift", "the stand-in expects the tool chain in a directory called swift"
        podman("build", "-q", "-t", image, "-f", STAND_INS / "swift.Dockerfile", toolchain.parent, timeout=1200)


def programs(directory: Path) -> None:
    """This machine's release build, for prebuilt.yaml."""
    for name in ("auth-server", "resource-api"):
        subprocess.run(["strip", "--strip-debug", "-o", directory / name, BINARIES / name], check=True)


class Deployment:
    """A project of its own, on loopback."""

    def __init__(self, directory: Path, programs: Path):
        self.secrets = directory / "secrets"
        self.variables = {
            "SALLYPORT_SERVER_NAME": NAME, "SALLYPORT_OPERATOR": "operator@sallyport.test", "SALLYPORT_HTTPS_PORT": "9443", "SALLYPORT_HTTP_PORT": "9080",
            "SALLYPORT_PORT_SUFFIX": ":9443", "SALLYPORT_ADDRESS": "127.0.0.1", "SALLYPORT_PGADMIN_PORT": "9050",
            "SALLYPORT_PGADMIN_URL": "http://127.0.0.1:9050", "SALLYPORT_SECRETS": str(self.secrets), "SALLYPORT_NETWORK": "10.87.77",
            "SALLYPORT_BACKUP_EVERY": "3600", "SALLYPORT_PROGRAMS": str(programs),
        }
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(self.secrets / "tls_certificate")
        self.url = f"https://{NAME}:9443"

    def prepare(self) -> None:
        subprocess.run([CHECKOUT / "deploy/containers/prepare", self.secrets], check=True, capture_output=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={NAME}",
             "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", self.secrets / "tls_key", "-out", self.secrets / "tls_certificate"],
            check=True, capture_output=True)
        (self.secrets / "tls_key").chmod(0o444)
        (self.secrets / "tls_authority").write_text((self.secrets / "tls_certificate").read_text())

    def compose(self, *arguments: str, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess:
        files = [CHECKOUT / "compose.yaml", *([] if FROM_SOURCE else [CHECKOUT / "deploy/containers/prebuilt.yaml"])]
        command = [Path(sys.executable).with_name("podman-compose"), "-p", PROJECT, *(word for file in files for word in ("-f", file)), *arguments]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=ENVIRONMENT | self.variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout)
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    def down(self) -> None:
        """Volumes too; and what compose leaves behind of containers that start again and again."""
        self.compose("down", "-v", "-t", "10", check=False)
        left = podman("ps", "-a", "-q", "--filter", f"label=io.podman.compose.project={PROJECT}").stdout.split()
        if left:
            podman("rm", "-f", "-v", "-t", "5", *left)
            self.compose("down", "-v", check=False)

    def container(self, service: str) -> str:
        return f"{PROJECT}_{service}_1"

    def run(self, service: str, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        return podman("exec", self.container(service), *command, check=check)

    def inspect(self, service: str) -> dict:
        return json.loads(podman("inspect", self.container(service)).stdout)[0]

    def logs(self, service: str) -> str:
        done = podman("logs", self.container(service), check=False)
        return done.stdout + done.stderr

    def is_healthy(self, service: str) -> bool:
        """Asked, as there is nobody here who asks on schedule."""
        return podman("healthcheck", "run", self.container(service), check=False).returncode == 0

    def owner(self, sql: str) -> str:
        """As the role that owns the application's tables, from the database's container."""
        command = 'PGPASSWORD=$(cat /run/secrets/owner_password) exec psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -U sallyport_owner -c "$1" sallyport'
        return self.run("postgres", "sh", "-c", command, "sh", sql).stdout.strip()

    def command_line(self, *arguments: str) -> dict:
        """auth-server … --json beside the running ones."""
        return json.loads(self.run("auth-server-1", "auth-server", *arguments, "--json").stdout)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    base()
    directory = tmp_path_factory.mktemp("programs")
    if FROM_SOURCE:
        swift()
    else:
        programs(directory)
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), directory)
    deployment.prepare()
    deployment.down()
    # The build of the services takes its time where it was not made before.
    deployment.compose("build", timeout=3600)
    try:
        deployment.compose("up", "-d")
        for service in SERVICES:
            eventually_or_say(lambda: deployment.is_healthy(service), 180, lambda: deployment.logs(service)[-2000:])
        with named():
            yield deployment
    finally:
        deployment.down()


def eventually_or_say(is_so: Callable[[], object], seconds: float, what_is: Callable[[], str]) -> None:
    """`eventually`, whose failure tells what is then."""
    try:
        eventually(is_so, seconds)
    except AssertionError:
        raise AssertionError(f"not within {seconds} s: {what_is()}") from None


class named:
    """The deployment's name leads to this machine, for this process alone."""

    def __enter__(self):
        from urllib3.util import connection

        self._connect = connection.create_connection
        connection.create_connection = lambda address, *rest, **more: self._connect(
            ("127.0.0.1", address[1]) if address[0] == NAME else address, *rest, **more)

    def __exit__(self, *_):
        from urllib3.util import connection

        connection.create_connection = self._connect


TENANTS = ("initech", "umbrella")


@pytest.fixture(scope="module")
def clients(deployment) -> dict[str, tuple[str, str]]:
    """Two tenants with a program each, and a table of the application's, in which each has a row."""
    deployment.owner("CREATE TABLE api.invoices (tenant_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), total numeric NOT NULL, "
                     "PRIMARY KEY (tenant_id, id)); SELECT sallyport.enable_tenancy('api.invoices')")
    clients = {}
    for tenant in TENANTS:
        deployment.command_line("tenant", "create", tenant, "--name", tenant.title())
        made = deployment.command_line(
            "client", "create", "--tenant", tenant, "--name", "reports", "--grant", "client_credentials", "--scope", "*:read *:write")
        clients[tenant] = made["client_id"], made["client_secret"]
    return clients


def token(deployment, clients, tenant: str = "initech") -> str:
    answer = deployment.http.post(
        f"{deployment.url}/t/{tenant}/oauth2/token", data={"grant_type": "client_credentials"}, auth=clients[tenant], timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def api(deployment, token: str, method: str = "GET", headers: dict | None = None, **more) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} | (headers or {})
    return deployment.http.request(method, f"{deployment.url}/api/v1/invoices", headers=headers, timeout=20, **more)


def test_a_program_gets_a_token_and_sees_the_rows_of_its_tenant(deployment, clients):
    tokens = {tenant: token(deployment, clients, tenant) for tenant in TENANTS}
    totals = dict(zip(TENANTS, (12.5, 99)))
    # A new table is announced: both instances know it soon.
    eventually(lambda: {api(deployment, tokens["initech"]).status_code for _ in range(6)} == {200}, 20, "the table being served")
    for tenant, total in totals.items():
        answer = api(deployment, tokens[tenant], "POST", json={"total": total}, headers={"Prefer": "return=representation"})
        assert answer.status_code == 201 and answer.json()[0]["total"] == total, answer.text
    for _ in range(4):
        for tenant, total in totals.items():
            assert [row["total"] for row in api(deployment, tokens[tenant]).json()] == [total]
    # Another tenant's, by its name: refused.
    assert api(deployment, tokens["initech"], headers={"X-Tenant-ID": "umbrella"}).status_code == 403


def test_a_revoked_token_is_dead_at_every_instance(deployment, clients):
    access = token(deployment, clients)
    assert [api(deployment, access).status_code for _ in range(4)] == [200] * 4
    done = deployment.http.post(f"{deployment.url}/t/initech/oauth2/revoke", data={"token": access}, auth=clients["initech"], timeout=20)
    assert done.status_code == 200
    for number in (1, 2):
        headers = f"Host: {NAME}\\r\\nAuthorization: Bearer {access}\\r\\nConnection: close"
        ask = f"exec 3<>/dev/tcp/resource-api-{number}/8082; printf 'GET /api/v1/invoices HTTP/1.1\\r\\n{headers}\\r\\n\\r\\n' >&3; head -n 1 <&3"
        eventually(lambda: " 401 " in deployment.run("gateway", "bash", "-c", ask).stdout, 5, f"resource-api-{number} knowing it")


def test_what_is_for_the_operator_is_not_reached_from_outside(deployment):
    for path in ("/metrics", "/readyz"):
        assert deployment.http.get(f"{deployment.url}{path}", timeout=20).status_code == 404
    plain = deployment.http.get(f"http://{NAME}:9080/", timeout=20, allow_redirects=False)
    assert plain.status_code == 308 and plain.headers["Location"] == f"{deployment.url}/"


def test_one_instance_of_each_is_enough(deployment, clients):
    for service in ("auth-server-1", "resource-api-1"):
        podman("stop", "-t", "45", deployment.container(service))
        assert deployment.inspect(service)["State"]["ExitCode"] == 0, deployment.logs(service)[-2000:]
    try:
        for _ in range(10):
            assert api(deployment, token(deployment, clients)).status_code == 200
    finally:
        for service in ("auth-server-1", "resource-api-1"):
            podman("start", deployment.container(service))
            eventually(lambda: deployment.is_healthy(service), 60, service)


@pytest.fixture
def chromium(deployment):
    """A browser that knows where the deployment is, and trusts the key of its certificate and no other."""
    key = subprocess.run(["openssl", "pkey", "-in", deployment.secrets / "tls_key", "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    browser = Chromium(arguments=(f"--host-resolver-rules=MAP {NAME} 127.0.0.1", f"--ignore-certificate-errors-spki-list={pin}"))
    yield browser
    browser.close()


def test_a_person_signs_in_to_pgadmin_through_the_platform(deployment, chromium):
    """pgAdmin → our sign-in page → our consent page → pgAdmin, who then knows the person."""
    pgadmin = f"http://127.0.0.1:{deployment.variables['SALLYPORT_PGADMIN_PORT']}"
    stranger = requests.get(f"{pgadmin}/browser/", timeout=60, allow_redirects=False)
    assert stranger.status_code in (302, 401), "without signing in there is no way in"
    chromium.driver.set_page_load_timeout(60)
    chromium.open(f"{pgadmin}/login")
    eventually(lambda: "Sallyport" in chromium.words, 60, "pgAdmin's page")
    assert chromium.count("input[type=password]") == 0, "pgAdmin asks for no password of its own"
    chromium.driver.find_element("xpath", "//button[contains(., 'Sallyport')]").click()
    eventually(lambda: chromium.driver.current_url.startswith(f"{deployment.url}/t/system/"), 60, "our page")
    password = (deployment.secrets / "operator_password").read_text().strip()
    operator = {"username": deployment.variables["SALLYPORT_OPERATOR"], "password": password}
    chromium.sign_in(operator | {"password": password[:-1]})
    assert chromium.driver.current_url.startswith(deployment.url), "a wrong password leads nowhere"
    chromium.sign_in(operator)
    assert chromium.title == "Allow access?" and "pgAdmin" in chromium.words
    chromium.press("allow")
    eventually(lambda: chromium.driver.current_url.startswith(pgadmin), 60, "pgAdmin")
    eventually_or_say(
        lambda: operator["username"] in chromium.words, 60,
        lambda: f"{chromium.driver.current_url}: {chromium.words[:1000]}\n{deployment.logs('pgadmin')[-3000:]}")
    # It was the platform that let them in: its audit log knows.
    actions = [event["action"] for event in deployment.command_line("audit", "list", "--tenant", "system")["events"]]
    assert {"user.sign_in_failed", "user.signed_in", "consent.given", "grant.created"} <= set(actions)


def test_no_secret_is_in_images_environments_or_arguments(deployment):
    values = {name: (deployment.secrets / name).read_text().strip() for name in SECRET_NAMES}
    values["pgadmin"] = json.loads(deployment.run("pgadmin", "cat", "/var/lib/sallyport/pgadmin/client.json").stdout)["client_secret"]
    for service in (*SERVICES, "setup"):
        seen = json.dumps(deployment.inspect(service)) + podman("inspect", deployment.inspect(service)["Image"]).stdout + deployment.logs(service)
        seen += deployment.run(service, "sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null", check=False).stdout
        assert "SALLYPORT_" in seen, "where secrets would be is looked at"
        assert not [name for name, value in values.items() if value in seen], service
    allowed = {
        "postgres": {"postgres_password", "owner_password", "auth_password", "api_password"}, "auth-server-1": {"auth_password", "master_key"},
        "resource-api-1": {"api_password"}, "gateway": {"tls_certificate", "tls_key"}, "pgadmin": {"tls_authority"}, "backup": {"postgres_password"}}
    for service, names in allowed.items():
        assert set(deployment.run(service, "ls", "/run/secrets").stdout.split()) == names


@pytest.mark.parametrize("service", SERVICES)
def test_containers_are_closed(deployment, service):
    found = deployment.inspect(service)
    assert found["HostConfig"]["ReadonlyRootfs"] is True
    status = dict(line.split(":\t", 1) for line in deployment.run(service, "cat", "/proc/self/status").stdout.splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1"
    for path in ("/probe", "/usr/probe", "/etc/probe"):
        assert deployment.run(service, "touch", path, check=False).returncode != 0


def test_the_database_is_reached_by_containers_alone(deployment):
    assert not deployment.inspect("postgres")["NetworkSettings"]["Ports"] or not any(deployment.inspect("postgres")["NetworkSettings"]["Ports"].values())
    address = deployment.variables["SALLYPORT_NETWORK"] + ".130"
    reach = ("timeout", "5", "bash", "-c", f"exec 3<>/dev/tcp/{address}/5432")
    assert deployment.run("auth-server-1", *reach, check=False).returncode == 0
    assert deployment.run("gateway", *reach, check=False).returncode != 0, "the gateway has no business there"


def test_services_start_from_static_programs_on_slim_images(deployment):
    for service, program in (("auth-server-1", "auth-server"), ("resource-api-1", "resource-api")):
        assert deployment.run(service, "sh", "-c", "! command -v swift && ! command -v gcc").returncode == 0
        libraries = deployment.run(service, "ldd", f"/usr/local/bin/{program}").stdout
        assert "libswift" not in libraries and "not found" not in libraries


def test_the_first_backup_is_whole(deployment):
    backups = deployment.run("backup", "sh", "-c", "ls -d /var/backups/sallyport/sallyport-*").stdout.split()
    assert backups
    deployment.run("backup", "sallyport-backup", "verify", backups[0])


def test_a_password_changes_while_everything_runs(deployment, clients):
    """deploy/containers/prepare's file, the database's word for it, and no request lost."""
    for name in ("auth_password", "api_password"):
        path = deployment.secrets / name
        path.chmod(0o644)
        path.write_text(secrets.token_hex(32))
        path.chmod(0o444)
    deployment.run("postgres", "database", "passwords")
    podman("exec", deployment.container("postgres"), "psql", "-U", "postgres", "-q", "-c",
           "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('sallyport_auth', 'sallyport_api')", "sallyport")
    for _ in range(10):
        assert api(deployment, token(deployment, clients)).status_code == 200
    deployment.command_line("tenant", "list")
