"""docs/OPERATIONS.md, typed as root from its first command to its last on machines that have nothing but Debian.

The machines are containers that have booted systemd. What the world gives a real one is stood in for: names by /etc/hosts, a certificate authority by Debian's
`pebble` (which really asks the gateway for its challenge), Citus by stand-ins/citus.sql. Nothing else is changed, but for the examples that machine.EXAMPLES names.
"""

import datetime
import json
import re
import subprocess
import threading
import time

import documents
import pytest
from conftest import CHECKOUT
from machine import STAND_INS, Machine, Site
from support import eventually

NAME = "id.example.com"
SERVICES = ("sallyport-auth@8081", "sallyport-api@8082", "sallyport-gateway")
EXECUTOR = "Tests/Packaging/test_operations.py"
OPERATOR_READS = "python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' /root/reports.json"


@pytest.fixture(scope="module")
def site():
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def package(site):
    done = subprocess.run(
        ["bash", "-ec", documents.block(documents.OPERATIONS, "Build").text], cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    site.followed.append(("Build", 1))
    return CHECKOUT / ".build/sallyport.tar.gz"


@pytest.fixture(scope="module")
def one(site, package) -> Machine:
    """The machine of the first chapter, followed to the end of `Start`."""
    one = site.boot("one", "10.0.0.11", id_example_com="10.0.0.11")
    site.give("one", package, "/root/sallyport.tar.gz")
    authority(one)
    site.follow("one", "Install", seconds=600)
    site.follow("one", "Secrets and the database")
    site.follow("one", "Start")
    for unit in SERVICES:
        eventually(lambda: one.state(unit) in ("active", "failed"), 60, unit)
        assert one.state(unit) == "active", one.log(unit)
    for port in (8081, 8082):
        ready(one, port)
    return one


def ready(machine: Machine, port: int, address: str = "127.0.0.1") -> None:
    eventually(lambda: machine.run("curl", "-sf", f"http://{address}:{port}/readyz", check=False).returncode == 0, 60, f"port {port} being ready")


def authority(machine: Machine) -> None:
    """An authority that speaks ACME, trusted by the machine, in the place of Let's Encrypt."""
    machine.run("apt-get", "update", "-q")
    machine.run("apt-get", "install", "-y", "-q", "--no-install-recommends", "ca-certificates", "curl", "openssl", "pebble")
    machine.run("sh", "-ec", """
        mkdir /root/authority && cd /root/authority
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Authority' -keyout own.key -out own.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout key.pem -out request.pem
        echo subjectAltName=DNS:localhost > names
        openssl x509 -req -in request.pem -CA own.pem -CAkey own.key -days 30 -extfile names -out certificate.pem
        cp own.pem /usr/local/share/ca-certificates/stand-in-listener.crt
    """)
    machine.write("/root/authority/pebble.json", json.dumps({"pebble": {
        "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": "/root/authority/certificate.pem",
        "privateKey": "/root/authority/key.pem", "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
    machine.run("systemd-run", "--unit=authority", "--setenv=PEBBLE_VA_NOSLEEP=1", "--setenv=PEBBLE_WFE_NONCEREJECT=0", "pebble", "-config", "/root/authority/pebble.json")
    fetch = "curl -sf --cacert /root/authority/own.pem https://localhost:15000/roots/0 -o /usr/local/share/ca-certificates/stand-in-root.crt"
    eventually(lambda: machine.run("sh", "-c", fetch, check=False).returncode == 0, 30, "the authority")
    machine.run("update-ca-certificates")


def issuer(machine: Machine) -> str:
    return machine.run("sh", "-c", f"openssl s_client -connect {NAME}:443 -servername {NAME} </dev/null 2>/dev/null | openssl x509 -noout -issuer -serial").stdout


def ask_token(machine: Machine, *options: str) -> tuple[int, dict]:
    """A token of the client that `The first tenants` made, by the public name."""
    done = machine.run("sh", "-c", f"""
        client="$({OPERATOR_READS} client_id):$({OPERATOR_READS} client_secret)"
        curl -sS -m 20 -w '\\n%{{http_code}}' --user "$client" -d grant_type=client_credentials "$@" https://{NAME}/t/acme/oauth2/token""", "sh", *options, check=False)
    body, _, status = done.stdout.strip().rpartition("\n")
    return int(status or 0), json.loads(body) if body.startswith("{") else {"error": done.stdout + done.stderr}


def token(machine: Machine) -> str:
    status, answer = ask_token(machine)
    assert status == 200, answer
    return answer["access_token"]


def call(machine: Machine, access: str, *options: str, path: str = "/api/v1/") -> int:
    done = machine.run("curl", "-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {access}", *options, f"https://{NAME}{path}", check=False)
    return int(done.stdout or 0)


class Load:
    """Tokens and calls of the API, one after the other, all the time, on the machine; what was not answered well is kept."""

    def __init__(self, machine: Machine):
        self.machine, self.count, self.failures = machine, 0, []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopped.is_set():
            status, answer = ask_token(self.machine)
            if status != 200:
                self.failures.append(answer)
            elif (status := call(self.machine, answer["access_token"])) != 200:
                self.failures.append(status)
            self.count += 1


def test_the_database_listens_to_its_own_machine_alone_and_secrets_are_roots(one):
    assert "5432" not in one.run("sh", "-c", "ss -ltn | grep -v 127.0.0.1 | grep -v '\\[::1\\]'").stdout
    found = one.run("stat", "-c", "%a %U", *(f"/etc/sallyport/secrets/{name}" for name in ("master.key", "auth.password", "api.password", "owner.password"))).stdout
    assert found.split("\n") == ["600 root"] * 4 + [""]
    assert one.sql("SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'sallyport%'") == "2"


def test_a_certificate_is_got_and_served_and_renewed_without_a_restart(site, one):
    before, process = issuer(one), one.run("systemctl", "show", "-P", "MainPID", "sallyport-gateway").stdout
    assert NAME in before, "its own"
    one.run("sh", "-c", "echo 'server = https://localhost:14000/dir' >> /etc/letsencrypt/cli.ini")
    site.follow("one", "The certificate")
    eventually(lambda: "Pebble" in issuer(one), 20, "the authority's certificate")
    assert one.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"https://{NAME}/t/none/.well-known/openid-configuration").stdout == "404"
    got = issuer(one)
    one.run("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    eventually(lambda: "Pebble" in issuer(one) and issuer(one) != got, 20, "the renewed certificate")
    assert one.run("systemctl", "show", "-P", "MainPID", "sallyport-gateway").stdout == process
    assert one.run("systemctl", "is-enabled", "certbot.timer").stdout.strip() == "enabled"
    redirected = one.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", f"http://{NAME}/t/acme").stdout
    assert redirected == f"301 https://{NAME}/t/acme" or redirected == f"308 https://{NAME}/t/acme"


@pytest.fixture(scope="module")
def served(site, one) -> Machine:
    site.follow("one", "The first tenants", 1)
    return one


def test_the_first_client_gets_a_token(site, served):
    answer = json.loads(site.follow("one", "The first tenants", 2).strip())
    assert answer["token_type"] == "Bearer" and call(served, answer["access_token"]) == 200
    assert call(served, answer["access_token"][:-4] + "AAAA") == 401
    assert served.run("stat", "-c", "%a", "/root/first-password").stdout.strip() == "600"


def test_backups_and_doctors_find_nothing_wrong(site, served):
    printed = site.follow("one", "Look after it")
    assert "is whole" in printed
    assert "error" not in printed.lower().replace("0 errors", ""), printed
    assert "sallyport-backup" in served.run("systemctl", "list-timers", "--no-pager").stdout


def test_a_second_instance_serves_when_the_first_is_gone(site, served):
    site.follow("one", "A second instance")
    for port in (8083, 8084):
        ready(served, port)
    for pair in (("sallyport-auth@8081", "sallyport-api@8082"), ("sallyport-auth@8083", "sallyport-api@8084")):
        served.run("systemctl", "stop", *pair)
        assert call(served, token(served)) == 200
        served.run("systemctl", "start", *pair)
        for unit in pair:
            ready(served, int(unit.split("@")[1]))


def test_an_upgrade_is_noticed_by_nobody(site, served):
    started = {unit: served.run("systemctl", "show", "-P", "ExecMainStartTimestampMonotonic", unit).stdout for unit in SERVICES[:2]}
    settings = served.run("cat", "/etc/sallyport/sallyport.env").stdout
    with Load(served) as load:
        eventually(lambda: load.count > 3, 60, "requests")
        site.follow("one", "With systemd")
        count = load.count
        eventually(lambda: load.count > count + 3, 60, "requests afterwards")
    assert not load.failures
    assert all(served.run("systemctl", "show", "-P", "ExecMainStartTimestampMonotonic", unit).stdout != before for unit, before in started.items())
    assert served.run("cat", "/etc/sallyport/sallyport.env").stdout == settings


def test_backups_by_hand(site, served):
    assert "is whole" in site.follow("one", "Backups")
    assert served.run("sh", "-c", "ls -d /var/backups/sallyport/*.dump").stdout.count("\n") == 1


def test_it_is_had_again_as_it_was_at_a_second(site, served):
    site.follow("one", "Every second")
    for port in (8081, 8082, 8083, 8084):
        ready(served, port)
    command = "sallyport-exec auth-server tenant create {} --name Made"
    served.run("sh", "-c", command.format("before-it"))
    # The moment to restore to is a whole second, which must lie between the two.
    time.sleep(2)
    moment = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    time.sleep(2)
    served.run("sh", "-c", command.format("after-it"))
    last = served.sql("SELECT pg_walfile_name(pg_switch_wal())")
    eventually(lambda: served.run("test", "-e", f"/var/backups/sallyport/wal/{last}.sha256", check=False).returncode == 0, 60, "the log being archived")
    printed = site.follow("one", "As it was at a second", moment=moment.strftime("%Y-%m-%d %H:%M:%S+00"))
    tenants = served.run("sallyport-exec", "auth-server", "tenant", "list").stdout
    assert "before-it" in tenants and "after-it" not in tenants, printed
    for port in (8081, 8082, 8083, 8084):
        ready(served, port)
    assert call(served, token(served)) == 200
    assert served.run("sh", "-c", "ls -d /var/backups/sallyport/*.base").stdout.count("\n") == 2


def test_a_lost_master_key_is_survived(site, served):
    old = token(served)
    site.follow("one", "The master key is lost")
    for port in (8081, 8083):
        ready(served, port)
    assert call(served, old) == 200
    for _ in range(4):
        assert call(served, token(served)) == 200
    assert served.run("sallyport-exec", "auth-server", "key", "rotate", "--tenant", "acme").returncode == 0


def test_keys_in_wrong_hands_are_worth_nothing(site, served):
    old = token(served)
    assert call(served, old) == 200
    site.follow("one", "Signing keys are in wrong hands")
    for port in (8081, 8082, 8083, 8084):
        ready(served, port)
    assert call(served, old) == 401
    assert call(served, token(served)) == 200


def test_services_on_a_second_machine(site, served, package):
    two = site.boot("two", "10.0.0.12")
    site.give("two", package, "/root/sallyport.tar.gz")
    site.follow("two", "Install", seconds=600, database_packages=" ", gateway_package="", gateway_unit="true")
    for path in ("/etc/sallyport/sallyport.env", *(f"/etc/sallyport/secrets/{name}" for name in ("master.key", "auth.password", "api.password"))):
        site.carry(path, "one", "two")
    site.follow("one", "A second machine", 1)
    site.follow("two", "A second machine", 2)
    for port in (8081, 8082):
        ready(two, port, "10.0.0.12")
    site.follow("one", "A second machine", 3)
    assert served.sql("SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND client_addr = '10.0.0.12' AND usename = 'sallyport_api'") == "t"
    for port in (8081, 8082, 8083, 8084):
        ready(served, port)
    served.run("systemctl", "stop", "sallyport-auth@8081", "sallyport-auth@8083", "sallyport-api@8082", "sallyport-api@8084")
    for _ in range(4):
        assert call(served, token(served)) == 200, "the second machine serves alone"
    served.run("systemctl", "start", "sallyport.target")
    for port in (8081, 8082, 8083, 8084):
        ready(served, port)


def test_traces_leave_for_the_collector(site, served):
    # Requests are to be recorded here.
    site.shells["two"].machine.run("systemctl", "stop", "sallyport.target")
    served.write("/root/collector.py", COLLECTOR, "644")
    served.run("systemd-run", "--unit=collector", "python3", "/root/collector.py")
    site.follow("one", "Traces")
    for port in (8081, 8082, 8083, 8084):
        ready(served, port)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    # A caller's own sampled flag is honoured: the test need not wait for one request in a hundred.
    status, _ = ask_token(served, "-H", f"traceparent: 00-{trace}-00f067aa0ba902b7-01")
    assert status == 200
    eventually(lambda: trace in served.run("cat", "/root/traces", check=False).stdout, 30, "the trace")
    site.follow("one", "Traces", 2)
    trace, caller = "11111111111111112222222222222222", "aaaaaaaaaaaaaaaa"
    status, _ = ask_token(served, "-H", f"traceparent: 00-{trace}-{caller}-01")
    assert status == 200

    def spans() -> dict[str, dict]:
        """By the service that recorded them; of the services, those of requests."""
        found = {}
        for line in served.run("cat", "/root/traces").stdout.splitlines():
            for part in json.loads(line)["resourceSpans"]:
                [name] = [one["value"]["stringValue"] for one in part["resource"]["attributes"] if one["key"] == "service.name"]
                found |= {name: one for scope in part["scopeSpans"] for one in scope["spans"] if one["traceId"] == trace and one["kind"] == 2}
        return found

    found = eventually(lambda: there if len(there := spans()) == 2 else None, 30, "spans of the gateway and the service")
    assert found["gateway"]["parentSpanId"] == caller and found["auth-server"]["parentSpanId"] == found["gateway"]["spanId"]


COLLECTOR = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        with open("/root/traces", "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\\n")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
HTTPServer(("127.0.0.1", 4318), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def elsewhere(site, served, package) -> Machine:
    """The new machine, after the first is gone but for what was kept of it."""
    site.follow("one", "Encryption")
    site.follow("one", "What no backup holds")
    elsewhere = site.boot("elsewhere", "10.0.0.13", id_example_com="10.0.0.13")
    site.give("elsewhere", package, "/root/sallyport.tar.gz")
    for path in ("/root/backup.key", "/root/sallyport-etc.tar.gz.age", "/root/reports.json", "/usr/local/share/ca-certificates/stand-in-root.crt"):
        site.carry(path, "one", "elsewhere")
    site.carry("/var/lib/sallyport-backup/*.dump", "one", "elsewhere", "/root/")
    return elsewhere


def test_all_of_it_is_had_again_on_a_new_machine(site, served, elsewhere):
    old = token(served)
    encrypted = elsewhere.run("sh", "-c", "ls /root/*.dump").stdout.split()
    assert "database.dump.age" in encrypted
    site.shells["one"].machine.run("systemctl", "stop", "sallyport.target", "postgresql")
    # Numbers of accounts are not the same on both machines.
    elsewhere.run("useradd", "--system", "somebody-else")
    site.follow("elsewhere", "Install", seconds=600)
    elsewhere.run("update-ca-certificates")
    printed = site.follow("elsewhere", "On a new machine", seconds=600)
    assert "intact" in printed.lower(), printed
    for port in (8081, 8082):
        ready(elsewhere, port)
    assert call(elsewhere, old) == 200, "what was issued there is good here"
    assert call(elsewhere, token(elsewhere)) == 200


def test_the_demos_tables_can_be_distributed(site, elsewhere):
    elsewhere.write("/usr/share/postgresql/15/extension/citus.control", "comment = 'stand-in'\ndefault_version = '1.0'\nrelocatable = false\n", "644")
    elsewhere.write("/usr/share/postgresql/15/extension/citus--1.0.sql", (STAND_INS / "citus.sql").read_text(), "644")
    elsewhere.run("sallyport-exec", "auth-server", "demo", "--output", "/root/demo.json")
    site.followed.append(("PostgreSQL with Citus", 1))
    elsewhere.sql(documents.block(documents.OPERATIONS, "PostgreSQL with Citus").text)
    assert elsewhere.sql("SELECT count(*) FROM stand_in_distributed") == "6"
    # It is no formality: a foreign key in the way is refused.
    refused = elsewhere.run(
        "runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "sallyport", check=False,
        input="BEGIN; CREATE TABLE api.wrong (tenant_id uuid, id uuid PRIMARY KEY); SELECT create_distributed_table('api.wrong', 'tenant_id');")
    assert refused.returncode != 0 and "lacks the distribution column" in refused.stderr


def test_prometheus_takes_the_configuration_and_the_rules(site, tmp_path):
    """On the machine that runs the tests, in the checkout, as the page says."""
    block = documents.block(documents.OPERATIONS, "Metrics, and who can read them")
    site.followed.append((block.section, 1))
    (tmp_path / "prometheus.yml").write_text(block.text)
    subprocess.run(["promtool", "check", "config", "prometheus.yml"], cwd=tmp_path, check=True, capture_output=True)
    jobs = set(re.findall(r"job_name: (\S+)", block.text))
    assert jobs == set(re.findall(r"job_name: (\S+)", (CHECKOUT / "deploy/observability/prometheus.yml").read_text()))
    site.followed.append(("Alerts", 1))
    done = subprocess.run(["bash", "-ec", documents.block(documents.OPERATIONS, "Alerts").text], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_block_was_followed(site, request):
    if len(request.session.items) < 15:
        pytest.skip("only some of the tests were run")
    assert {(block.section, block.number) for block in documents.run_by(EXECUTOR)} == set(site.followed)
