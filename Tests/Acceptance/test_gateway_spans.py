"""The gateway's own spans, made from its access log: between the caller's and the service's."""

import json
import os
import re
import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from collector import Collector
from sallystack.gateway import Gateway
from sallystack.settings import CHECKOUT
from sallystack.spans import Exporter, Log, Sampler, span
from support import Sallyport, eventually

AUTHORIZATION = "Bearer collector-secret-" + secrets.token_hex(8)


@pytest.fixture(scope="module")
def collector():
    collector = Collector(AUTHORIZATION)
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def traced(start_stack, collector, tmp_path_factory):
    """A stack whose services trace everything, and whose gateway's log is followed."""
    stack = start_stack("gateway-spans")
    file = tmp_path_factory.mktemp("collector") / "authorization"
    file.write_text(AUTHORIZATION + "\n")
    variables = {"SALLYPORT_OTLP_ENDPOINT": collector.endpoint, "SALLYPORT_OTLP_AUTHORIZATION_FILE": str(file), "SALLYPORT_TRACE_RATIO": "1"}
    for name in list(stack.services):
        stack.services[name].stop()
        stack.start_service(name, **variables)
    stack.gateway.stop()
    stack.gateway = Gateway(replace(stack.settings, gateway_spans=True)).start()
    follower = subprocess.Popen(
        [sys.executable, CHECKOUT / "scripts/gateway-spans", "--log", stack.settings.logs / "gateway.log"], env=os.environ | variables)
    sallyport = Sallyport(stack)
    try:
        # It reads what comes after its start.
        eventually(lambda: sallyport.http.get(sallyport.base_url).status_code and any(
            one["resource"]["service.name"] == "gateway" for one in collector.spans), 20, "the log being followed")
        yield sallyport
    finally:
        follower.terminate()
        assert follower.wait(20) == 0


def spans(collector: Collector, trace: str) -> dict[str, dict]:
    """Of requests, by service."""
    def found():
        return {one["resource"]["service.name"]: one for one in collector.trace(trace) if one["kind"] == 2}

    both = eventually(lambda: there if {"gateway", "resource-api"} <= (there := found()).keys() else None, 15, "spans of the gateway and the service")
    assert not collector.faults
    return both


def test_a_trace_begins_at_the_gateway(traced, collector):
    answer = traced.api("GET", "currencies?limit=1", traced.token("acme"), headers={"X-Probe": "1"})
    assert answer.status_code == 200
    trace = answer.headers["X-Request-ID"]
    both = spans(collector, trace)
    assert "parentSpanId" not in both["gateway"] and both["resource-api"]["parentSpanId"] == both["gateway"]["spanId"]
    assert both["gateway"]["name"] == "GET" and both["gateway"]["status"] == {}
    milliseconds = both["gateway"]["attributes"].pop("sallyport.upstream_milliseconds")
    assert both["gateway"]["attributes"] == {"http.request.method": "GET", "http.response.status_code": 200, "sallyport.request_id": trace}
    # nginx's clock has milliseconds.
    assert int(both["gateway"]["startTimeUnixNano"]) <= int(both["resource-api"]["startTimeUnixNano"]) + 2_000_000 and 0 <= milliseconds < 20_000


@pytest.mark.parametrize("flags", ["00", "01"])
def test_it_stands_between_the_caller_and_the_service(traced, collector, flags):
    trace, caller = secrets.token_hex(16), secrets.token_hex(8)
    token = traced.token("acme")
    answer = traced.api("GET", "currencies?limit=1", token, headers={"traceparent": f"00-{trace}-{caller}-{flags}"})
    assert answer.status_code == 200
    both = spans(collector, trace)
    assert both["gateway"]["parentSpanId"] == caller and both["resource-api"]["parentSpanId"] == both["gateway"]["spanId"] != caller
    [line] = [json.loads(line) for line in (traced.stack.settings.logs / "gateway.log").read_text().splitlines() if trace in line]
    assert (line["span_id"], line["parent_span_id"], line["trace_flags"]) == (both["gateway"]["spanId"], caller, flags)


