"""nginx alone, before servers that show what reached them: routing, refusals, what is forwarded, the cache."""

import re
from types import SimpleNamespace

import pytest
from raw import EchoServer, send
from sallystack.files import remove
from sallystack.gateway import Gateway
from sallystack.settings import Settings, free_ports
from support import eventually


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    directory = tmp_path_factory.mktemp("gateway")
    auth, api = EchoServer("auth-server"), EchoServer("resource-api")
    settings = Settings(directory, directory, free_ports() | {"auth-server": auth.port, "resource-api": api.port})
    process = Gateway(settings).start()
    port = settings.ports["gateway"]
    yield SimpleNamespace(auth=auth, api=api, address=("127.0.0.1", port), host=f"Host: 127.0.0.1:{port}\r\n".encode(), logs=settings.logs, port=port)
    process.stop()
    auth.close()
    api.close()
    remove(directory)


@pytest.fixture(scope="module")
def ask(gateway):
    """One request with a correct Host, closed afterwards."""

    def request(target: bytes | str, headers: bytes = b"", method: bytes = b"GET", version: bytes = b"1.1", body: bytes = b""):
        target = target if isinstance(target, bytes) else target.encode()
        head = method + b" " + target + b" HTTP/" + version + b"\r\n" + gateway.host + headers + b"Connection: close\r\n"
        if body:
            head += b"Content-Length: %d\r\n" % len(body)
        return send(gateway.address, head + b"\r\n" + body)

    return request


@pytest.fixture(scope="module")
def refused(gateway):
    """Sends bytes that no service may ever see; the answer is JSON with the status."""

    def check(request: bytes, status: int = 400):
        before = gateway.auth.count + gateway.api.count
        answer = send(gateway.address, request)
        assert answer.status == status, answer
        assert answer.header("content-type") == "application/json"
        assert answer.json().get("error") == "invalid_request" or answer.json()["code"] == f"GW{status}"
        assert gateway.auth.count + gateway.api.count == before
        return answer

    return check


@pytest.mark.parametrize("target, service", [
    ("/t/acme/oauth2/token", "auth-server"), ("/t/acme/oauth2/jwks", "auth-server"), ("/t/acme/.well-known/openid-configuration", "auth-server"),
    ("/oauth2/token", "auth-server"), ("/.well-known/oauth-authorization-server/t/acme", "auth-server"), ("/.well-known/openid-configuration/t/acme", "auth-server"),
    ("/.well-known/openid-configuration", "auth-server"), ("/console", "auth-server"), ("/console/x", "auth-server"), ("/assets/x.css", "auth-server"), ("/assets/theme/123456.css", "auth-server"),
    ("/.well-known/oauth-protected-resource", "resource-api"), ("/.well-known/oauth-protected-resource/api/v1", "resource-api"),
    ("/.well-known/oauth-protected-resource/t/acme/api/v1", "resource-api"),
    ("/api/v1", "resource-api"), ("/api/v1/customers?select=id&name=eq.a%2Fb%00", "resource-api"),
    ('/api/v1/customers?tags=cs.{a,"b"}&x=^|`', "resource-api"), ("/api/v1/two%20words", "resource-api"), ("/t/%c3%a9", "auth-server"),
])
def test_routes_pass_the_target_unchanged(ask, target, service):
    answer = ask(target)
    assert answer.status == 200
    assert (answer.json()["name"], answer.json()["target"]) == (service, target)


@pytest.mark.parametrize("target", [
    "/", "/t", "/assets", "/oauth2", "/.well-known", "/livez", "/readyz", "/metrics", "/api", "/api/", "/api/v2/x", "/api/v10", "/consoles", "/index.html", "/_gateway/400", "/_gateway/502",
])
def test_everything_else_is_not_found(ask, target):
    answer = ask(target)
    assert answer.status == 404 and answer.header("content-type") == "application/json"
    assert answer.json().keys() in ({"error", "error_description"}, {"code", "message", "details", "hint"})


