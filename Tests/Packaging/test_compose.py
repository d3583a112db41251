"""compose.yaml, for real: built, started, used through the gateway by a person and a program, and looked at for what it gives away."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from conftest import CHECKOUT
from containers import ENVIRONMENT, STAND_INS, base, podman
from support import eventually

NAME = "id.sallyport.test"
PROJECT = "sallyport-test"
SERVICES = ("postgres", "auth-server-1", "auth-server-2", "resource-api-1", "resource-api-2", "gateway", "pgadmin", "backup")
SECRET_NAMES = ("master_key", "postgres_password", "owner_password", "auth_password", "api_password", "operator_password")


def swift() -> None:
    """The tool chain's image: a registry's, or this machine's tool chain in its place."""
    image = re.search(r"ARG SWIFT=(\S+)", (CHECKOUT / "deploy/containers/services.Dockerfile").read_text()).group(1)
    if podman("image", "exists", image, check=False).returncode != 0:
        toolchain = Path(os.path.realpath(shutil.which("swift"))).parents[2]
        assert toolchain.name == "swift", "the stand-in expects the tool chain in a directory called swift"
        podman("build", "-q", "-t", image, "-f", STAND_INS / "swift.Dockerfile", toolchain.parent, timeout=1200)


class Deployment:
    """A project of its own, on loopback."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.secrets = directory / "secrets"
        self.variables = {
            "SALLYPORT_SERVER_NAME": NAME, "SALLYPORT_OPERATOR": "operator@sallyport.test", "SALLYPORT_HTTPS_PORT": "9443", "SALLYPORT_HTTP_PORT": "9080",
            "SALLYPORT_PORT_SUFFIX": ":9443", "SALLYPORT_ADDRESS": "127.0.0.1", "SALLYPORT_PGADMIN_PORT": "9050",
            "SALLYPORT_PGADMIN_URL": "http://127.0.0.1:9050", "SALLYPORT_SECRETS": str(self.secrets), "SALLYPORT_NETWORK": "10.87.77",
            "SALLYPORT_BACKUP_EVERY": "3600",
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
        command = [Path(sys.executable).with_name("podman-compose"), "-p", PROJECT, "-f", CHECKOUT / "compose.yaml", *arguments]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=ENVIRONMENT | self.variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout)
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

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

    def command_line(self, *arguments: str) -> dict:
        """auth-server … --json beside the running ones."""
        return json.loads(self.run("auth-server-1", "auth-server", *arguments, "--json").stdout)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    base()
    swift()
    deployment = Deployment(tmp_path_factory.mktemp("deployment"))
    deployment.prepare()
    deployment.compose("down", "-v", check=False)
    # The build of the services takes its time where it was not made before.
    deployment.compose("build", timeout=3600)
    try:
        deployment.compose("up", "-d")
        for service in SERVICES:
            eventually(lambda: deployment.is_healthy(service), 180, f"{service} being healthy\n{deployment.logs(service)[-2000:]}")
        with named():
            yield deployment
    finally:
        deployment.compose("down", "-v", "-t", "10", check=False)


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


@pytest.fixture(scope="module")
def client(deployment) -> tuple[str, str]:
    deployment.command_line("tenant", "create", "initech", "--name", "Initech")
    made = deployment.command_line(
        "client", "create", "--tenant", "initech", "--name", "reports", "--grant", "client_credentials", "--scope", "*:read")
    return made["client_id"], made["client_secret"]


def token(deployment, client) -> requests.Response:
    return deployment.http.post(f"{deployment.url}/t/initech/oauth2/token", data={"grant_type": "client_credentials"}, auth=client, timeout=20)


def test_a_program_gets_a_token_and_uses_it(deployment, client):
    answer = token(deployment, client)
    assert answer.status_code == 200, answer.text
    api = deployment.http.get(f"{deployment.url}/api/v1/", headers={"Authorization": f"Bearer {answer.json()['access_token']}"}, timeout=20)
    assert api.status_code == 200 and "openapi" in api.json()
    assert deployment.http.get(f"{deployment.url}/metrics", timeout=20).status_code == 404
    plain = deployment.http.get(f"http://{NAME}:9080/", timeout=20, allow_redirects=False)
    assert plain.status_code == 308 and plain.headers["Location"] == f"{deployment.url}/"


def test_one_instance_of_each_is_enough(deployment, client):
    for service in ("auth-server-1", "resource-api-1"):
        podman("stop", "-t", "20", deployment.container(service))
    try:
        for _ in range(10):
            answer = token(deployment, client)
            assert answer.status_code == 200
            access = answer.json()["access_token"]
            assert deployment.http.get(f"{deployment.url}/api/v1/", headers={"Authorization": f"Bearer {access}"}, timeout=20).status_code == 200
    finally:
        for service in ("auth-server-1", "resource-api-1"):
            podman("start", deployment.container(service))
            eventually(lambda: deployment.is_healthy(service), 60, service)


def test_a_person_signs_in_to_pgadmin_through_the_platform(deployment):
    """pgAdmin → our sign-in page → our consent page → pgAdmin, who then knows the person."""
    browser = requests.Session()
    browser.trust_env = False
    browser.verify = deployment.http.verify
    pgadmin = "http://127.0.0.1:9050"
    page = browser.get(f"{pgadmin}/login", timeout=60)
    token = re.search(r'csrfToken["\']?\s*:\s*["\']([^"\']+)', page.text) or re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    data = {"oauth2_button": "sallyport"} | ({"csrf_token": token.group(1)} if token else {})
    page = browser.post(f"{pgadmin}/authenticate/login", data=data, timeout=60, headers={"Referer": f"{pgadmin}/login"})
    assert page.url.startswith(deployment.url), page.url + page.text[:2000]
    password = (deployment.secrets / "operator_password").read_text().strip()
    for _ in range(5):
        if page.url.startswith(pgadmin):
            break
        page = submit(browser, page, {"email": "operator@sallyport.test", "username": "operator@sallyport.test", "password": password})
    assert page.url.startswith(pgadmin), page.url + page.text[:2000]
    assert "operator@sallyport.test" in browser.get(f"{pgadmin}/browser/", timeout=60).text
    # Without, there is no way in.
    stranger = requests.get(f"{pgadmin}/browser/", timeout=60, allow_redirects=False)
    assert stranger.status_code in (302, 401)


def submit(browser: requests.Session, page: requests.Response, known: dict[str, str]) -> requests.Response:
    """The page's first form, filled with what is known; of several buttons the one that says yes, which comes first."""
    from html import unescape
    from urllib.parse import urljoin

    form = re.search(r"<form\b(.*?)</form>", page.text, re.S)
    assert form, f"no form at {page.url}: {page.text[:1500]}"
    action = re.search(r'action="([^"]*)"', form.group(1))
    fields = {}
    for tag in re.findall(r"<(?:input|button)\b[^>]*>", form.group(1)):
        attributes = {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}
        name = attributes.get("name")
        if name and not (attributes.get("type") in ("checkbox", "radio") and "checked" not in tag) and name not in fields:
            fields[name] = known.get(name, attributes.get("value", ""))
    url = urljoin(page.url, unescape(action.group(1)) if action else page.url)
    return browser.post(url, data=fields, timeout=60, headers={"Origin": urljoin(page.url, "/").rstrip("/")})


