"""The gateway of a deployment, before servers that show what reached them: TLS, redirects, names, limits, HTTP/2, what is kept and what is compressed."""

import concurrent.futures
import gzip
import json
import re
import signal
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from dataclasses import replace

import pytest
from certificates import Authority
from http2 import request2
from raw import TLS, EchoServer, connect, exchange, parse, send
from sallystack import StackError
from sallystack.files import remove
from sallystack.gateway import Gateway
from sallystack.nginx import NO_LIMITS, Limits
from sallystack.production import Mutual, Production, with_limit
from sallystack.settings import Settings, free_ports
from support import eventually

NAME, MUTUAL, TENANT = "id.example.test", "mutual.id.example.test", "acme.id.example.test"


class Deployment:
    """nginx with the production configuration, and one echo for each service. The client's trust is its authority."""

    def __init__(self, directory, authority: Authority, **changes):
        self.auth, self.api = EchoServer("auth-server"), EchoServer("resource-api")
        self.certificate = authority.issue(NAME, f"*.{NAME}")
        self.port, self.plain_port, self.unused = free_ports().values()
        self.production = replace(
            Production(
                server_name=NAME, certificate=self.certificate.certificate, key=self.certificate.key, subdomains=True, public_port=self.port,
                listen=(f"127.0.0.1:{self.port}",), listen_plain=(f"127.0.0.1:{self.plain_port}",), auth_servers=(f"127.0.0.1:{self.auth.port}",),
                resource_apis=(f"127.0.0.1:{self.api.port}",), limits=NO_LIMITS), **changes)
        settings = Settings(directory, directory, {"gateway": self.port}, production=self.production)
        self.logs, self.address, self.plain = settings.logs, ("127.0.0.1", self.port), ("127.0.0.1", self.plain_port)
        self.gateway = Gateway(settings)
        self.process = self.gateway.start()
        self.authority, self.context = authority, authority.context()

    @property
    def count(self) -> int:
        return self.auth.count + self.api.count

    def ask(self, target: str = "/t/acme", headers: bytes = b"", *, host: str = NAME, sni: str | None = None, context=None, method: bytes = b"GET",
            body: bytes = b"", source: str | None = None):
        head = method + f" {target} HTTP/1.1\r\nHost: {host}\r\n".encode() + headers + b"Connection: close\r\n"
        if body:
            head += b"Content-Length: %d\r\n" % len(body)
        return send(self.address, head + b"\r\n" + body, tls=TLS(context or self.context, sni or host.split(":")[0]), source=source)

    def log(self, request_id: str) -> dict:
        file = self.logs / "gateway.log"
        return json.loads(eventually(lambda: next((line for line in file.read_text().splitlines() if request_id in line), None)))

    def close(self):
        self.process.stop()
        self.auth.close()
        self.api.close()
        remove(self.gateway.settings.directory)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """The authority of clients' certificates."""
    return Authority(tmp_path_factory.mktemp("clients"), "Clients' CA")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory, authority, clients):
    directory = tmp_path_factory.mktemp("production")
    acme = directory / "acme"
    (acme / ".well-known/acme-challenge").mkdir(parents=True)
    (acme / ".well-known/acme-challenge/proof").write_text("proved")
    for folder in (directory, acme, acme / ".well-known", acme / ".well-known/acme-challenge", *directory.parents[:2]):
        folder.chmod(0o755)
    deployment = Deployment(
        directory, authority, mutual=Mutual(MUTUAL, clients.certificate), acme=acme,
        ocsp_response=authority.ocsp_response(authority.issue(NAME, f"*.{NAME}")))
    yield deployment
    deployment.close()


# TLS

