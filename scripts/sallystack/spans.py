"""The gateway's spans: what nginx's access log says of recorded traces, as OTLP/HTTP in JSON.

nginx has no tracing of its own in Debian; its log has all that a span needs, so it is made here, and no request waits for it. Which traces are recorded is
decided as the services do (ServiceKit's Tracer): by the trace's id, and where the caller records, within a bound.
"""

import json
import os
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
ASKED_FOR_PER_SECOND = 100
MAXIMUM_WAITING = 2048
MAXIMUM_SENT_AT_ONCE = 512
ATTEMPTS = 3
TIMEOUT = 5


@dataclass
class Sampler:
    """`ratio`: the share of all traces that is recorded, 0 to 1."""

    ratio: float
    _second: int = 0
    _left: int = 0

    def wants(self, entry: dict) -> bool:
        if self.ratio >= 1 or int(entry["trace_id"][16:], 16) < int(self.ratio * 2**64):
            return True
        return bool(int(entry["trace_flags"], 16) & 1) and self._is_within_budget(int(entry["ended"]))

    def _is_within_budget(self, second: int) -> bool:
        if second != self._second:
            self._second, self._left = second, ASKED_FOR_PER_SECOND
        self._left -= 1
        return self._left >= 0


def span(entry: dict) -> dict:
    """Of a line of the log. The path, the address and the query are no part of it."""
    method = entry["method"] if entry["method"] in METHODS else "_OTHER"
    attributes = [
        _text("http.request.method", method), _number("http.response.status_code", entry["status"]), _text("sallyport.request_id", entry["request_id"])]
    # Of several instances that were asked the last one's time counts: "0.001, 0.004".
    if found := re.search(r"([0-9.]+)$", entry["upstream_seconds"]):
        attributes.append(_number("sallyport.upstream_milliseconds", round(float(found[1]) * 1000)))
    if entry["cache"]:
        attributes.append(_text("sallyport.cache", entry["cache"]))
    failed = entry["status"] >= 500
    if failed:
        attributes.append(_text("error.type", str(entry["status"])))
    ended = round(entry["ended"] * 1000) * 1_000_000
    parent = {"parentSpanId": entry["parent_span_id"]} if entry["parent_span_id"] else {}
    return {
        "traceId": entry["trace_id"], "spanId": entry["span_id"], **parent, "flags": 1, "name": method, "kind": 2,
        "startTimeUnixNano": str(ended - round(entry["seconds"] * 1000) * 1_000_000), "endTimeUnixNano": str(ended),
        "attributes": attributes, "status": {"code": 2} if failed else {}}


def _text(key: str, value: str) -> dict:
    return {"key": key, "value": {"stringValue": value}}


def _number(key: str, value: int) -> dict:
    return {"key": key, "value": {"intValue": str(value)}}


class Log:
    """New lines of a file that somebody else writes, moves away and begins anew."""

    def __init__(self, path: Path):
        self.path = path
        self._file = self._open()
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)
        self._rest = b""

    def lines(self) -> Iterator[bytes]:
        """What has come since; ends when there is no more for now."""
        while True:
            yield from self._read()
            if not self._is_replaced():
                return
            self._file, self._rest = self._open(), b""

    def _read(self) -> Iterator[bytes]:
        while self._file is not None and (chunk := self._file.read(1 << 16)):
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            yield from whole

    def _open(self):
        try:
            return open(self.path, "rb")
        except FileNotFoundError:
            return None

    def _is_replaced(self) -> bool:
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        opened = os.fstat(self._file.fileno())
        return (there.st_ino, there.st_dev) != (opened.st_ino, opened.st_dev) or there.st_size < self._file.tell()


@dataclass
class Exporter:
    """Sends what waits, and forgets what the collector does not take; `lost` counts that."""

    endpoint: str
    authorization_file: Path | None = None
    waiting: deque = field(default_factory=deque)
    lost: int = 0
    _attempts: int = 0

    def add(self, one: dict) -> None:
        if len(self.waiting) < MAXIMUM_WAITING:
            self.waiting.append(one)
        else:
            self.lost += 1

    def send(self) -> bool:
        """One request's worth; whether it is gone, taken or given up."""
        batch = [self.waiting[index] for index in range(min(len(self.waiting), MAXIMUM_SENT_AT_ONCE))]
        if not batch:
            return False
        self._attempts += 1
        taken = self._post(batch)
        if not taken and self._attempts < ATTEMPTS:
            return False
        self._attempts = 0
        self.lost += 0 if taken else len(batch)
        for _ in batch:
            self.waiting.popleft()
        return taken

    def _post(self, batch: list[dict]) -> bool:
        resource = [_text("service.name", "gateway"), _text("service.instance.id", f"{socket.gethostname()}:{os.getpid()}")]
        body = {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"scope": {"name": "sallyport", "version": "1"}, "spans": batch}]}]}
        headers = {"Content-Type": "application/json"}
        if self.authorization_file is not None:
            headers["Authorization"] = self.authorization_file.read_text().strip()
        request = urllib.request.Request(f"{self.endpoint.rstrip('/')}/v1/traces", json.dumps(body).encode(), headers, method="POST")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=TIMEOUT) as answer:
                return answer.status < 300
        except (OSError, urllib.error.URLError):
            return False


def follow(log: Log, sampler: Sampler, exporter: Exporter, is_stopped, pause: float = 1) -> None:
    told = 0
    while True:
        stopping = is_stopped()
        for line in log.lines():
            try:
                entry = json.loads(line)
                if entry["trace_id"] and sampler.wants(entry):
                    exporter.add(span(entry))
            except (KeyError, TypeError, ValueError):
                continue
        while exporter.send():
            pass
        if exporter.lost > told:
            print(f"{exporter.lost} spans were lost so far: the collector does not take them.", file=sys.stderr, flush=True)
            told = exporter.lost
        if stopping:
            return
        time.sleep(pause)