def test_no_secret_is_in_images_environments_or_arguments(deployment):
    values = {name: (deployment.secrets / name).read_text().strip() for name in SECRET_NAMES}
    values["pgadmin"] = json.loads(deployment.run("pgadmin", "cat", "/var/lib/sallyport/pgadmin/client.json").stdout)["client_secret"]
    for service in SERVICES:
        seen = json.dumps(deployment.inspect(service)) + podman("inspect", deployment.inspect(service)["Image"]).stdout + deployment.logs(service)
        seen += deployment.run(service, "sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null", check=False).stdout
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
    done = deployment.run("gateway", "bash", "-c", "exec 3<>/dev/tcp/postgres/5432", check=False)
    assert done.returncode != 0, "the gateway has no business there"


def test_services_start_from_static_programs_on_slim_images(deployment):
    for service, program in (("auth-server-1", "auth-server"), ("resource-api-1", "resource-api")):
        assert deployment.run(service, "sh", "-c", "! command -v swift && ! command -v gcc").returncode == 0
        libraries = deployment.run(service, "ldd", f"/usr/local/bin/{program}").stdout
        assert "libswift" not in libraries and "not found" not in libraries


def test_the_first_backup_is_whole(deployment):
    backups = deployment.run("backup", "sh", "-c", "ls -d /var/backups/sallyport/sallyport-*").stdout.split()
    assert backups
    deployment.run("backup", "sallyport-backup", "verify", backups[0])


def test_a_password_changes_while_everything_runs(deployment, client):
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
        assert token(deployment, client).status_code == 200
    deployment.command_line("tenant", "list")
