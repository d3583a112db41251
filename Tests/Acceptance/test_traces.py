"""Traces across the gateway, the services and SQL, at a collector of the test's own; and what must never be in them."""

import json
import secrets
import time

import pytest
from collector import Collector
from sallystack.processes import answers_200
from support import Sallyport, eventually

AUTHORIZATION = "Bearer collector-secret-" + secrets.token_hex(8)


@pytest.fixture(scope="module")
def collector():
    collector = Collector(AUTHORIZATION)
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def traced(start_stack, collector, tmp_path_factory) -> Sallyport:
    """A stack of its own whose services trace everything."""
    stack = start_stack("traces")
    file = tmp_path_factory.mktemp("collector") / "authorization"
    file.write_text(AUTHORIZATION + "\n")
    for name in list(stack.services):
        stack.services[name].stop()
        stack.start_service(
            name, SALLYPORT_OTLP_ENDPOINT=collector.endpoint, SALLYPORT_OTLP_AUTHORIZATION_FILE=str(file), SALLYPORT_TRACE_RATIO="1")
    sallyport = Sallyport(stack)
    sallyport.secrets.add(AUTHORIZATION)
    return sallyport


def restart(sallyport: Sallyport, name: str) -> None:
    """With the environment that it had."""
    process = sallyport.stack.services[name]
    process.stop()
    process.start()
    eventually(lambda: answers_200(sallyport.stack.settings.url(name) + "/readyz"), 20, f"{name} being ready")


def gateway_line(sallyport: Sallyport, request_id: str) -> dict:
    log = sallyport.stack.settings.logs / "gateway.log"
    return eventually(
        lambda: next((json.loads(line) for line in log.read_text().splitlines() if request_id in line), None), 5, "the request in the gateway's log")


def spans_of(collector: Collector, trace_id: str, *, at_least: int = 2) -> list[dict]:
    """The request's own comes last, perhaps with another export than those within it."""
    def whole():
        found = collector.trace(trace_id)
        return found if len(found) >= at_least and any(span["kind"] == 2 for span in found) else None

    spans = eventually(whole, 10, "the spans of the trace")
    assert not collector.faults
    return spans


def server_span(spans: list[dict]) -> dict:
    [span] = [span for span in spans if span["kind"] == 2]
    return span


def test_a_request_is_one_trace_from_the_gateway_to_sql(traced, collector):
    value = "value-" + secrets.token_hex(8)
    # The keys are fetched by the first request, in its trace.
    assert traced.api("GET", "customers?limit=1", traced.token("acme")).status_code == 200
    answer = traced.api("GET", f"customers?select=id,name&name=eq.{value}&limit=3", traced.token("acme"))
    assert answer.status_code == 200
    request_id = answer.headers["X-Request-ID"]
    line = gateway_line(traced, request_id)
    assert line["trace_id"] == request_id, "a trace that the gateway begins has the request's id"

    spans = spans_of(collector, line["trace_id"])
    request = server_span(spans)
    assert (request["name"], request["resource"]["service.name"]) == ("GET /api/v1/{table}", "resource-api")
    assert "parentSpanId" not in request, "the gateway records no span, so this is the first"
    assert request["attributes"] == {
        "http.request.method": "GET", "http.route": "/api/v1/{table}", "http.response.status_code": 200, "sallyport.request_id": request_id}
    assert request["status"] == {}

    sql = [span for span in spans if span["kind"] == 3]
    assert sql and all(span["parentSpanId"] == request["spanId"] for span in sql)
    [statement] = [span for span in sql if "customers" in span["attributes"]["db.query.text"]]
    assert statement["attributes"]["db.system.name"] == "postgresql" and "$1" in statement["attributes"]["db.query.text"]
    assert int(request["startTimeUnixNano"]) <= int(statement["startTimeUnixNano"])
    assert int(statement["endTimeUnixNano"]) <= int(request["endTimeUnixNano"])
    assert value.encode() not in b"".join(collector.bodies), "values are not part of a statement's shape"


@pytest.mark.parametrize("flags", ["01", "00"])
def test_a_callers_trace_goes_on(traced, collector, flags):
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    answer = traced.ask_token("acme", scope="customers:read", url=None)
    assert answer.status_code == 200
    answer = traced.api("GET", "customers?limit=1", answer.json()["access_token"], headers={"traceparent": f"00-{trace_id}-{span_id}-{flags}"})
    assert answer.status_code == 200
    request = server_span(spans_of(collector, trace_id))
    assert request["parentSpanId"] == span_id
    assert gateway_line(traced, answer.headers["X-Request-ID"])["trace_id"] == trace_id


