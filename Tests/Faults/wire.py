"""HTTP/1.1 over asyncio, as little as the clients here need, and honest about how a request failed."""

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlencode

#: Longer than any deadline of the product: who gives up earlier cannot tell that one was missed.
PATIENCE = 75.0
#: Idle connections are not used after so many seconds: servers close theirs later, so none is used as it closes.
IDLE_SECONDS = 10.0


class NoAnswer(Exception):
    """`how` is one of Event.error."""

    def __init__(self, how: str):
        super().__init__(how)
        self.how = how


@dataclass(slots=True)
class Answer:
    """`headers` by lower-case name, those that came several times as one line each in `cookies`."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    def json(self):
        return json.loads(self.body)


class Connections:
    """Keep-alive connections to one port of this machine, as many as are used at once."""

    def __init__(self, port: int):
        self.port = port
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | str | dict | list | None = None, patience: float = PATIENCE,
    ) -> Answer:
        """`body`: a dict is sent as a form, unless the headers say JSON.

        Raises NoAnswer."""
        message = _message(method, path, self.port, dict(headers or {}), body)
        reader, writer = await self._connection(patience)
        keep = False
        try:
            async with asyncio.timeout(patience):
                writer.write(message)
                await writer.drain()
                answer, keep = await _answer(reader, method)
        except TimeoutError:
            raise NoAnswer("silent") from None
        except (OSError, asyncio.IncompleteReadError):
            raise NoAnswer("lost") from None
        except (ValueError, IndexError, asyncio.LimitOverrunError):
            raise NoAnswer("garbled") from None
        finally:
            if keep:
                self._idle.append((asyncio.get_running_loop().time(), reader, writer))
            else:
                writer.transport.abort()
        return answer

    async def _connection(self, patience: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, reader, writer = self._idle.pop()
            if now - since < IDLE_SECONDS and not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.transport.abort()
        try:
            async with asyncio.timeout(patience):
                return await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        except OSError:
            raise NoAnswer("refused") from None
        except TimeoutError:
            raise NoAnswer("silent") from None

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[2].transport.abort()


def _message(method: str, path: str, port: int, headers: dict[str, str], body) -> bytes:
    if isinstance(body, (dict, list)) and headers.get("Content-Type") == "application/json":
        content = json.dumps(body).encode()
    elif isinstance(body, dict):
        content = urlencode(body).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    else:
        content = body.encode() if isinstance(body, str) else body
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if content is not None:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + (content or b"")


async def _answer(reader: asyncio.StreamReader, method: str) -> tuple[Answer, bool]:
    """The answer, and whether the connection can be used again."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError as error:
        raise NoAnswer("garbled" if error.partial else "lost") from None
    version, status, *_ = head[0].split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(head[0])
    headers, cookies = {}, []
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "set-cookie":
            cookies.append(value.strip())
        elif name:
            headers[name.lower()] = value.strip()
    try:
        body = await _body(reader, int(status), headers, method)
    except (OSError, asyncio.IncompleteReadError):
        raise NoAnswer("garbled") from None
    return Answer(int(status), headers, cookies, body), headers.get("connection", "").lower() != "close"


async def _body(reader: asyncio.StreamReader, status: int, headers: dict[str, str], method: str) -> bytes:
    if method == "HEAD" or status in (204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        pieces = []
        while size := int((await reader.readline()).strip() or b"!", 16):
            pieces.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readline()
        return b"".join(pieces)
    return await reader.readexactly(int(headers["content-length"]))
