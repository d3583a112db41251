"""What an outsider tries at the door: the real nginx before the real services, as in development and as in a deployment."""

import os
import secrets
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
from browser import CALLBACK, Browser, Request
from certificates import Authority
from conftest import CHECKOUT, LOG_EVERYTHING
from raw import TLS, exchange, parse, send
from sallystack.files import remove
from sallystack.nginx import NO_LIMITS
from sallystack.production import Production
from sallystack.settings import Settings, free_ports
from sallystack.stack import Stack
from support import Sallyport, eventually


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A stack behind TLS at https://localhost:…, where acme.localhost and globex.localhost are its tenants."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate = authority.issue("localhost", "acme.localhost", "globex.localhost", "nobody.localhost")
    ports, plain = free_ports(), free_ports()["gateway"]
    production = Production(
        server_name="localhost", certificate=certificate.certificate, key=certificate.key, subdomains=True, public_port=ports["gateway"],
        listen=(f"127.0.0.1:{ports['gateway']}",), listen_plain=(f"127.0.0.1:{plain}",), auth_servers=(f"127.0.0.1:{ports['auth-server']}",),
        resource_apis=(f"127.0.0.1:{ports['resource-api']}",), limits=NO_LIMITS)
    directory = CHECKOUT / os.environ.get("STACK_DIR", ".run/acceptance") / "deployed"
    remove(directory)
    settings = Settings(
        directory, CHECKOUT / os.environ.get("BIN_DIR", ".build/debug"), ports, durable=False, postgres_options=LOG_EVERYTHING, production=production)
    with Stack(settings) as stack:
        stack.up()
        deployed = Sallyport(stack)
        deployed.http.verify = str(authority.certificate)
        deployed.tls = lambda name: TLS(authority.context(), name)
        yield deployed


@pytest.fixture(scope="module", params=["development", "production"])
def door(request, sallyport):
    """`send` and `exchange` for raw bytes with the right host in place of `HOST`."""
    server = sallyport if request.param == "development" else request.getfixturevalue("deployed")
    host = server.base_url.split("//")[1]
    tls = None if request.param == "development" else server.tls("localhost")

    def filled(text: bytes) -> bytes:
        return text.replace(b"HOST", host.encode())

    return SimpleNamespace(
        sallyport=server, host=host, address=server.gateway_address, is_tls=tls is not None,
        send=lambda text, **more: send(server.gateway_address, filled(text), tls=tls, **more),
        exchange=lambda text, seconds=2: exchange(server.gateway_address, filled(text), seconds, tls),
    )


def get(door, target: str, *fields: str, method: str = "GET"):
    lines = "".join(field + "\r\n" for field in fields)
    return door.send(f"{method} {target} HTTP/1.1\r\nHost: HOST\r\n{lines}Connection: close\r\n\r\n".encode("latin-1"))


def bearer(door, tenant: str = "acme", scope: str = "customers:read") -> str:
    return f"Authorization: Bearer {door.sallyport.token(tenant, scope)}"


# Smuggling

# Asked for inside another request: the gateway has no such path, and a service would answer it.
INNER = b"GET /livez HTTP/1.1\r\nHost: HOST\r\nX-Ignore: x"
CHUNKED = b"3\r\na=b\r\n0\r\n\r\n"