@pytest.mark.parametrize("header", ["", "rubbish", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\tx"])
def test_what_is_no_traceparent_begins_a_trace(traced, collector, header):
    answer = traced.api("GET", "customers?limit=1", traced.token("acme"), headers={"traceparent": header})
    request_id = answer.headers["X-Request-ID"]
    assert gateway_line(traced, request_id)["trace_id"] == request_id
    assert "parentSpanId" not in server_span(spans_of(collector, request_id))


def test_keys_are_fetched_in_the_trace_of_the_request_that_needs_them(traced, collector):
    restart(traced, "resource-api")
    answer = traced.api("GET", "customers?limit=1", traced.token("acme"))
    assert answer.status_code == 200
    spans = eventually(lambda: len({span["resource"]["service.name"] for span in collector.trace(answer.headers["X-Request-ID"])}) == 2 and collector.trace(answer.headers["X-Request-ID"]), 10, "spans of both services")
    [fetched] = [span for span in spans if span["name"] == "GET /t/{tenant}/oauth2/jwks"]
    [asked] = [span for span in spans if span["name"] == "GET /api/v1/{table}"]
    assert fetched["parentSpanId"] == asked["spanId"] and fetched["resource"]["service.name"] == "auth-server"


def test_sign_in_and_tokens_leave_no_secret_in_spans_labels_or_logs(traced, collector):
    user = traced.user("user")
    refused = traced.ask_token("acme", ("no-such-client", "secret-" + secrets.token_hex(16)))
    assert refused.status_code == 401
    granted = traced.ask_token("acme", "legacy", grant_type="password", username=user["username"], password=user["password"])
    assert granted.status_code == 200, granted.text
    again = traced.ask_token("acme", "legacy", grant_type="refresh_token", refresh_token=granted.json()["refresh_token"])
    assert again.status_code == 200, again.text
    query = "query-" + secrets.token_hex(8)
    client_id, _ = traced.credentials("acme", "web")
    page = traced.http.get(f"{traced.issuer('acme')}/oauth2/authorize", params={"client_id": client_id, "response_type": "code", "state": query, "redirect_uri": "http://127.0.0.1:8765/callback", "scope": "openid"}, allow_redirects=False)
    for answer in (refused, granted, again, page):
        span = server_span(spans_of(collector, answer.headers["X-Request-ID"], at_least=1))
        assert span["resource"]["service.name"] == "auth-server"
        assert span["name"].startswith(("POST /t/{tenant}/oauth2/token", "GET /t/{tenant}/oauth2/authorize"))
    statements = [span["attributes"].get("db.query.text", "") for span in spans_of(collector, granted.headers["X-Request-ID"])]
    assert any("SELECT" in text for text in statements)

    seen = {"spans": b"".join(collector.bodies).decode()}
    for name, process in traced.stack.services.items():
        seen[f"metrics of {name}"] = traced.http.get(traced.stack.settings.url(name) + "/metrics").text
        seen[f"log of {name}"] = process.log.read_text()
    assert "sallyport_trace_spans_total" in seen["metrics of auth-server"]
    hidden = traced.secrets | {query, user["username"], "no-such-client", "127.0.0.1:8765"}
    for secret in hidden:
        for part in {secret} | {part for part in secret.split(".") if len(part) > 60}:
            for name, text in seen.items():
                assert part not in text, f"the {name} hold {part[:10]}…"


def test_a_failed_request_is_marked_and_its_log_line_has_the_trace(traced, collector):
    token = traced.token("acme")
    traced.stack.cluster.stop()
    try:
        # A response that is an error counts as false.
        [answer] = eventually(lambda: [got] if (got := traced.api("GET", "customers?limit=1", token)).status_code == 503 else None, 20, "an answer without a database")
        trace_id = answer.headers["X-Request-ID"]
        spans = spans_of(collector, trace_id, at_least=1)
        span = server_span(spans)
        assert span["status"] == {"code": 2} and span["attributes"]["error.type"] == "503"
        log = traced.stack.services["resource-api"].log
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        [line, *_] = [line for line in lines if line.get("request_id") == trace_id]
        assert (line["trace_id"], line["span_id"]) == (trace_id, span["spanId"])
    finally:
        traced.stack.cluster.start()
    for name in traced.stack.services:
        eventually(lambda: traced.http.get(traced.stack.settings.url(name) + "/readyz").status_code == 200, 20, f"{name} being ready")
        # What was heard before the outage is believed for five seconds: a service may be ready, and then not, before it hears again.
        eventually(lambda: revocation_lag(traced, name) < 3, 20, f"{name} hearing of revocations")


def revocation_lag(sallyport: Sallyport, service: str) -> float:
    text = sallyport.http.get(sallyport.stack.settings.url(service) + "/metrics").text
    [line] = [line for line in text.splitlines() if line.startswith("sallyport_revocation_lag_seconds ")]
    return float(line.split(" ")[1])


def spans_total(sallyport: Sallyport, outcome: str) -> float:
    text = sallyport.http.get(sallyport.stack.settings.url("resource-api") + "/metrics").text
    [line] = [line for line in text.splitlines() if line.startswith(f'sallyport_trace_spans_total{{outcome="{outcome}"}}')]
    return float(line.rsplit(" ", 1)[1])


@pytest.mark.parametrize("status", [0, 500, 503])
def test_a_collector_that_hangs_or_fails_costs_no_request_anything(traced, collector, status):
    """Status 0: it takes the connection and never answers."""
    lost = spans_total(traced, "failed") + spans_total(traced, "dropped")
    token = traced.token("acme")
    if status:
        collector.status = status
    else:
        collector.hang.clear()
    try:
        slowest = 0.0
        for _ in range(1200):
            start = time.monotonic()
            answer = traced.api("GET", "currencies?limit=1", token)
            assert answer.status_code == 200, (answer.text, dict(answer.headers))
            slowest = max(slowest, time.monotonic() - start)
        assert slowest < 4, "the exporter's timeout is five seconds: a request that waited for it would show"
        eventually(lambda: spans_total(traced, "failed") + spans_total(traced, "dropped") > lost, 40, "lost spans being counted")
    finally:
        collector.status = 200
        collector.hang.set()
    before = len(collector.spans)
    eventually(lambda: traced.api("GET", "currencies?limit=1", token).ok and len(collector.spans) > before, 40, "the export going on")
    assert not collector.faults


def test_what_is_left_is_exported_at_the_end(traced, collector):
    answer = traced.api("GET", "currencies?limit=1", traced.token("acme"))
    restart(traced, "resource-api")
    assert len(spans_of(collector, answer.headers["X-Request-ID"])) >= 2


def test_nothing_is_traced_unless_asked_for(sallyport):
    for name in sallyport.stack.services:
        assert "sallyport_trace" not in sallyport.http.get(sallyport.stack.settings.url(name) + "/metrics").text
