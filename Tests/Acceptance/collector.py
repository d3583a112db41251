"""A collector of traces that takes OTLP/HTTP in JSON, and is strict about its form; it can be told to fail or to hang."""

import json
import re
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Collector:
    """`spans` are all that came, each with its resource's attributes under `resource`; `faults` what was wrong with a request."""

    def __init__(self, authorization: str | None = None):
        self.spans: list[dict] = []
        self.bodies: list[bytes] = []
        self.faults: list[str] = []
        self.authorization = authorization
        self.status = 200
        self.hang = threading.Event()
        self.hang.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.hang.set()
        self._server.shutdown()
        self._server.server_close()

    def trace(self, trace_id: str) -> list[dict]:
        return [span for span in self.spans if span["traceId"] == trace_id]

    def _handler(collector):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.hang.wait(30)
                if collector.status == 200:
                    collector._take(self.path, dict(self.headers), body)
                answer = b'{"partialSuccess":{}}'
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        return Handler

    def _take(self, path: str, headers: dict, body: bytes) -> None:
        self.bodies.append(body)
        try:
            assert path == "/v1/traces", path
            assert headers["Content-Type"] == "application/json", headers
            assert headers.get("Authorization") == self.authorization, "the wrong Authorization"
            self.spans += list(read(json.loads(body)))
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            self.faults.append(repr(error))


def read(document: dict) -> Iterable[dict]:
    """The spans of an ExportTraceServiceRequest, or an error that says where it is none (opentelemetry-proto, trace/v1, in its JSON form)."""
    members(document, {"resourceSpans"})
    for resource_spans in document["resourceSpans"]:
        members(resource_spans, {"resource", "scopeSpans"})
        resource = attributes(resource_spans["resource"]["attributes"])
        assert resource["service.name"] and resource["service.instance.id"]
        for scope_spans in resource_spans["scopeSpans"]:
            members(scope_spans, {"scope", "spans"})
            members(scope_spans["scope"], {"name", "version"})
            for span in scope_spans["spans"]:
                members(span, {"traceId", "spanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status"}, {"parentSpanId"})
                assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and set(span["traceId"]) != {"0"}, span
                for name in ("spanId", "parentSpanId"):
                    assert name not in span or (re.fullmatch("[0-9a-f]{16}", span[name]) and set(span[name]) != {"0"}), span
                assert span["name"] and isinstance(span["name"], str)
                assert span["kind"] in (1, 2, 3)
                for name in ("startTimeUnixNano", "endTimeUnixNano"):
                    assert isinstance(span[name], str) and re.fullmatch("[0-9]{19}", span[name]), span
                assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
                assert span["status"] in ({}, {"code": 2})
                yield span | {"attributes": attributes(span["attributes"]), "resource": resource}


def attributes(listed: list) -> dict:
    read = {}
    for attribute in listed:
        members(attribute, {"key", "value"})
        [(kind, value)] = attribute["value"].items()
        assert kind in ("stringValue", "intValue") and isinstance(value, str), attribute
        assert attribute["key"] not in read, attribute
        read[attribute["key"]] = int(value) if kind == "intValue" else value
    return read


def members(value: dict, needed: set, allowed: set = frozenset()) -> None:
    assert needed <= value.keys() <= needed | allowed, f"{sorted(value)} where {sorted(needed)} are expected"