SHAPES = {
    "CL and TE": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE and CL": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + INNER + b"\r\n0\r\n\r\n",
    "TE with a space before the colon": b"Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE with a tab": b"Content-Length: 4\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE with a vertical tab": b"Content-Length: 4\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE after white space": b"Content-Length: 4\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE after a bare LF": b"Content-Length: 4\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE after a bare CR": b"Content-Length: 4\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE folded": b"Content-Length: 4\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE name folded": b"Content-Length: 4\r\nTransfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n" + INNER,
    "TE with an underscore": b"Content-Length: 4\r\nTransfer_Encoding: chunked\r\n\r\na=b&" + INNER,
    "TE twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n" + CHUNKED + INNER,
    "TE twice, the other first": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED + INNER,
    "TE list": b"Transfer-Encoding: identity, chunked\r\n\r\n" + CHUNKED + INNER,
    "TE list backwards": b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED + INNER,
    "TE with a comma": b"Transfer-Encoding: chunked,\r\n\r\n" + CHUNKED + INNER,
    "TE quoted": b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKED + INNER,
    "TE like chunked": b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED + INNER,
    "TE with NUL": b"Transfer-Encoding: chunked\x00\r\n\r\n" + CHUNKED + INNER,
    "TE empty": b"Transfer-Encoding:\r\nContent-Length: 4\r\n\r\na=b&" + INNER,
    "CL twice": b"Content-Length: 4\r\nContent-Length: 70\r\n\r\na=b&" + INNER,
    "CL twice, the same": b"Content-Length: 4\r\nContent-Length: 4\r\n\r\na=b&" + INNER,
    "CL list": b"Content-Length: 4, 70\r\n\r\na=b&" + INNER,
    "CL with a sign": b"Content-Length: +4\r\n\r\na=b&" + INNER,
    "CL negative": b"Content-Length: -1\r\n\r\na=b&" + INNER,
    "CL hexadecimal": b"Content-Length: 0x4\r\n\r\na=b&" + INNER,
    "CL with a space inside": b"Content-Length: 4 0\r\n\r\na=b&" + INNER,
    "CL overflowing": b"Content-Length: 18446744073709551620\r\n\r\na=b&" + INNER,
    "CL folded": b"Content-Length:\r\n 4\r\n\r\na=b&" + INNER,
    "CL with a space before the colon": b"Content-Length : 4\r\n\r\na=b&" + INNER,
    "CL empty": b"Content-Length:\r\n\r\na=b&" + INNER,
    "chunk extension": b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\na=b\r\n0\r\n\r\n" + INNER,
    "chunk extension with quoted CRLF": b'Transfer-Encoding: chunked\r\n\r\n3;a="\r\n\r\n"\r\na=b\r\n0\r\n\r\n' + INNER,
    "chunk extension with bare LF": b"Transfer-Encoding: chunked\r\n\r\n3;\na=b\r\n0\r\n\r\n" + INNER,
    "chunk extension with bare CR": b"Transfer-Encoding: chunked\r\n\r\n3;\ra=b\r\n0\r\n\r\n" + INNER,
    "chunk size with 0x": b"Transfer-Encoding: chunked\r\n\r\n0x3\r\na=b\r\n0\r\n\r\n" + INNER,
    "chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+3\r\na=b\r\n0\r\n\r\n" + INNER,
    "chunk size negative": b"Transfer-Encoding: chunked\r\n\r\n-1\r\na=b\r\n0\r\n\r\n" + INNER,
    "chunk size with a space": b"Transfer-Encoding: chunked\r\n\r\n3 \r\na=b\r\n0\r\n\r\n" + INNER,
    "chunk size overflowing": b"Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\na=b\r\n0\r\n\r\n" + INNER,
    "chunk size with zeros": b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 40 + b"3\r\na=b\r\n0\r\n\r\n" + INNER,
    "chunk lines with bare LF": b"Transfer-Encoding: chunked\r\n\r\n3\na=b\n0\n\n" + INNER,
    "chunk longer than said": b"Transfer-Encoding: chunked\r\n\r\n3\r\na=bcd\r\n0\r\n\r\n" + INNER,
    "chunk without its end": b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b0\r\n\r\n" + INNER,
    "last chunk many zeros": b"Transfer-Encoding: chunked\r\n\r\n000\r\n\r\n" + INNER,
    "trailer with CL": b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\nContent-Length: 70\r\n\r\n" + INNER,
    "trailer with a tenant": b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\nX-Tenant-ID: globex\r\n\r\n" + INNER,
    "expectation": b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\na=b&" + INNER,
    "expectation unknown": b"Expect: 200-ok\r\nContent-Length: 4\r\n\r\na=b&" + INNER,
    "upgrade": b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 4\r\n\r\na=b&" + INNER,
    "websocket": b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: x\r\nContent-Length: 0\r\n\r\n" + INNER,
    "connection takes CL away": b"Connection: Content-Length\r\nContent-Length: 4\r\n\r\na=b&" + INNER,
    "no length": b"\r\n" + INNER,
}