def test_no_path_query_or_secret_is_in_a_span(traced, collector):
    query = "query-" + secrets.token_hex(8)
    answer = traced.api("GET", f"customers?name=eq.{query}", traced.token("acme"))
    gateway = spans(collector, answer.headers["X-Request-ID"])["gateway"]
    assert not [word for word in (query, "customers", "127.0.0.1", traced.token("acme")) if word in json.dumps(gateway["attributes"] | {"name": gateway["name"]})]


LINE = {
    "trace_id": "f" * 16 + "8" + "0" * 15, "span_id": "b" * 16, "parent_span_id": "", "trace_flags": "00", "method": "GET", "status": 200, "request_id": "c" * 32,
    "upstream_seconds": "0.001, 0.004", "cache": "", "ended": 1_700_000_000.5, "seconds": 0.25}


@pytest.mark.parametrize(("ratio", "flags", "wanted"), [(1, "00", True), (0.51, "00", True), (0.5, "00", False), (0, "00", False), (0, "01", True), (0, "02", False), (0, "03", True)])
def test_what_is_recorded_is_decided_by_the_low_half_of_the_traces_id(ratio, flags, wanted):
    assert Sampler(ratio).wants(LINE | {"trace_flags": flags}) is wanted


def test_who_asks_for_traces_gets_a_hundred_a_second():
    sampler = Sampler(0)
    assert sum(sampler.wants(LINE | {"trace_flags": "01"}) for _ in range(500)) == 100
    assert sampler.wants(LINE | {"trace_flags": "01", "ended": LINE["ended"] + 1})


def test_times_and_failures():
    made = span(LINE | {"status": 502, "method": "BREW"})
    assert (made["startTimeUnixNano"], made["endTimeUnixNano"]) == ("1700000000250000000", "1700000000500000000")
    assert made["name"] == "_OTHER" and made["status"] == {"code": 2}
    assert {one["key"]: one["value"] for one in made["attributes"]}["sallyport.upstream_milliseconds"] == {"intValue": "4"}


def test_a_log_that_is_moved_away_or_cut_is_read_on(tmp_path: Path):
    path = tmp_path / "gateway.log"
    path.write_text("before\n")
    log = Log(path)
    assert list(log.lines()) == []
    with open(path, "a") as file:
        file.write("one\ntw")
        file.flush()
        assert list(log.lines()) == [b"one"]
        file.write("o\n")
        file.flush()
        assert list(log.lines()) == [b"two"]
        path.rename(tmp_path / "gateway.log.1")
        file.write("three\n")
    path.write_text("four\n")
    assert list(log.lines()) == [b"three", b"four"]
    path.write_text("5\n")
    assert list(log.lines()) == [b"5"]
    path.unlink()
    assert list(log.lines()) == []


def test_what_the_collector_does_not_take_is_given_up_after_three_attempts():
    collector = Collector()
    try:
        collector.status = 503
        exporter = Exporter(collector.endpoint)
        exporter.add(span(LINE))
        assert [exporter.send() for _ in range(4)] == [False] * 4
        assert exporter.lost == 1 and not exporter.waiting
        for _ in range(2100):
            exporter.add(span(LINE))
        assert exporter.lost == 1 + 2100 - 2048
        collector.status = 200
        while exporter.send():
            pass
        assert len(collector.spans) == 2048 and not collector.faults and not exporter.waiting
    finally:
        collector.close()


def test_without_a_collector_it_says_so():
    environment = {name: value for name, value in os.environ.items() if not re.match("SALLYPORT_(OTLP|TRACE)", name)}
    for variables in ({}, {"SALLYPORT_OTLP_ENDPOINT": "127.0.0.1:4318"}, {"SALLYPORT_OTLP_ENDPOINT": "http://127.0.0.1:1", "SALLYPORT_TRACE_RATIO": "2"}):
        done = subprocess.run([CHECKOUT / "scripts/gateway-spans"], env=environment | variables, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 1 and done.stderr.startswith("sallyport: SALLYPORT_")
