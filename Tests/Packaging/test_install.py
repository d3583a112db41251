"""make install, and its units on a machine with a real systemd: started, reached through the gateway, backed up, stopped."""

import json
import re
import secrets
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BINARIES, CHECKOUT
from containers import STAND_INS, base, podman
from machine import Machine, boot, discard
from support import eventually

MOST_EXPOSED = 2.5
UNITS = {
    "sallyport-auth@.service", "sallyport-api@.service", "sallyport-migrate.service", "sallyport-gateway.service", "sallyport-gateway-spans.service", "sallyport-backup.service",
    "sallyport-backup.timer", "sallyport.target"}


def install(directory: Path) -> None:
    command = ["make", "--no-print-directory", "install", f"DESTDIR={directory}", f"BIN_DIR={BINARIES}"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("installed")
    install(directory)
    return directory


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_everything_is_installed_with_its_mode(installed):
    assert {path.name for path in (installed / "usr/bin").iterdir()} == {
        "auth-server", "resource-api", "sallyport-backup", "sallyport-exec", "sallyport-gateway",
        "sallyport-gateway-spans"}
    assert {path.name for path in (installed / "usr/lib/systemd/system").iterdir()} == UNITS
    templates = installed / "usr/lib/sallyport/nginx"
    assert {path.name for path in templates.iterdir()} == {path.name for path in (CHECKOUT / "nginx").glob("*.conf")}
    assert {"README.md", "LICENSE", "OPERATIONS.md", "SECURITY.md"} <= {path.name for path in (installed / "usr/share/doc/sallyport").iterdir()}
    for path in (path for path in installed.rglob("*") if path.is_file() and not path.is_symlink()):
        is_program = path.parent.name in ("bin", "scripts")
        assert mode(path) == (0o755 if is_program else 0o644), path
    for name in ("sallyport-backup", "sallyport-gateway", "sallyport-gateway-spans"):
        done = subprocess.run([installed / "usr/bin" / name, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "usage" in done.stdout


def test_settings_of_the_operator_survive_another_installation(tmp_path):
    install(tmp_path)
    settings = tmp_path / "etc/sallyport/sallyport.env"
    settings.write_text("SALLYPORT_BASE_URL=https://mine.example\n")
    install(tmp_path)
    assert settings.read_text() == "SALLYPORT_BASE_URL=https://mine.example\n"


@pytest.mark.parametrize("unit", sorted(name for name in UNITS if name.endswith(".service")))
def test_no_unit_is_more_exposed_than_it_must_be(installed, unit):
    path = installed / "usr/lib/systemd/system" / unit
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", path], capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found and float(found.group(1)) < MOST_EXPOSED, done.stdout + done.stderr


def test_the_measure_sees_what_is_missing(installed, tmp_path):
    text = (installed / "usr/lib/systemd/system/sallyport-auth@.service").read_text()
    weak = tmp_path / "weak.service"
    weak.write_text("\n".join(line for line in text.splitlines() if not line.startswith(("User=", "Protect", "SystemCall", "Capability", "Private"))))
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", weak], capture_output=True, text=True, check=False)
    assert float(re.search(r": ([0-9.]+) ", done.stdout).group(1)) > MOST_EXPOSED


def test_no_unit_says_a_secret(installed):
    for path in (installed / "usr/lib/systemd/system").iterdir():
        for line in path.read_text().splitlines():
            assert not re.match(r"(Environment|SetCredential)\w*=.*(PASSWORD|MASTER_KEY)\w*=(?!%d/)", line), line


# On a machine.


def is_static(program: Path) -> bool:
    return "libswiftCore" not in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout


def run_time(program: Path) -> Path | None:
    """Where the Swift run-time is that a debug build needs."""
    found = re.search(r"libswiftCore\.so => (\S+)", subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout)
    return Path(found.group(1)).parent if found else None


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """With Debian's PostgreSQL, Sallyport installed and configured as docs/OPERATIONS.md says, and nothing started."""
    base()
    podman("build", "-q", "-t", "localhost/sallyport-machine", "-f", STAND_INS / "machine.Dockerfile", STAND_INS)
    directory = tmp_path_factory.mktemp("machine")
    install(directory)
    swift = run_time(BINARIES / "auth-server")
    mounts = ["-v", f"{swift}:{swift}:ro"] if swift else []
    machine = boot("localhost/sallyport-machine", *mounts)
    try:
        podman("cp", f"{directory}/.", f"{machine.name}:/")
        machine.run("systemd-sysusers")
        machine.run("systemd-tmpfiles", "--create")
        machine.run("systemctl", "daemon-reload")
        configure(machine)
        yield machine
    finally:
        discard(machine)
        shutil.rmtree(directory, ignore_errors=True)


SECRETS = ("auth", "api", "owner")


def configure(machine: Machine) -> None:
    """What an operator does once."""
    passwords = {role: secrets.token_hex(32) for role in SECRETS}
    for role, password in passwords.items():
        machine.write(f"/etc/sallyport/secrets/{role}.password", password + "\n")
    machine.write("/etc/sallyport/secrets/master.key", secrets.token_hex(32) + "\n")
    eventually(lambda: machine.run("su", "postgres", "-c", "pg_isready -q", check=False).returncode == 0, 60, "PostgreSQL")
    machine.run("su", "postgres", "-c", "psql -v ON_ERROR_STOP=1 -q", input=f"""
        CREATE ROLE sallyport_owner LOGIN CREATEROLE PASSWORD '{passwords["owner"]}';
        CREATE ROLE sallyport_auth LOGIN NOINHERIT PASSWORD '{passwords["auth"]}';
        CREATE ROLE sallyport_api LOGIN NOINHERIT PASSWORD '{passwords["api"]}';
        CREATE DATABASE sallyport OWNER sallyport_owner TEMPLATE template0 ENCODING 'UTF8';
    """)
    # Peer authentication is for PostgreSQL's own account; Sallyport's roles show passwords.
    machine.run("sh", "-c", "sed -i '/^local *all *all/s/peer/scram-sha-256/' /etc/postgresql/15/main/pg_hba.conf")
    machine.run("systemctl", "reload", "postgresql")
    machine.run("sed", "-i", "s#^SALLYPORT_BASE_URL=.*#SALLYPORT_BASE_URL=https://id.sallyport.test#", "/etc/sallyport/sallyport.env")
    machine.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=id.sallyport.test",
        "-addext", "subjectAltName=DNS:id.sallyport.test", "-keyout", "/etc/sallyport/tls/key.pem", "-out", "/etc/sallyport/tls/chain.pem")
    machine.run("sh", "-c", "chgrp sallyport-gateway /etc/sallyport/tls/*; chmod 640 /etc/sallyport/tls/key.pem")
    machine.run(
        "sallyport-gateway", "render", "--server-name", "id.sallyport.test", "--certificate", "/etc/sallyport/tls/chain.pem",
        "--key", "/etc/sallyport/tls/key.pem", "--auth-server", "127.0.0.1:8081", "--auth-server", "127.0.0.1:8083",
        "--resource-api", "127.0.0.1:8082", "--user", "sallyport-gateway", "--output", "/etc/sallyport/nginx")


SERVICES = ("sallyport-migrate", "sallyport-auth@8081", "sallyport-auth@8083", "sallyport-api@8082", "sallyport-gateway")


def ask(machine: Machine, path: str, *options) -> tuple[int, str]:
    done = machine.run(
        "curl", "-sS", "-m", "10", "--cacert", "/etc/sallyport/tls/chain.pem", "--resolve", "id.sallyport.test:443:127.0.0.1", "-w", "\n%{http_code}",
        *options, f"https://id.sallyport.test{path}", check=False)
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body


def test_the_units_are_well_formed(machine):
    for unit in sorted(UNITS):
        named = unit.replace("@.", "@8081.")
        done = machine.run("systemd-analyze", "verify", f"/usr/lib/systemd/system/{named}", check=False)
        assert "sallyport" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def started(machine):
    machine.run("systemctl", "enable", "--now", "sallyport.target", *(f"{name}.service" for name in SERVICES), check=False)
    for name in SERVICES:
        eventually(lambda: machine.state(name) in ("active", "failed"), 60, name)
        assert machine.state(name) == "active", machine.log(name)
    for port in (8081, 8082, 8083):
        eventually(
            lambda: machine.run("curl", "-sf", f"http://127.0.0.1:{port}/readyz", check=False).returncode == 0, 60, f"port {port} being ready")
    return machine


def command_line(machine: Machine, *arguments: str) -> dict:
    """auth-server … --json, as the operator runs it."""
    return json.loads(machine.run(
        "sh", "-c", "set -a; . /etc/sallyport/sallyport.env; export SALLYPORT_MASTER_KEY_FILE=/etc/sallyport/secrets/master.key "
        "SALLYPORT_AUTH_DATABASE_PASSWORD_FILE=/etc/sallyport/secrets/auth.password; exec \"$@\"", "sh", "auth-server", *arguments, "--json").stdout)


@pytest.fixture(scope="module")
def client(started) -> tuple[str, str]:
    command_line(started, "tenant", "create", "initech", "--name", "Initech")
    made = command_line(started, "client", "create", "--tenant", "initech", "--name", "reports", "--grant", "client_credentials", "--scope", "*:read")
    return made["client_id"], made["client_secret"]


def token(machine: Machine, client: tuple[str, str]) -> tuple[int, str]:
    return ask(machine, "/t/initech/oauth2/token", "-u", ":".join(client), "-d", "grant_type=client_credentials")


def test_the_services_answer_through_the_gateway(started, client):
    status, body = token(started, client)
    assert status == 200, body
    access = json.loads(body)["access_token"]
    status, body = ask(started, "/api/v1/", "-H", f"Authorization: Bearer {access}")
    assert status == 200 and "openapi" in json.loads(body), body
    assert ask(started, "/api/v1/", "-H", f"Authorization: Bearer {access[:-4]}AAAA")[0] == 401
    assert ask(started, "/metrics")[0] == 404


def test_each_service_knows_its_own_secrets_only(started):
    knows = {"sallyport-auth@8081": {"auth.password", "master.key"}, "sallyport-api@8082": {"api.password"}}
    secret = {name: started.run("cat", f"/etc/sallyport/secrets/{name}").stdout.strip() for name in {"master.key", *(f"{role}.password" for role in SECRETS)}}
    for unit, mine in knows.items():
        pid = started.run("systemctl", "show", "-P", "MainPID", unit).stdout.strip()
        found = started.run("sh", "-c", f"ls /run/credentials/{unit}.service").stdout.split()
        assert set(found) == mine
        for file in ("environ", "cmdline"):
            text = started.run("cat", f"/proc/{pid}/{file}").stdout
            assert not [name for name, value in secret.items() if value in text]
        account = started.run("ps", "-o", "user:32=", "-p", pid, check=False).stdout.strip() or started.run("stat", "-c", "%U", f"/proc/{pid}").stdout.strip()
        assert account == unit.split("@")[0]
        # As that account, from outside of the unit: nothing.
        assert started.run("su", "-s", "/bin/sh", account, "-c", "cat /etc/sallyport/secrets/*", check=False).returncode != 0


def test_the_system_is_closed_to_the_services(started):
    pid = started.run("systemctl", "show", "-P", "MainPID", "sallyport-auth@8081").stdout.strip()
    status = dict(line.split(":\t", 1) for line in started.run("cat", f"/proc/{pid}/status").stdout.splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    for path in ("/etc/sallyport/probe", "/usr/probe", "/var/lib/probe", "/root/probe"):
        done = started.run("nsenter", "-t", pid, "-m", "touch", path, check=False)
        assert done.returncode != 0, path


def test_an_instance_that_dies_comes_again_and_the_other_serves(started, client):
    started.run("systemctl", "kill", "-s", "KILL", "sallyport-auth@8081")
    for _ in range(20):
        assert token(started, client)[0] == 200
    eventually(lambda: started.state("sallyport-auth@8081") == "active", 20, "the restart")


def test_a_new_certificate_is_served_without_a_restart(started):
    before = started.run("systemctl", "show", "-P", "MainPID", "sallyport-gateway").stdout
    shown = "openssl s_client -connect 127.0.0.1:443 -servername id.sallyport.test </dev/null 2>/dev/null | openssl x509 -noout -serial"
    serial = started.run("sh", "-c", shown).stdout
    started.run("openssl", "req", "-x509", "-key", "/etc/sallyport/tls/key.pem", "-days", "30", "-subj", "/CN=id.sallyport.test", "-addext",
                "subjectAltName=DNS:id.sallyport.test", "-out", "/etc/sallyport/tls/chain.pem")
    started.run("systemctl", "reload", "sallyport-gateway")
    eventually(lambda: started.run("sh", "-c", shown).stdout not in ("", serial), 10, "the new certificate")
    assert started.run("systemctl", "show", "-P", "MainPID", "sallyport-gateway").stdout == before


def test_the_nightly_backup_is_whole(started):
    started.run("systemctl", "start", "sallyport-backup.service")
    found = started.run("sh", "-c", "ls -d /var/lib/sallyport-backup/*.dump").stdout.split()
    assert len(found) == 1, started.log("sallyport-backup")
    started.run("sallyport-backup", "verify", found[0])
    # The backup ran as the server's account: the server has lost nothing by its end.
    assert started.sql("SELECT count(*) > 0 FROM auth.tenant") == "t"
    assert started.run("sh", "-c", "ls /dev/shm | grep -c PostgreSQL").stdout.strip() != "0"
    started.run("systemctl", "enable", "--now", "sallyport-backup.timer")
    assert "sallyport-backup" in started.run("systemctl", "list-timers", "--no-pager").stdout


def test_stopping_the_target_stops_all_in_order(started):
    began = time.monotonic()
    started.run("systemctl", "stop", "sallyport.target")
    for name in SERVICES:
        eventually(lambda: started.state(name) in ("inactive", "failed"), 60, name)
        assert started.state(name) == "inactive", started.log(name)
    assert time.monotonic() - began < 45
    assert "stopped" in started.log("sallyport-auth@8081").lower()