@pytest.mark.parametrize("target", ["/t/acme/oauth2/token", "/api/v1/customers", "/api/v1/customers/import"])
def test_nothing_is_smuggled(door, target):
    """However a request is cut: no answer is that of the request inside, and the next requests get their own answers."""
    keys = get(door, "/t/acme/oauth2/jwks").body
    for name, shape in SHAPES.items():
        for method, version in ((b"POST", b"1.1"), (b"GET", b"1.1"), (b"POST", b"1.0")):
            if version == b"1.0" and not name.startswith(("TE", "CL and", "no")):
                continue
            request = method + b" " + target.encode() + b" HTTP/" + version + b"\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n" + shape
            # What is inside is finished by whoever comes next, here ourselves.
            received = door.exchange(request + b"\r\nConnection: close\r\n\r\n", seconds=1 if b"Expect" in shape else 3)
            what = f"{name} {method} {version}: {received[:300]!r}"
            for answer in received.split(b"HTTP/1.1 ")[1:]:
                assert answer[:3] in (b"100", b"400", b"401", b"403", b"404", b"405", b"411", b"412", b"413", b"415", b"417", b"501", b"505"), what
                assert b"Access-Control" not in answer or b"ok" != answer.rpartition(b"\r\n\r\n")[2], what
            assert b"200 OK" not in received and b"502" not in received[:20], what
    for _ in range(12):
        answer = get(door, "/t/acme/oauth2/jwks?x")
        assert (answer.status, answer.body) == (200, keys)
        assert get(door, "/api/v1/customers?limit=1", bearer(door)).status in (200, 206)


def test_smuggling_would_be_seen(door):
    """The test above can fail: what is inside, asked of a service itself, is answered with 200."""
    server = door.sallyport.stack
    for name in ("auth-server", "resource-api"):
        address = ("127.0.0.1", server.settings.ports[name])
        assert parse(exchange(address, INNER.replace(b"HOST", b"a") + b"\r\nConnection: close\r\n\r\n")).status == 200
    assert get(door, "/livez").status == 404


# Forged headers

FOREIGN = ["X-Tenant-ID: globex", "x-tenant-id: globex", "X-Tenant-ID:globex", "X-Tenant-ID:  globex  ", "X-Tenant-ID: nobody", "X-Tenant-ID: GLOBEX", "X-Tenant-ID: acme, globex",
           "X-Tenant-ID: acme globex", "X-Tenant-ID: acme;globex", "X-Tenant-ID: acme%00", "X-Tenant-ID: ../acme", "X-Tenant-ID: "]


@pytest.mark.parametrize("field", FOREIGN)
def test_a_token_of_one_tenant_with_the_name_of_another(door, field):
    answer = get(door, "/api/v1/customers?limit=1", field, bearer(door))
    assert answer.status in (400, 403, 404), answer


@pytest.mark.parametrize("fields", [
    ("X-Tenant-ID: acme", "X-Tenant-ID: globex"), ("X-Tenant-ID: globex", "X-Tenant-ID: acme"), ("X-Tenant-ID: acme", "x-tenant-id: globex"),
    ("X-Tenant-ID:", "X-Tenant-ID: globex"), ("X-Tenant-ID: globex", "X-Tenant-ID:"),
])
def test_two_names_of_tenants(door, fields):
    assert get(door, "/api/v1/customers?limit=1", *fields, bearer(door)).status in (400, 403, 404)
    assert get(door, "/.well-known/openid-configuration", *fields).status in (400, 404)
    # Whoever asks next, past that, gets their own document.
    assert get(door, "/.well-known/openid-configuration").json()["issuer"] == door.sallyport.base_url


def test_two_tokens(door):
    answer = get(door, "/api/v1/customers?limit=1", bearer(door), bearer(door, "globex"))
    assert answer.status in (400, 401)
    assert get(door, "/api/v1/customers?limit=1", bearer(door, "globex"), bearer(door)).status in (400, 401)