def speak(deployment, change=lambda context: None, name: str | None = NAME) -> str:
    """Protocol and cipher of a handshake; an SSLError if there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    change(context)
    with connect(deployment.address, TLS(context, name)) as connection:
        return f"{connection.version()} {connection.cipher()[0]}"


def versions(minimum, maximum, ciphers: str | None = None):
    def change(context: ssl.SSLContext) -> None:
        context.set_ciphers((ciphers or "ALL") + ":@SECLEVEL=0")
        context.minimum_version, context.maximum_version = minimum, maximum
    return change


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_modern_tls_is_spoken(deployment, version):
    assert re.fullmatch(r"TLSv1\.[23] (?:TLS_|ECDHE-ECDSA-)(?:AES|CHACHA).*(?:GCM|POLY1305).*", speak(deployment, versions(version, version)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_tls_is_not(deployment, version):
    with pytest.raises(ssl.SSLError):
        speak(deployment, versions(version, version))


@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "NULL", "PSK"])
def test_weak_ciphers_are_not(deployment, ciphers):
    with pytest.raises(ssl.SSLError):
        speak(deployment, versions(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, ciphers))


def s_client(deployment, *words, name: str = NAME) -> str:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{deployment.port}", "-servername", name, *map(str, words)],
        input="", capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


def test_a_downgrade_is_noticed(deployment):
    assert "inappropriate fallback" in s_client(deployment, "-tls1_2", "-fallback_scsv")
    assert "inappropriate fallback" not in s_client(deployment, "-tls1_2")


def test_the_ocsp_answer_is_stapled(deployment, authority):
    answer = s_client(deployment, "-status", "-CAfile", authority.certificate)
    assert "OCSP Response Status: successful" in answer and "Cert Status: good" in answer


def test_no_early_data_and_no_tickets(deployment):
    answer = s_client(deployment, "-tls1_2")
    assert "TLS session ticket:" not in answer
    assert "Early data was accepted" not in answer and "Max Early Data: 16384" not in s_client(deployment, "-tls1_3")


@pytest.mark.parametrize("name", [None, "example.test", "other.example.test", "a.b.id.example.test", "id.example.test.evil.example"])
def test_a_name_that_is_not_served_sees_no_certificate(deployment, name):
    with pytest.raises(ssl.SSLError):
        speak(deployment, name=name)


@pytest.mark.parametrize("host", ["example.test", "a.b.id.example.test", "127.0.0.1", "localhost", "_", "xid.example.test", "id.example.test.evil.example"])
def test_a_host_that_is_not_served_is_misdirected(deployment, host):
    before = deployment.count
    for target in ("/t/acme", "/api/v1/x", "/_gateway/400", "/"):
        answer = deployment.ask(target, host=host, sni=NAME)
        assert answer.status in (421, 404) and answer.header("content-type") == "application/json", answer
        assert answer.status == 421 or target.startswith("/_gateway")
    assert deployment.count == before


@pytest.mark.parametrize("host", [NAME, NAME.upper(), f"{NAME}:443", TENANT, "x-1.id.example.test"])
def test_hosts_that_are_served(deployment, host):
    answer = deployment.ask(host=host, sni=host.split(":")[0].lower())
    assert answer.status == 200 and ["x-forwarded-host", host] in answer.json()["headers"] and ["x-forwarded-proto", "https"] in answer.json()["headers"]


def test_strict_transport_is_said_of_every_answer_and_of_tls_only(deployment):
    for target in ("/t/acme", "/nothing", "/t//", "/api/v1/x"):
        assert deployment.ask(target).header("strict-transport-security") == "max-age=31536000; includeSubDomains"
    assert "strict-transport-security" not in send(deployment.plain, f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()).headers


def test_a_service_cannot_weaken_what_the_gateway_says(deployment):
    deployment.auth.extra = ["Strict-Transport-Security: max-age=0", "Referrer-Policy: unsafe-url"]
    try:
        answer = deployment.ask()
        assert answer.header("strict-transport-security").startswith("max-age=31536000") and answer.header("referrer-policy") == "no-referrer"
    finally:
        deployment.auth.extra = []


def test_plain_http_at_the_tls_port(deployment):
    answer = send(deployment.address, f"GET /t/acme HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
    assert answer.status == 400 and answer.header("content-type") == "application/json"


# Plain HTTP

@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("host", [NAME, TENANT])
def test_plain_http_only_redirects(deployment, method, host):
    before = deployment.count
    for target in ("/", "/t/acme/oauth2/token", "/api/v1/customers?name=eq.x", "/.well-known/acme-challenge"):
        answer = send(deployment.plain, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert (answer.status, answer.header("location")) == (308, f"https://{host}:{deployment.port}{target}")
    assert deployment.count == before


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "id.example.test.evil.example", "evil.example#id.example.test"])
def test_plain_http_leads_nowhere_else(deployment, host):
    answer = send(deployment.plain, f"GET /x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.status in (400, 421) and answer.header("location") is None


@pytest.mark.parametrize("target", [b"//evil.example/", b"/\\evil.example", b"/a/../b", b"/%2e%2e/", b"http://evil.example/x", b"/\x01"])
def test_a_redirect_has_no_strange_target(deployment, target):
    answer = send(deployment.plain, b"GET " + target + b" HTTP/1.1\r\nHost: " + NAME.encode() + b"\r\nConnection: close\r\n\r\n")
    assert answer.status in (400, 421) and answer.header("location") is None


def test_what_certificates_are_proved_with(deployment):
    answer = send(deployment.plain, f"GET /.well-known/acme-challenge/proof HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
    assert (answer.status, answer.body) == (200, b"proved")
    for target in ("/.well-known/acme-challenge/other", "/.well-known/acme-challenge/../../../ca.key", "/.well-known/acme-challenge/"):
        assert send(deployment.plain, f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()).status in (400, 403, 404)


# Mutual TLS

def test_a_certificate_is_asked_for_at_its_own_name_only(deployment, authority, clients):
    good, stranger = clients.issue("backend", client=True), authority.issue("stranger", client=True)
    before = deployment.count
    for own in (None, stranger):
        answer = deployment.ask(host=MUTUAL, context=authority.context(own))
        assert answer.status == 400 and answer.header("content-type") == "application/json"
    assert deployment.count == before
    seen = dict(deployment.ask(host=MUTUAL, context=authority.context(good)).json()["headers"])
    assert seen["host"] == seen["x-forwarded-host"] == f"{NAME}:{deployment.port}", "the name of mutual TLS is nobody's subdomain"
    assert deployment.ask(context=authority.context(good)).status == 200


def test_the_name_of_mutual_tls_cannot_be_reached_through_another(deployment, clients, authority):
    before = deployment.count
    assert deployment.ask(host=MUTUAL, sni=NAME).status == 421
    assert deployment.count == before
    # With a certificate one may ask for any public name.
    assert deployment.ask(host=NAME, sni=MUTUAL, context=authority.context(clients.issue("backend", client=True))).status in (200, 421)


def test_a_session_of_another_name_does_not_stand_for_a_certificate(deployment, authority, tmp_path):
    for version in ("-tls1_2", "-tls1_3"):
        session = tmp_path / f"session{version}"
        request = f"GET /t/acme HTTP/1.1\r\nHost: {NAME}\r\n\r\n"
        begun = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{deployment.port}", "-servername", NAME, version, "-sess_out", session, "-ign_eof"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        begun.stdin.write(request)
        begun.stdin.flush()
        eventually(session.exists)
        begun.kill()
        begun.wait()
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{deployment.port}", "-servername", MUTUAL, version, "-sess_in", session, "-ign_eof"],
            input=f"GET /t/acme HTTP/1.1\r\nHost: {MUTUAL}\r\nConnection: close\r\n\r\n", capture_output=True, text=True, timeout=20, check=False)
        assert "200 OK" not in done.stdout and "auth-server" not in done.stdout


@pytest.mark.parametrize("field", [
    "Client-Cert", "Client-Cert-Chain", "X-Client-Cert", "X-SSL-Client-Cert", "X-SSL-Client-Verify", "SSL-Client-Cert", "X-Forwarded-Client-Cert",
    "X_SSL_Client_Cert", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "X-Real-IP", "Forwarded", "X-Forwarded-Port", "X-Forwarded-Server",
])
def test_nobody_claims_a_certificate_or_an_address(deployment, field):
    answer = deployment.ask(headers=f"{field}: claimed-by-me\r\n".encode())
    assert answer.status == 200 and "claimed-by-me" not in answer.body.decode()


# HTTP/2

def fields2(*more: tuple[str, str], authority: str = NAME, path: str = "/t/acme", method: str = "GET") -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path), *more]


def test_http_2_arrives_as_what_it_says(deployment):
    answer = request2(deployment.address, deployment.authority.context(), NAME, fields2(("x-tenant-id", "acme"), path="/api/v1/x?a=b", method="POST"), b"abc")
    seen = dict(answer.json()["headers"])
    assert (answer.status, answer.json()["target"], answer.json()["body"]) == (200, "/api/v1/x?a=b", "abc")
    assert (seen["host"], seen["x-forwarded-proto"], seen["content-length"], seen["x-tenant-id"]) == (NAME, "https", "3", "acme")
    assert deployment.log(answer.headers["x-request-id"])["protocol"] == "HTTP/2.0"


SMUGGLED = b"GET /api/v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
WITH_BODIES = [
    (fields2(("transfer-encoding", "chunked"), method="POST"), b"0\r\n\r\n" + SMUGGLED),
    (fields2(("content-length", "0"), method="POST"), SMUGGLED), (fields2(("content-length", "2"), method="POST"), b"xx" + SMUGGLED),
    (fields2(("content-length", "999"), method="POST"), b"short"), (fields2(("content-length", "3"), ("content-length", "4"), method="POST"), b"abc"),
]
WITHOUT = [
    fields2(("x-a", "b\r\nTransfer-Encoding: chunked")), fields2(("x-a", "b\nX-Tenant-ID: globex")), fields2(("x-a\r\nx-b", "c")), fields2(("x-a: b\r\nhost", "c")),
    fields2(("X-Upper", "a")), fields2(("x a", "b")), fields2(("x-a", "b\x00")), fields2(path="/t/acme HTTP/1.1\r\nHost: evil\r\n\r\n"), fields2(path=""),
    fields2(path="t/acme"), fields2(path="//t/acme"), fields2(path="/t/a b"), fields2(path="/t/%2e%2e/x"), fields2(path="/t/../x"),
    fields2(method="GET /api/v1/x HTTP/1.1\r\nX: "), fields2(method="TRACE"), fields2(method="CONNECT"), fields2(authority="evil.example"), fields2(authority=""),
    fields2(authority=f"user@{NAME}"), fields2(authority=f"{NAME}/x"), fields2(("host", "evil.example")), fields2((":path", "/api/v1/x")),
    fields2((":authority", "evil.example")), fields2((":unknown", "x")), [(":method", "GET"), (":scheme", "https"), (":authority", NAME)],
    [(":scheme", "https"), (":authority", NAME), (":path", "/t/acme")],
]


@pytest.mark.parametrize("fields, body", WITH_BODIES + [(fields, b"") for fields in WITHOUT])
def test_http_2_that_http_1_would_read_in_two_ways(deployment, fields, body):
    before, seen = deployment.count, len(deployment.auth.targets) + len(deployment.api.targets)
    answer = request2(deployment.address, deployment.authority.context(), NAME, fields, body)
    assert answer.status is None or 400 <= answer.status < 500, answer
    assert deployment.count == before and len(deployment.auth.targets) + len(deployment.api.targets) == seen


def test_http_2_drops_what_belongs_to_connections(deployment):
    for field in (("connection", "x-forwarded-for"), ("te", "trailers"), ("upgrade", "h2c"), ("keep-alive", "1"), ("proxy-connection", "x")):
        answer = request2(deployment.address, deployment.authority.context(), NAME, fields2(field))
        if answer.status == 200:
            names = {name for name, _ in answer.json()["headers"]}
            assert "x-forwarded-for" in names and not names & {"te", "upgrade", "keep-alive", "proxy-connection"}


# What is kept, compressed and logged

def test_public_answers_are_compressed_and_those_with_secrets_are_not(deployment):
    deployment.auth.padding = deployment.api.padding = "x" * 4000
    try:
        for target in ("/t/acme/.well-known/openid-configuration", "/.well-known/openid-configuration/t/acme", "/t/acme/oauth2/jwks", "/assets/x.css", "/api/v1/x"):
            answer = deployment.ask(target, b"Accept-Encoding: gzip\r\n")
            assert answer.header("content-encoding") == "gzip" and "Accept-Encoding" in answer.headers["vary"], target
            assert json.loads(gzip.decompress(answer.body))["target"] == target
            assert deployment.ask(target).header("content-encoding") is None
        for target in ("/t/acme/oauth2/token", "/t/acme/oauth2/authorize", "/t/acme/interaction/sign-in", "/t/acme/sessions", "/oauth2/token", "/console", "/sign-in",
                       "/t/acme/admin/v1/clients", "/t/acme/oauth2/userinfo"):
            answer = deployment.ask(target, b"Accept-Encoding: gzip\r\n")
            assert answer.status == 200 and answer.header("content-encoding") is None, target
            assert "accept-encoding" not in dict(answer.json()["headers"])
    finally:
        deployment.auth.padding = deployment.api.padding = ""


def test_the_gateway_s_own_answers_are_not_kept_and_can_be_read_by_any_page(deployment):
    for target in ("/nothing", "/t//", "/t"):
        answer = deployment.ask(target)
        assert answer.header("cache-control") == "no-store" and answer.header("access-control-allow-origin") == "*"
    answer = deployment.ask("/t/acme")
    assert answer.headers["cache-control"] == ["no-store"] and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host, target, headers, tenant", [
    (NAME, "/t/acme/oauth2/token", b"", "acme"), (NAME, "/api/v1/x", b"X-Tenant-ID: globex\r\n", "globex"), (TENANT, "/api/v1/x", b"", "acme"),
    (NAME, "/.well-known/openid-configuration/t/acme", b"", "acme"), (NAME, "/api/v1/x", b"", ""), (NAME, "/t/acme", b"X-Tenant-ID: globex\r\n", "acme"),
    (NAME, "/api/v1/x", b"X-Tenant-ID: a\"b\r\n", ""), (NAME, "/t/A%20B/x", b"", ""),
])
def test_the_log_names_the_tenant(deployment, host, target, headers, tenant):
    entry = deployment.log(deployment.ask(target, headers, host=host, sni=host).header("x-request-id"))
    assert (entry["tenant"], entry["host"], entry["status"]) == (tenant, host, 200) and entry["tls"].startswith("TLSv1.") and float(entry["upstream_seconds"]) >= 0


SECRET_TARGETS = [
    "/t/acme/oauth2/authorize?client_id=x&state={}", "/api/v1/x?access_token={}", "/t/acme/invitations?token={}", "/oauth2/logout?id_token_hint={}", "/t//acme?x={}",
    "/nothing?x={}", "/_gateway/404?x={}",
]


def test_no_query_is_logged_anywhere(deployment):
    for number, target in enumerate(SECRET_TARGETS):
        for host in (NAME, "evil.example"):
            deployment.ask(target.format(f"secret-{number}"), host=host, sni=NAME, headers=b"Referer: https://x/?secret-r\r\nAuthorization: Bearer secret-a\r\nCookie: secret-c\r\n")
        exchange(deployment.plain, f"GET {target.format('secret-p')} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
    exchange(deployment.address, b"GET /t/acme?x=secret-b HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", tls=TLS(deployment.context, NAME))
    exchange(deployment.address, b"GET /t/acme?x=secret-l" + b"l" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", tls=TLS(deployment.context, NAME))
    deployment.log(deployment.ask("/t/last").header("x-request-id"))
    for log in deployment.logs.iterdir():
        assert "secret-" not in log.read_text(), log
    for line in (deployment.logs / "gateway.log").read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize("target", ["/metrics", "/livez", "/readyz", "/health", "/api/v1/../../metrics", "/t/..%2fmetrics", "/%6detrics", "/metrics/", "/metrics?x", "/;/metrics",
                                    "/t/acme/..;/..;/metrics", "/_gateway/502", "/nginx_status", "/stub_status"])
def test_nothing_of_the_inside_is_reached(deployment, target):
    before = {service: len(service.targets) for service in (deployment.auth, deployment.api)}
    answer = deployment.ask(target)
    if answer.status == 200:
        # It went to a service as it came: a path of the service's own namespace, not its metrics.
        assert answer.json()["target"] == target and target.startswith("/t/")
    else:
        assert answer.status in (400, 404) and {service: len(service.targets) for service in before} == before


# Limits

@pytest.fixture(scope="module")
def limited(tmp_path_factory, authority):
    limits = Limits(unlimited=("127.0.0.9",), under_way=4)
    for text in ("token-by-address=1:2", "token-by-tenant=1:5", "sign-in-by-address=1:2", "sign-in-by-tenant=1:5", "api-by-address=1:2", "api-by-tenant=1:5",
                 "other-by-address=1:2"):
        limits = with_limit(limits, text)
    deployment = Deployment(tmp_path_factory.mktemp("limited"), authority, limits=limits)
    yield deployment
    deployment.close()


KINDS = {
    "token": ["/t/{}/oauth2/token", "/t/{}/oauth2/introspect", "/t/{}/oauth2/revoke"],
    "sign-in": ["/t/{}/oauth2/authorize", "/t/{}/interaction/sign-in", "/t/{}/sign-in", "/t/{}/oauth2/logout", "/t/{}/invitations"],
    "api": ["/t/{}/oauth2/userinfo", "/t/{}/admin/v1/users"],
}


def statuses(deployment, target: str, count: int, source: str, headers: bytes = b"") -> list[int]:
    return [deployment.ask(target, headers, source=source).status for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_has_its_share_and_so_has_a_tenant(limited, kind):
    """Rate 1 and 2 more at once for an address, 5 more for a tenant; the clock may give back one or two meanwhile."""
    number = list(KINDS).index(kind)
    first, tenant = KINDS[kind][0].format(f"full-{kind}"), f"full-{kind}"
    answers = [limited.ask(KINDS[kind][n % len(KINDS[kind])].format(tenant), source=f"127.0.{number + 1}.1") for n in range(20)]
    passed = [answer for answer in answers if answer.status == 200]
    stopped = [answer for answer in answers if answer.status == 429]
    assert 3 <= len(passed) <= 6 and len(passed) + len(stopped) == 20
    for answer in stopped:
        assert answer.header("retry-after") == "1" and answer.header("content-type") == "application/json" and answer.json()["error"] == "temporarily_unavailable"
        assert answer.header("cache-control") == "no-store"
    # What was stopped did not count for the tenant: another address finds room, and the tenant's share ends after that.
    others = [limited.ask(first, source=f"127.0.{number + 1}.{n}").status for n in range(2, 14)]
    assert others[0] == 200 and 429 in others and 2 <= others.count(200) <= 6, others
    # Another tenant is not concerned.
    assert statuses(limited, KINDS[kind][0].format(f"free-{kind}"), 1, f"127.0.{number + 1}.99") == [200]
    assert limited.log(stopped[0].header("x-request-id"))["limit"] == "REJECTED"


def test_the_api_is_limited_by_the_tenant_that_header_or_subdomain_name(limited):
    answers = [limited.ask("/api/v1/x", b"X-Tenant-ID: by-header\r\n", source=f"127.0.7.{n}") for n in range(1, 13)]
    assert 6 <= sum(answer.status == 200 for answer in answers) <= 9
    assert next(answer for answer in answers if answer.status == 429).json() == {
        "code": "GW429", "message": "Too many requests: wait and try again.", "details": None, "hint": None}
    by_host = [limited.ask("/api/v1/x", host=f"by-host.{NAME}", source=f"127.0.8.{n}").status for n in range(1, 13)]
    assert 6 <= by_host.count(200) <= 9 and 429 in by_host
    assert statuses(limited, "/api/v1/x", 1, "127.0.8.50", b"X-Tenant-ID: somebody-else\r\n") == [200]


def test_documents_and_pages_are_limited_by_address(limited):
    targets = ["/.well-known/openid-configuration", "/assets/x.css", "/console", "/t/acme/oauth2/jwks"]
    found = [limited.ask(targets[n % 4], source="127.0.10.1").status for n in range(16)]
    assert 3 <= found.count(200) <= 6 and set(found) == {200, 429}


def test_addresses_of_one_s_own_are_not_limited(limited):
    assert set(statuses(limited, "/t/own/oauth2/token", 20, "127.0.0.9")) == {200}


def test_requests_under_way_are_limited(limited):
    """Who sends bodies slowly holds no more than so many of them."""
    head = f"POST /t/slow/oauth2/x HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 10\r\n\r\n1".encode()
    held = [connect(limited.address, TLS(limited.context, NAME), "127.0.11.1") for _ in range(3)]
    try:
        for connection in held:
            connection.sendall(head)
        # They are under way once nginx has read their heads.
        eventually(lambda: statuses(limited, "/nothing", 1, "127.0.11.1") == [404])
        more = [connect(limited.address, TLS(limited.context, NAME), "127.0.11.1") for _ in range(3)]
        held += more
        answers = []
        for connection in more:
            connection.sendall(head)
            connection.settimeout(0.5)
            try:
                answers.append(parse(connection.recv(65536)).status)
            except TimeoutError:
                answers.append(None)
        assert answers.count(429) >= 2
    finally:
        for connection in held:
            connection.close()


# Slowness

def test_slow_requests_are_given_up(deployment):
    """Ten seconds for a head, and for every piece of a body."""
    parts = {
        "silence": (b"", 11), "half a line": (b"GET /t/ac", 11), "half a head": (f"GET /t/acme HTTP/1.1\r\nHost: {NAME}\r\nX-A: ".encode(), 11),
        "half a body": (f"POST /t/acme HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 10\r\n\r\nabc".encode(), 11),
    }
    before = deployment.count

    def wait(part: bytes) -> tuple[float, bytes]:
        begun = time.monotonic()
        with connect(deployment.address, TLS(deployment.context, NAME), seconds=20) as connection:
            connection.sendall(part)
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except (ConnectionResetError, ssl.SSLError):
                pass
        return time.monotonic() - begun, received

    def drip() -> float:
        """A byte of the head each second: the deadline is for all of it."""
        begun = time.monotonic()
        with connect(deployment.address, TLS(deployment.context, NAME), seconds=20) as connection:
            connection.sendall(f"GET /t/acme HTTP/1.1\r\nHost: {NAME}\r\nX-A: ".encode())
            try:
                while time.monotonic() - begun < 18:
                    connection.sendall(b"a")
                    connection.settimeout(1)
                    try:
                        if not connection.recv(1000):
                            break
                    except TimeoutError:
                        pass
            except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
                pass
        return time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waits = {name: pool.submit(wait, part) for name, (part, _) in parts.items()}
        dripping = pool.submit(drip)
        for name, (_, limit) in parts.items():
            seconds, received = waits[name].result()
            assert seconds < limit + 3, name
            assert not received or parse(received).status == 408, name
        assert dripping.result() < 15
    assert deployment.count == before


# Reloading

def test_a_reload_fails_no_request(deployment):
    """Requests of several clients, and one that is under way all along; the configuration is read again ten times meanwhile."""
    stop = time.monotonic() + 4
    deployment.api.delay = {"/api/v1/long": 2.5}

    def client(number: int) -> list[int]:
        found = []
        while time.monotonic() < stop:
            answer = deployment.ask("/t/acme/oauth2/token" if number % 2 else "/api/v1/x", method=b"POST", body=b"a=b")
            found.append(answer.status)
        return found

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(4)]
        time.sleep(0.3)
        long = pool.submit(deployment.ask, "/api/v1/long")
        workers = set()
        for _ in range(10):
            deployment.gateway.render()
            deployment.process.child.send_signal(signal.SIGHUP)
            time.sleep(0.25)
            workers |= set(subprocess.run(["pgrep", "-P", str(deployment.process.pid)], capture_output=True, text=True, check=False).stdout.split())
        assert long.result().status == 200
        found = [status for one in clients for status in one.result()]
    assert len(found) > 50 and set(found) == {200}
    assert len(workers) >= 10, "workers were replaced"


# Several instances

class Dying(socketserver.ThreadingTCPServer):
    """Takes a request and ends the connection without an answer."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.seen: list[str] = []
        super().__init__(("127.0.0.1", 0), _DyingHandler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class _DyingHandler(socketserver.StreamRequestHandler):
    server: Dying

    def handle(self):
        self.server.seen.append(self.rfile.readline().decode().split(" ")[0])


@pytest.fixture
def two(tmp_path, authority):
    """One instance of each service that answers, and one that dies of every request."""
    dying, echo = Dying(), EchoServer("auth-server")
    addresses = (f"127.0.0.1:{dying.server_address[1]}", f"127.0.0.1:{echo.port}")
    tmp_path.chmod(0o755)
    deployment = Deployment(tmp_path, authority, auth_servers=addresses, resource_apis=addresses)
    deployment.dying, deployment.echo = dying, echo
    yield deployment
    deployment.close()
    dying.shutdown()
    dying.server_close()
    echo.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_what_is_idempotent_is_asked_of_another_instance(two, method):
    answers = [two.ask("/api/v1/x", method=method.encode()) for _ in range(6)]
    assert {answer.status for answer in answers} == {200}
    assert two.dying.seen and set(two.dying.seen) == {method}


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_may_have_been_done_is_not_done_again(two, method):
    answers = [two.ask("/api/v1/x", method=method.encode(), body=b"a=b") for _ in range(6)]
    assert len(two.dying.seen) == sum(answer.status == 502 for answer in answers) >= 1
    assert two.echo.count == sum(answer.status == 200 for answer in answers)


def test_an_instance_that_is_down_is_passed_by(tmp_path, authority):
    """Nothing was sent to it, so a POST goes on too."""
    echo, port = EchoServer("auth-server"), free_ports()["gateway"]
    tmp_path.chmod(0o755)
    deployment = Deployment(tmp_path, authority, auth_servers=(f"127.0.0.1:{port}", f"127.0.0.1:{echo.port}"))
    try:
        assert {deployment.ask("/t/acme/oauth2/token", method=b"POST", body=b"a=b").status for _ in range(20)} == {200}
    finally:
        deployment.close()
        echo.close()


# The script

def gateway_script(*words) -> subprocess.CompletedProcess:
    from conftest import CHECKOUT

    return subprocess.run([CHECKOUT / "scripts/gateway", *map(str, words)], capture_output=True, text=True, timeout=30, check=False)


def test_the_script_renders_what_nginx_takes_and_reloads(tmp_path, authority):
    certificate, echo = authority.issue("script.example.test"), EchoServer("auth-server")
    port, plain, _ = free_ports().values()
    common = ["--server-name", "script.example.test", "--certificate", certificate.certificate, "--key", certificate.key, "--listen", f"127.0.0.1:{port}",
              "--listen-plain", f"127.0.0.1:{plain}", "--public-port", port, "--auth-server", f"127.0.0.1:{echo.port}", "--work", tmp_path / "work",
              "--logs", tmp_path / "logs", "--output", tmp_path / "conf"]
    tmp_path.chmod(0o755)
    done = gateway_script("render", *common)
    assert done.returncode == 0 and f"SALLYPORT_BASE_URL=https://script.example.test:{port}" in done.stdout, done.stderr
    nginx = subprocess.Popen(["nginx", "-c", tmp_path / "conf/nginx.conf", "-e", "stderr"], stderr=subprocess.DEVNULL)
    try:
        tls = TLS(authority.context(), "script.example.test")
        request = b"GET /t/acme HTTP/1.1\r\nHost: script.example.test\r\nConnection: close\r\n\r\n"
        eventually(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        answer = send(("127.0.0.1", port), request, tls=tls)
        assert answer.status == 200 and answer.header("strict-transport-security") == "max-age=31536000"
        assert gateway_script("render", *common, "--hsts", "60").returncode == 0
        assert gateway_script("reload", "--output", tmp_path / "conf").returncode == 0
        eventually(lambda: send(("127.0.0.1", port), request, tls=tls).header("strict-transport-security") == "max-age=60")
        # What nginx refuses replaces nothing.
        before = {path.name: path.read_text() for path in (tmp_path / "conf").iterdir()}
        other = authority.issue("other.example.test")
        refused = gateway_script("render", *[other.key if word == certificate.key else word for word in common])
        assert refused.returncode == 1 and "key values mismatch" in refused.stderr and "Traceback" not in refused.stderr
        assert {path.name: path.read_text() for path in (tmp_path / "conf").iterdir()} == before
    finally:
        nginx.terminate()
        nginx.wait(20)
        echo.close()


@pytest.mark.parametrize("change, told", [
    (("--server-name", "Bad Name"), "not a host name"), (("--server-name", "a;b"), "not a host name"), (("--key", "/nowhere"), "/nowhere is not there"),
    (("--listen", "here"), "not an address to listen on"), (("--listen", "1.2.3.4:443; include x"), "not an address"), (("--auth-server", "a b:1"), "not a service's address"),
    (("--limit", "token=1"), "not a limit"), (("--limit", "api-by-address=0"), "not a limit"), (("--unlimited", "all"), "not an address or network"),
    (("--mutual-name", "m.example.test"), "go together"), (("--ocsp-authority", "KEY"), "resolver"), (("--output", "/tmp/a b"), "such characters"),
])
def test_the_script_says_what_it_cannot_use(tmp_path, authority, change, told):
    certificate = authority.issue("script.example.test")
    words = {"--server-name": "script.example.test", "--certificate": certificate.certificate, "--key": certificate.key, "--output": tmp_path / "conf",
             "--work": tmp_path / "work", "--logs": tmp_path / "logs"} | {change[0]: certificate.key if change[1] == "KEY" else change[1]}
    done = gateway_script("render", *[word for pair in words.items() for word in pair])
    assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "conf").exists()


def test_every_combination_is_taken_by_nginx(tmp_path, authority, clients):
    certificate = authority.issue(NAME)
    names = ["--server-name", NAME, "--certificate", certificate.certificate, "--key", certificate.key, "--work", tmp_path / "work", "--logs", tmp_path / "logs"]
    listen = ["--listen", "127.0.0.1:18443", "--listen-plain", "127.0.0.1:18080"]
    for number, more in enumerate([
        [], ["--subdomains"], ["--acme", tmp_path], ["--mutual-name", MUTUAL, "--client-authority", clients.certificate], ["--listen", "[::1]:18443"],
        ["--ocsp-authority", authority.certificate, "--resolver", "127.0.0.53"], ["--auth-server", "10.0.0.1:8081", "--auth-server", "10.0.0.2:8081"],
        ["--unlimited", "10.0.0.0/8", "--unlimited", "fd00::/8", "--limit", "api-by-tenant=5"],
    ]):
        done = gateway_script("render", *names, *listen, *more, "--output", tmp_path / f"conf-{number}")
        assert done.returncode == 0, (more, done.stderr)
        assert not re.search(r"@[A-Z_]+@", "".join(path.read_text() for path in (tmp_path / f"conf-{number}").iterdir()))


def test_a_template_has_no_unknown_name():
    from sallystack.nginx import fill

    with pytest.raises(StackError, match="@NEW@"):
        fill("a @NEW@", {"@OLD@": "x"})
    assert fill("  @EMPTY@\n  x @EMPTY@ y\n", {"@EMPTY@": ""}) == "  x  y\n"
