"""Requests as bytes, offered by offer.c; memory and health of the services meanwhile."""

import base64
import json
import subprocess
import threading
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import requests
from support import Sallyport


@dataclass
class Offer:
    """A running `offer`; what it prints is the outcome."""

    name: str
    child: subprocess.Popen

    def outcome(self) -> dict:
        text, _ = self.child.communicate(timeout=120)
        assert self.child.returncode == 0, f"offer {self.name} ended with {self.child.returncode}"
        return json.loads(text) | {"name": self.name}


class Offers:
    def __init__(self, sallyport: Sallyport, program: Path, directory: Path):
        self.sallyport = sallyport
        self._program = program
        self._directory = directory

    def start(self, name: str, messages: list[bytes], port: int, rate: float, seconds: float, connections: int = 64, deadline_ms: int = 5000) -> Offer:
        """`rate` a second; 0: each connection asks again as soon as it is answered."""
        path = self._directory / f"{name}-{time.monotonic_ns()}"
        path.write_bytes(b"".join(b"%d\n%s\n" % (len(message), message) for message in messages))
        command = [self._program, str(port), str(rate), str(seconds), str(connections), str(deadline_ms), path]
        return Offer(name, subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

    def run(self, *arguments, **options) -> dict:
        return self.start(*arguments, **options).outcome()

    @property
    def gateway(self) -> int:
        return self.sallyport.stack.settings.ports["gateway"]

    def _message(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
        headers = {"Host": f"127.0.0.1:{self.gateway}"} | headers | ({"Content-Length": str(len(body))} if body or method != "GET" else {})
        return f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n" + body

    def token(self, label: str = "service", address: str = "127.0.0.1", **parameters: str) -> bytes:
        """A request for a token; `client_credentials` unless told. `address` is the client's, where no gateway says otherwise."""
        client = ":".join(self.sallyport.credentials("acme", label))
        headers = {"Authorization": "Basic " + base64.b64encode(client.encode()).decode(), "Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": address}
        return self._message("POST", "/t/acme/oauth2/token", headers, urllib.parse.urlencode({"grant_type": "client_credentials"} | parameters).encode())

    def rows(self, query: str, scope: str = "customers:read") -> bytes:
        token = self.sallyport.token("acme", scope)
        return self._message("GET", f"/api/v1/customers?{query}", {"Authorization": f"Bearer {token}"})

    def insert(self, row: dict) -> bytes:
        token = self.sallyport.token("acme", "customers:write")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Prefer": "return=minimal"}
        return self._message("POST", "/api/v1/customers", headers, json.dumps(row).encode())


def memory(pid: int) -> float:
    """Resident, in MB (10⁶ bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError("no VmRSS")


class Watch:
    """While the block runs: asks a service for its health, on new connections, and looks at its memory."""

    def __init__(self, url: str, pid: int):
        self.url = url
        self.pid = pid
        self.slowest = 0.0
        self.answers: list[tuple[str, object]] = []
        self.peak = memory(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _look(self):
        while not self._done.wait(0.1):
            for path in ("/livez", "/readyz"):
                start = time.monotonic()
                try:
                    answer = requests.get(self.url + path, timeout=10).status_code
                except requests.RequestException as error:
                    answer = error
                self.slowest = max(self.slowest, time.monotonic() - start)
                self.answers.append((path, answer))
            self.peak = max(self.peak, memory(self.pid))

    def check(self) -> None:
        assert self.answers and all(answer == 200 for _, answer in self.answers), [answer for answer in self.answers if answer[1] != 200][:5]