@pytest.mark.parametrize("field", [
    "X_Tenant_ID: globex", "X-Tenant_ID: globex", "X-Forwarded-Host: globex.BASE", "X-Forwarded-Host: globex.BASE, BASE", "Forwarded: host=globex.BASE", "X-Host: globex.BASE",
    "X-Original-Host: globex.BASE", "X-Forwarded-Server: globex.BASE", "X-Original-URL: /t/globex", "X-Rewrite-URL: /t/globex", "X-HTTP-Method-Override: DELETE",
    "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X-Forwarded-Proto: ftp", "X-Forwarded-Prefix: /t/globex", "Connection: X-Forwarded-Host", "Content-Location: /t/globex",
    "X-Accel-Redirect: /_gateway/400", "X-Request-ID: chosen-by-me", "Via: 1.1 x", "Max-Forwards: 0",
])
def test_headers_that_change_nothing(door, field):
    field = field.replace("BASE", "127.0.0.1" if not door.is_tls else "localhost")
    for target, fields in (("/api/v1/customers?select=name&order=name", (bearer(door),)), ("/.well-known/openid-configuration?x", ()), ("/t/acme/.well-known/openid-configuration?x", ())):
        plain, forged = get(door, target, *fields), get(door, target, field, *fields)
        assert (forged.status, forged.body) == (plain.status, plain.body), (target, field)
        assert forged.header("x-request-id") != "chosen-by-me"


def test_a_session_has_the_address_of_the_connection(door):
    """Whatever the request says of itself."""
    server = door.sallyport
    client = server.new_client("acme", "openid", "--redirect-uri", CALLBACK, "--first-party", grants=("authorization_code",))
    for name, value in (("X-Forwarded-For", "203.0.113.77"), ("X-Real-IP", "203.0.113.77"), ("Forwarded", "for=203.0.113.77"), ("X-Forwarded-For", "127.0.0.1, 203.0.113.77")):
        browser = Browser(server, "127.0.0.1")
        browser.http.verify = server.http.verify
        browser.http.headers[name] = value
        assert Request(server, "acme", client, "openid").code(browser, server.user("user"))
    addresses = server.sql("SELECT DISTINCT address FROM auth.session UNION SELECT DISTINCT address FROM auth.audit_event").split()
    assert "127.0.0.1" in addresses and not [address for address in addresses if not address.startswith("127.0.0.")]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80", "a@HOST", "HOST/x", "HOST, evil.example", "HOST#x", "[::1]", "-"])
def test_a_host_of_somebody_else_appears_nowhere(door, host):
    for target in ("/.well-known/openid-configuration", "/t/acme/.well-known/openid-configuration", "/.well-known/oauth-protected-resource", "/t/acme/oauth2/authorize", "/api/v1/customers"):
        answer = door.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n".encode())
        assert b"evil" not in answer.body and "evil" not in str(answer.headers), (target, answer)
        assert answer.status in (400, 421) if door.is_tls else answer.status < 500


# Tenants by name

def at(deployed, host: str, target: str, *fields: str):
    lines = "".join(field + "\r\n" for field in fields)
    port = deployed.gateway_address[1]
    return send(deployed.gateway_address, f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}Connection: close\r\n\r\n".encode(), tls=deployed.tls(host))


def test_a_subdomain_is_a_tenant(deployed):
    for tenant in ("acme", "globex"):
        document = at(deployed, f"{tenant}.localhost", "/.well-known/openid-configuration").json()
        assert document["issuer"] == deployed.issuer(tenant) == at(deployed, "localhost", "/.well-known/openid-configuration", f"X-Tenant-ID: {tenant}").json()["issuer"]
    assert at(deployed, "localhost", "/.well-known/openid-configuration").json()["issuer"] == deployed.base_url
    assert at(deployed, "nobody.localhost", "/.well-known/openid-configuration").status == 404