@pytest.mark.parametrize("target", [
    b"//t/acme", b"/t//acme", b"/api//v1/x", b"/t/acme/../globex", b"/t/acme/./x", b"/t/acme/..", b"/t/acme/.", b"/t/acme/..?x", b"/api/v1/../../t/acme",
    b"/t/acme%2fx", b"/t/acme%2Fx", b"/t/acme/%2e%2e/globex", b"/t/acme/%2E", b"/t/acme%5cx", b"/t/acme\\x", b"/t/acme%00", b"/t/acme%0a", b"/t/acme%0D%0Ax", b"/t/acme%7f",
    b"/t/a\x00b", b"/t/a\x01b", b"/t/a\x7fb", b"/t/a\tb", b"/t/\xc3\xa9", b"/t/acme#x", b"/t/acme?x#y", b'/t/a"b', b"/t/{a}", b"/t/%zz", b"/t/%", b"*", b"t/acme", b"/api/v1/a?x=\x01", b"/api/v1/a?x=\xc3\xa9", b"/api/v1/a?x=\x00",
])
def test_ambiguous_targets_are_refused(refused, gateway, target):
    refused(b"GET " + target + b" HTTP/1.1\r\n" + gateway.host + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("request_head", [
    b"GET /t/a HTTP/1.1\r\n", b"GET /t/a HTTP/1.0\r\n", b"GET /t/a HTTP/1.1\r\nHost:\r\n", b"GET /t/a HTTP/1.1\r\nHost: \r\n",
    b"GET /t/a HTTP/1.1\r\nHost: a\r\nHost: a\r\n", b"GET /t/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n", b"GET /t/a HTTP/1.1\r\nHost: a\r\nhost: b\r\n",
    b"GET http://a/t/a HTTP/1.1\r\nHost: b\r\n", b"GET http://a/t/a HTTP/1.1\r\n",
    *(b"GET /t/a HTTP/1.1\r\nHost: " + host + b"\r\n" for host in (
        b"a b", b"a/b", b"a\x00b", b"a\x01b", b"a,b", b"a@b", b"a?b", b"a#b", b"a:b", b"a:", b"..", b"a..b", b"[::1", b"a\\b", b"a:80:80", b"\xc3\xa9", b"<a>", b"a:999999")),
])
def test_host_forms_that_are_refused(refused, request_head):
    refused(request_head + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("host", [b"example.com", b"EXAMPLE.com:8080", b"[::1]:8080", b"127.0.0.1", b"acme.example.com"])
def test_host_forms_that_are_passed_on(gateway, host):
    answer = send(gateway.address, b"GET /t/a HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    assert ["host", host.decode()] in answer.json()["headers"]
    assert ["x-forwarded-host", host.decode()] in answer.json()["headers"]


def test_absolute_target_with_the_same_host(gateway, ask):
    assert ask(f"http://127.0.0.1:{gateway.port}/t/acme").json()["target"] == "/t/acme"


def test_http_1_0_with_a_host(ask):
    assert ask("/t/acme", version=b"1.0").status == 200


@pytest.mark.parametrize("field", [
    b"X-A: a\x00b", b"X\x01A: b", b"X A: b", b"X-A : b", b": b", b"X-A: a\rb", b"Authorization: Bearer a\x01", b"X-Tenant-ID: a\x7f", b"User-Agent: \x1b[0m",
    b"Cookie: a=\x08", b"X-A: a\r\n folded",
])
def test_control_bytes_and_broken_fields_are_refused(refused, gateway, field):
    refused(b"GET /t/a HTTP/1.1\r\n" + gateway.host + field + b"\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("fields, body, status", [
    (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"0\r\n\r\n", 400),
    (b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abc", 400),
    (b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc", 400),
    (b"Content-Length: 3, 3\r\n", b"abc", 400), (b"Content-Length: +3\r\n", b"abc", 400), (b"Content-Length: -3\r\n", b"abc", 400), (b"Content-Length: 0x3\r\n", b"abc", 400),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n", 400),
    (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", 501), (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", 501), (b"Transfer-Encoding: identity\r\n", b"", 501),
    (b"Transfer-Encoding: chunked\r\n", b"zz\r\nabc\r\n0\r\n\r\n", 400), (b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n", 400),
])
def test_requests_whose_length_is_in_doubt_are_refused(refused, gateway, fields, body, status):
    refused(b"POST /t/a HTTP/1.1\r\n" + gateway.host + fields + b"Connection: close\r\n\r\n" + body, status)


def test_a_chunked_request_arrives_with_a_length(gateway):
    answer = send(gateway.address, b"POST /api/v1/x HTTP/1.1\r\n" + gateway.host + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert answer.json()["body"] == "abc" and ["content-length", "3"] in answer.json()["headers"]


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"FOO", b"PROPFIND", b"M-SEARCH"])
@pytest.mark.parametrize("path", [b"/t/a", b"/api/v1/a"])
def test_methods_that_end_here(refused, gateway, method, path):
    assert refused(method + b" " + path + b" HTTP/1.1\r\n" + gateway.host + b"Connection: close\r\n\r\n", 405).header("allow")


@pytest.mark.parametrize("path", [b"/t/a", b"/api/v1/a"])
@pytest.mark.parametrize("fields, body", [
    (b"Content-Length: 1048577\r\n", b""), (b"Transfer-Encoding: chunked\r\n", (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 17 + b"0\r\n\r\n"),
])
def test_bodies_over_one_mebibyte(refused, gateway, path, fields, body):
    refused(b"POST " + path + b" HTTP/1.1\r\n" + gateway.host + fields + b"\r\n" + body, 413)


def test_a_body_of_one_mebibyte_passes(ask):
    assert len(ask("/api/v1/x", method=b"POST", body=b"x" * 1024 * 1024).json()["body"]) == 1024 * 1024


def test_heads_that_are_too_long(refused, gateway):
    refused(b"GET /t/" + b"a" * 20_000 + b" HTTP/1.1\r\n" + gateway.host + b"\r\n", 414)
    refused(b"GET /t/a HTTP/1.1\r\n" + gateway.host + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n", 431)
    refused(b"GET /t/a HTTP/1.1\r\n" + gateway.host + b"".join(b"X-%d: " % n + b"a" * 8000 + b"\r\n" for n in range(12)) + b"\r\n", 431)


@pytest.mark.parametrize("request_bytes, status", [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400), (b"get /t/a HTTP/1.1\r\n\r\n", 400), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"GET /t/a HTTP/2.0\r\nHost: a\r\n\r\n", 505), (b"GET /t/a FTP/1.1\r\nHost: a\r\n\r\n", 400), (b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
])
def test_what_is_not_http(refused, request_bytes, status):
    refused(request_bytes, status)


def test_where_a_request_came_from_is_said_by_the_gateway_alone(gateway, ask):
    claims = (b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /x\r\n"
              b"Forwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\nX-Request-ID: chosen\r\nX_Forwarded_For: 203.0.113.9\r\nX-Original-URL: /x\r\nX-Rewrite-URL: /x\r\n")
    answer = ask("/t/acme", claims)
    seen = dict(answer.json()["headers"])
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"], seen["x-forwarded-host"]) == ("127.0.0.1", "http", f"127.0.0.1:{gateway.port}")
    assert re.fullmatch("[0-9a-f]{32}", seen["x-request-id"]) and answer.header("x-request-id") == seen["x-request-id"]
    assert not {"forwarded", "x-real-ip", "x-forwarded-port", "x-forwarded-prefix", "x_forwarded_for", "x-original-url", "x-rewrite-url"} & seen.keys()
    assert "203.0.113.9" not in str(answer.json())


def test_hop_by_hop_fields_end_here(ask):
    answer = ask("/t/acme", b"TE: trailers\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\nUpgrade: h2c\r\nTrailer: X\r\n")
    assert not {"te", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade", "trailer", "connection"} & {name for name, _ in answer.json()["headers"]}


def test_a_connection_field_cannot_remove_what_the_gateway_says(gateway):
    answer = send(gateway.address, b"GET /t/a HTTP/1.1\r\n" + gateway.host + b"Authorization: Bearer x\r\nConnection: close, X-Forwarded-For, Authorization\r\n\r\n")
    assert {"x-forwarded-for", "authorization"} <= {name for name, _ in answer.json()["headers"]}


def test_answers_carry_each_header_once_and_no_version(ask):
    for target in ("/t/acme", "/nothing", "/t//"):
        answer = ask(target)
        assert answer.header("server") == "nginx"
        assert answer.header("x-content-type-options") == "nosniff"
        assert re.fullmatch("[0-9a-f]{32}", answer.header("x-request-id"))
    assert ask("/t/acme").json()["name"] == "auth-server", "X-Accel-Redirect of a service is not followed"


def test_documents_are_cached_by_their_own_lifetime_and_tenant(gateway, ask):
    gateway.auth.cache_control = "public, max-age=60"
    try:
        for target in ("/t/cached/oauth2/jwks", "/t/cached/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/t/cached"):
            first = ask(target)
            again = ask(target)
            assert again.json()["count"] == first.json()["count"]
            assert again.header("x-request-id") != first.header("x-request-id")
            assert ask(target, b"X-Tenant-ID: other\r\n").json()["count"] > first.json()["count"]
            assert ask(target, b"Authorization: Bearer x\r\n").json()["count"] > first.json()["count"]
            other_host = send(gateway.address, f"GET {target} HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n".encode())
            assert other_host.json()["count"] > first.json()["count"]
            assert ask(target).json()["count"] == first.json()["count"]
    finally:
        gateway.auth.cache_control = "no-store"


def test_a_document_that_is_gone_is_not_served_once_it_is_stale(gateway, ask):
    target = "/t/disabled/oauth2/jwks"
    gateway.auth.cache_control = "public, max-age=1"
    try:
        first = ask(target)
        assert ask(target).json()["count"] == first.json()["count"]
        gateway.auth.status, gateway.auth.cache_control = "404 Not Found", "no-store"
        eventually(lambda: ask(target).status == 404)
        assert [ask(target).status for _ in range(5)] == [404] * 5
    finally:
        gateway.auth.status, gateway.auth.cache_control = "200 OK", "no-store"


def test_a_stale_document_bridges_an_outage(gateway, ask):
    target = "/t/bridged/oauth2/jwks"
    gateway.auth.cache_control = "public, max-age=1"
    try:
        first = ask(target)
        gateway.auth.status, gateway.auth.cache_control = "503 Service Unavailable", "no-store"
        before = gateway.auth.count
        eventually(lambda: ask(target).json()["count"] == first.json()["count"] and gateway.auth.count > before)
    finally:
        gateway.auth.status, gateway.auth.cache_control = "200 OK", "no-store"
    # The request that finds a stale document gets it, and has it renewed for the next.
    eventually(lambda: ask(target).json()["count"] > first.json()["count"])


@pytest.mark.parametrize("target", ["/t/asked/oauth2/jwks", "/.well-known/openid-configuration", "/.well-known/openid-configuration/t/asked"])
def test_only_the_plain_request_for_a_document_is_cached(gateway, ask, target):
    gateway.auth.cache_control = "public, max-age=60"
    try:
        plain = ask(target).json()["count"]
        for suffix, headers in (
            ("?x", b""), ("?x=1", b""), ("?0", b""), ("", b"X-Tenant-ID: acme\r\n"), ("", b"X-Tenant-ID: 0\r\n"), ("", b"Cookie: 0\r\n"), ("", b"Authorization: 0\r\n"),
        ):
            counts = [ask(target + suffix, headers).json()["count"] for _ in range(2)]
            assert plain < counts[0] < counts[1], (suffix, headers)
        assert ask(target).json()["count"] == plain
    finally:
        gateway.auth.cache_control = "no-store"


def test_documents_that_forbid_it_and_everything_else_are_not_cached(gateway, ask):
    counts = [ask("/t/fresh/oauth2/jwks").json()["count"] for _ in range(2)]
    assert counts[1] > counts[0]
    gateway.auth.cache_control = gateway.api.cache_control = "public, max-age=60"
    try:
        for target in ("/t/acme/oauth2/token", "/oauth2/token", "/api/v1/customers", "/t/acme/userinfo"):
            counts = [ask(target).json()["count"] for _ in range(2)]
            assert counts[1] > counts[0], target
    finally:
        gateway.auth.cache_control = gateway.api.cache_control = "no-store"


def test_services_that_are_down(tmp_path):
    settings = Settings(tmp_path, tmp_path, free_ports())
    process = Gateway(settings).start()
    try:
        address, host = ("127.0.0.1", settings.ports["gateway"]), b"Host: a\r\nConnection: close\r\n\r\n"
        answer = send(address, b"GET /t/acme HTTP/1.1\r\n" + host)
        assert (answer.status, answer.json()["error"], answer.header("retry-after")) == (502, "temporarily_unavailable", "1")
        answer = send(address, b"POST /api/v1/x?access_token=secret-in-query HTTP/1.1\r\n" + host)
        assert (answer.status, answer.json()["code"], answer.header("retry-after")) == (502, "GW503", "1")
    finally:
        process.stop()
    for log in settings.logs.iterdir():
        assert "secret-in-query" not in log.read_text(), log
    remove(tmp_path)


def test_the_access_log_has_paths_and_no_queries(gateway, ask):
    import json

    request_id = ask("/api/v1/customers?name=eq.secret-value").header("x-request-id")
    line = eventually(lambda: next((line for line in (gateway.logs / "gateway.log").read_text().splitlines() if request_id in line), None))
    entry = json.loads(line)
    assert (entry["path"], entry["status"], entry["method"]) == ("/api/v1/customers", 200, "GET")
    assert "secret-value" not in line
    for line in (gateway.logs / "gateway.log").read_text().splitlines():
        json.loads(line)


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("parent", [f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-ff"])
def test_a_trace_is_passed_on(ask, gateway, parent):
    answer = ask("/api/v1/customers", b"traceparent: " + parent.encode() + b"\r\ntracestate: vendor=1\r\n")
    headers = [header for header in answer.json()["headers"] if header[0].startswith("trace")]
    assert sorted(headers) == [["traceparent", parent], ["tracestate", "vendor=1"]]
    request_id = answer.header("x-request-id")
    eventually(lambda: f'"request_id":"{request_id}","trace_id":"{TRACE}"' in (gateway.logs / "gateway.log").read_text(), 5, "the trace in the log")


@pytest.mark.parametrize("parent", [
    None, "", "00", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-0", f"00-{TRACE}-{SPAN}-01-", f"01-{TRACE}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE[1:]}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01", f"x00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\r\ntraceparent: 00-{TRACE}-{SPAN}-01x",
])
def test_what_is_no_trace_begins_one_with_the_requests_id(ask, parent):
    answer = ask("/t/acme/oauth2/token", b"" if parent is None else b"traceparent: " + parent.encode() + b"\r\n")
    request_id = answer.header("x-request-id")
    parents = [value for name, value in answer.json()["headers"] if name == "traceparent"]
    if parent is not None and "\r\n" in parent:
        assert parents in ([f"00-{request_id}-{request_id[:16]}-00"], [f"00-{TRACE}-{SPAN}-01"]), "one of two, or a new one; never both"
    else:
        assert parents == [f"00-{request_id}-{request_id[:16]}-00"]
