"""HTTP spelt out byte by byte: what no well-behaved client sends, and servers that show what reached them."""

import json
import socket
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """`headers` by lower-case name, as lists; `rest` is what followed the body on the connection."""

    status: int
    headers: dict[str, list[str]]
    body: bytes
    rest: bytes = b""

    def header(self, name: str) -> str | None:
        values = self.headers.get(name, [])
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class TLS:
    """How to begin TLS, and the name that the handshake asks for; None for none."""

    context: ssl.SSLContext
    name: str | None

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        return self.context.wrap_socket(connection, server_hostname=self.name)


def connect(address: tuple[str, int], tls: TLS | None = None, source: str | None = None, seconds: float = 10) -> socket.socket:
    """`source` is the loopback address that it comes from."""
    connection = socket.create_connection(address, timeout=seconds, source_address=(source, 0) if source else None)
    return tls.wrap(connection) if tls else connection


def exchange(address: tuple[str, int], request: bytes, seconds: float = 10, tls: TLS | None = None, source: str | None = None) -> bytes:
    """Sends the bytes and returns all that comes until the server closes, or falls silent."""
    received = b""
    with connect(address, tls, source, seconds) as connection:
        try:
            connection.sendall(request)
            connection.settimeout(seconds)
            while piece := connection.recv(65536):
                received += piece
                if _is_complete(received):
                    break
        except (TimeoutError, ConnectionResetError, BrokenPipeError, ssl.SSLError):
            pass
    return received


def send(address: tuple[str, int], request: bytes, seconds: float = 10, tls: TLS | None = None, source: str | None = None) -> Answer:
    """The one answer to one request."""
    return parse(exchange(address, request, seconds, tls, source))


def parse(received: bytes) -> Answer:
    head, found, rest = received.partition(b"\r\n\r\n")
    assert found, f"no HTTP answer: {received[:200]!r}"
    lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    length = headers.get("content-length")
    body = rest[: int(length[0])] if length else _unchunk(rest) if "transfer-encoding" in headers else rest
    return Answer(int(lines[0].split(" ")[1]), headers, body, rest[len(body):] if length else b"")


def _is_complete(received: bytes) -> bool:
    head, found, rest = received.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(rest) >= int(line.split(b":")[1])
        if line.startswith(b"transfer-encoding:"):
            return rest.endswith(b"0\r\n\r\n")
    return b" 204 " in head.split(b"\r\n")[0] or b" 304 " in head.split(b"\r\n")[0]


def _unchunk(rest: bytes) -> bytes:
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size.split(b";")[0], 16)
        if count == 0:
            break
        body, rest = body + rest[:count], rest[count + 2:]
    return body


class EchoServer(socketserver.ThreadingTCPServer):
    """Answers each request with JSON that tells what arrived: {name, target, method, headers: [[name, value] …], body, count}.

    `status`, `cache_control`, more header lines (`extra`), a member that makes the body longer (`padding`) and seconds to wait for a target
    (`delay`) are those of the answers, and may be changed at any time. `targets` are all that were seen.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, name: str, port: int = 0):
        super().__init__(("127.0.0.1", port), _EchoHandler)
        self.name = name
        self.count = 0
        self.status = "200 OK"
        self.cache_control = "no-store"
        self.extra: list[str] = []
        self.padding = ""
        self.delay: dict[str, float] = {}
        self.targets: list[str] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _EchoHandler(socketserver.StreamRequestHandler):
    server: EchoServer

    def handle(self):
        while line := self.rfile.readline():
            method, target, _ = line.decode("latin-1").split(" ", 2)
            headers = []
            while (field := self.rfile.readline().decode("latin-1").rstrip("\r\n")):
                name, _, value = field.partition(":")
                headers.append([name.lower(), value.strip()])
            length = next((int(value) for name, value in headers if name == "content-length"), 0)
            body = self.rfile.read(length).decode("latin-1")
            self.server.count += 1
            self.server.targets.append(target)
            time.sleep(self.server.delay.get(target, 0))
            seen = {"name": self.server.name, "target": target, "method": method, "headers": headers, "body": body, "count": self.server.count}
            if self.server.padding:
                seen["padding"] = self.server.padding
            content = json.dumps(seen).encode()
            head = [
                f"HTTP/1.1 {self.server.status}", "Content-Type: application/json", f"Content-Length: {len(content)}", f"Cache-Control: {self.server.cache_control}",
                "X-Request-ID: from-upstream", "X-Content-Type-Options: nosniff", "X-Accel-Redirect: /api/v1/elsewhere", "Server: echo/1", *self.server.extra,
            ]
            self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else content))