def test_names_of_tenants_that_disagree_are_refused(deployed):
    token = f"Authorization: Bearer {deployed.token('acme', 'customers:read')}"
    assert at(deployed, "acme.localhost", "/api/v1/customers?limit=1", token).status in (200, 206)
    assert at(deployed, "acme.localhost", "/api/v1/customers?limit=1", token, "X-Tenant-ID: acme").status in (200, 206)
    for host, fields in (("globex.localhost", ()), ("acme.localhost", ("X-Tenant-ID: globex",)), ("globex.localhost", ("X-Tenant-ID: acme",)), ("nobody.localhost", ())):
        assert at(deployed, host, "/api/v1/customers?limit=1", token, *fields).status in (400, 403, 404), (host, fields)
    for target in ("/t/acme/.well-known/openid-configuration", "/.well-known/openid-configuration/t/acme", "/t/acme/oauth2/jwks", "/.well-known/oauth-protected-resource/t/acme/api/v1"):
        assert at(deployed, "acme.localhost", target).status == 200
        assert at(deployed, "globex.localhost", target).status in (400, 404), target
        # Nor does the refusal take the place of the document.
        assert at(deployed, "acme.localhost", target).status == 200 and at(deployed, "localhost", target).status == 200


def test_the_whole_way_through_tls(deployed):
    """A token by any library's way, rows with it, and the tokens' issuer is the name that people use."""
    document = deployed.http.get(f"{deployed.issuer('acme')}/.well-known/openid-configuration").json()
    assert document["issuer"] == deployed.issuer("acme") and all(
        value.startswith(deployed.base_url) for name, value in document.items() if name.endswith("_endpoint") or name == "jwks_uri")
    assert deployed.rows("customers?limit=3", deployed.token("acme", "customers:read"))
    answer = deployed.http.get(deployed.api_url + "/customers")
    assert answer.status_code == 401 and f'resource_metadata="{deployed.base_url}/.well-known/' in answer.headers["WWW-Authenticate"]


# Paths

PATHS = [
    "//api/v1/customers", "/api//v1/customers", "/api/v1//customers", "/api/v1/./customers", "/api/v1/x/../customers", "/api/v1/customers/..",
    "/api/v1/%2e/customers", "/api/v1/%2E%2e/v1/customers", "/api/v1/..%2fcustomers", "/api/v1%2fcustomers", "/api%2fv1/customers", "/api/v1/customers%00", "/api/v1/customers%2f",
    "/api/v1/customers;x", "/api/v1/customers;/../orders", "/api/v1;x/customers", "/;/api/v1/customers", "/api/v1/..;/customers", "/api/v1/customers%3b", "/api/v1/customers%3Fselect=name",
    "/api/v1/customers%23", "/api/v1/\\customers", "/api/v1/%5ccustomers", "/API/v1/customers", "/api/V1/customers", "/api/v1/CUSTOMERS", "/api/v1/auth.tenant", "/api/v1/%252e%252e/customers",
    "/api/v1/customers%20", "/api/v1/ customers", "/api/v1/customers%0a", "/api/v1/customers\t", "/api/v1/%ff", "/api/v1/customers%c0%af", "/api/v1/customers%ef%bc%8f",
    "/t/acme/../../api/v1/customers", "/assets/../api/v1/customers", "/.well-known/../api/v1/customers", "/t/acme;/api/v1/customers", "/api/v1/../../metrics", "/t/%2e%2e/metrics",
    "/t/acme/..;/..;/metrics", "/oauth2/../metrics", "/console/../metrics", "/assets/%2e%2e/metrics", "/api/v1/..", "/t/..", "/metrics;x", "/metrics%3f", "/livez/", "/./readyz",
]


@pytest.mark.parametrize("target", PATHS)
def test_a_path_has_one_meaning(door, target):
    """No such spelling gets rows, and none the services' own pages."""
    answer = get(door, target, bearer(door))
    assert answer.status in (400, 404, 405), answer
    assert b"process_" not in answer.body


@pytest.mark.parametrize("target, status", [("/%61pi/v1/customers?limit=1", (200, 206, 404)), ("/api/v1/%63ustomers?limit=1", (200, 206)),
                                            ("/api/v1/customers/?limit=1", (200, 206))])
def test_spellings_that_mean_the_same_need_a_token_too(door, target, status):
    assert get(door, target, bearer(door)).status in status
    assert get(door, target).status in (401, 404)


def test_absolute_targets(door):
    scheme = "https" if door.is_tls else "http"
    for target, status in ((f"{scheme}://HOST/api/v1/customers?limit=1", (200, 206)), ("http://evil.example/api/v1/customers", (400, 421)), ("http://HOST@evil.example/api/v1/customers", (400, 421)),
                           ("http://user@HOST/api/v1/customers", (400,)), ("ftp://HOST/api/v1/customers?limit=1", (200, 206, 400)), ("http:///api/v1/customers", (400,)), ("HOST:443", (400,)),
                           ("*", (400,)), ("api/v1/customers", (400,))):
        answer = get(door, target, bearer(door))
        assert answer.status in status, (target, answer)
    assert get(door, "HOST:80", method="CONNECT").status in (400, 405)


@pytest.mark.parametrize("target", ["/metrics", "/livez", "/readyz", "/healthz", "/health", "/status", "/debug", "/api/v1/metrics", "/t/acme/metrics", "/oauth2/metrics", "/console/metrics"])
def test_what_is_for_the_inside_stays_inside(door, target):
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        answer = get(door, target, method=method)
        assert answer.status in (401, 404, 405) and b"process_" not in answer.body and b"http_" not in answer.body, (method, answer)
    for name in ("auth-server", "resource-api"):
        port = door.sallyport.stack.settings.ports[name]
        assert b"http" in exchange(("127.0.0.1", port), b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "it is there"


# Sizes

def test_what_is_too_large_is_refused_as_json(door):
    host = b"Host: HOST\r\nConnection: close\r\n"
    for request, status in (
        (b"GET /api/v1/customers?name=eq." + b"a" * 20_000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
        (b"GET /t/acme/oauth2/userinfo HTTP/1.1\r\n" + host + b"Authorization: Bearer " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /t/acme/oauth2/userinfo HTTP/1.1\r\n" + host + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 8000) for n in range(10)) + b"\r\n", 431),
        (b"POST /t/acme/oauth2/token HTTP/1.1\r\n" + host + b"Content-Length: 1048577\r\n\r\n", 413),
        (b"POST /api/v1/customers HTTP/1.1\r\n" + host + b"Content-Length: 99999999999\r\n\r\n", 413),
        (b"POST /api/v1/customers/import HTTP/1.1\r\n" + host + b"Content-Length: 99999999999\r\n\r\n", 413),
    ):
        answer = door.send(request)
        assert (answer.status, answer.header("content-type")) == (status, "application/json"), request[:80]


def test_what_a_service_takes_passes(door):
    """A token of 8 KiB is looked at by the service; so are a hundred fields."""
    assert get(door, "/api/v1/customers", "Authorization: Bearer " + "a" * 8192).status == 401
    assert get(door, "/t/acme/oauth2/userinfo", "Authorization: Bearer " + "a" * 8192).status == 401
    assert get(door, "/api/v1/customers?limit=1", bearer(door), *(f"X-{number}: a" for number in range(60))).status in (200, 206)
    assert get(door, "/api/v1/customers?limit=1&name=neq." + "a" * 12_000, bearer(door)).status in (200, 206)


def head_size(answer) -> int:
    return sum(len(name) + len(value) + 4 for name, values in answer.headers.items() for value in values)


def test_the_largest_redirect_passes(door):
    server = door.sallyport
    client = server.new_client("acme", "openid", "--redirect-uri", CALLBACK, "--first-party", grants=("authorization_code",))
    for state in ("&" * 2048, "\U0001f600" * 512, "a" * 2048):
        query = urlencode({"client_id": client[0], "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid", "state": state, "prompt": "none",
                           "code_challenge": "A" * 43, "code_challenge_method": "S256"})
        answer = get(door, f"/t/acme/oauth2/authorize?{query}")
        assert answer.status == 303 and "login_required" in answer.header("location") and quote(state[-1], safe="") in answer.header("location")
        assert head_size(answer) < 16_000
        posted = door.send(f"POST /t/acme/oauth2/authorize HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                           f"Content-Length: {len(query)}\r\n\r\n{query}".encode())
        assert posted.status in (303, 200) and head_size(posted) < 16_000


def test_answers_of_the_api_have_short_headers(door):
    """Keys and cursors are made of values, which may be long: nginx takes 4 KiB of headers where nobody told it more."""
    server = door.sallyport
    name = "named_" + secrets.token_hex(4)
    server.sql(f"SET ROLE sallyport_owner; CREATE TABLE api.{name} (name text NOT NULL, PRIMARY KEY (tenant_id, name), tenant_id uuid NOT NULL);"
               f"SELECT sallyport.enable_tenancy('api.{name}'); GRANT SELECT, INSERT ON api.{name} TO sallyport_api")
    scope = f"{name}:read {name}:write"
    client = server.new_client("acme", scope)
    token = server.token("acme", scope, auth=client)
    for length in (100, 500, 600, 800):
        value = "é&" * length
        answer = eventually(lambda value=value: (lambda found: found if found.status_code != 404 else None)(
            server.api("POST", name, token, json={"name": value}, headers={"Prefer": "return=headers-only"})), 15)
        assert answer.status_code == 201, answer.text
        assert ("Location" in answer.headers) == (length == 100), "as long as 9 bytes for each é&"
        assert sum(len(key) + len(found) + 4 for key, found in answer.headers.items()) < 4000
    listed = server.api("GET", f"{name}?order=name&limit=1&after=", token)
    assert listed.status_code in (200, 206) and sum(len(key) + len(found) + 4 for key, found in listed.headers.items()) < 4000
    longest = server.api("GET", f"{name}?order=name.desc&limit=1&after=", token)
    assert longest.status_code == 400 and longest.json()["code"] == "54000", longest.text


def test_a_long_import_passes(door):
    """More than the mebibyte that other bodies may have."""
    server = door.sallyport
    token = server.token("acme", "customers:read customers:write customers:delete")
    marker = secrets.token_hex(6)
    lines = "name\n" + "".join(f"Import {marker} {number} {'x' * 200}\n" for number in range(8000))
    assert len(lines) > 1_500_000
    answer = server.api("POST", "customers/import", token, data=lines.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 201 and answer.json() == {"count": 8000}, answer.text
    assert server.api("DELETE", f"customers?name=like.Import {marker}*", token).status_code == 204


# What is kept

def test_nobody_puts_another_document_into_the_cache(door):
    """Each of these is asked for anew in many ways by an attacker; the plain request still gets the document."""
    for target, member in (("/t/acme/.well-known/openid-configuration", "issuer"), ("/.well-known/openid-configuration/t/globex", "issuer"), ("/t/globex/oauth2/jwks", "keys")):
        right = get(door, target + "?fresh").json()[member]
        for fields in (("X-Tenant-ID: globex",), ("X-Tenant-ID: nobody",), ("X-Forwarded-Host: evil.example",), ("Authorization: Bearer x",), ("Cookie: a=b",), ("Range: bytes=0-3",),
                       ("If-None-Match: *",), ("Accept: text/html",), ("Accept-Encoding: gzip",), ("Origin: https://evil.example",), ("X-Tenant-ID:",), ("X-HTTP-Method-Override: POST",)):
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                get(door, target, *fields, method=method)
        answer = get(door, target)
        assert answer.status == 200 and answer.json()[member] == right and "evil" not in str(answer.headers)


def test_the_cache_bridges_an_outage_of_the_authorization_server(deployed):
    target = "/t/acme/oauth2/jwks"
    keys = at(deployed, "localhost", target).body
    stack = deployed.stack
    stack.services["auth-server"].stop(30)
    try:
        assert at(deployed, "localhost", target).body == keys
        answer = at(deployed, "localhost", "/t/acme/oauth2/userinfo")
        assert answer.status in (502, 503) and answer.header("retry-after") == "1" and answer.json()["error"] == "temporarily_unavailable"
        assert answer.header("cache-control") == "no-store" and answer.header("strict-transport-security")
    finally:
        stack.start_service("auth-server")
    eventually(lambda: at(deployed, "localhost", "/t/acme/oauth2/userinfo").status == 401, 10)
