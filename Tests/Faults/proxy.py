"""The network between one service and one PostgreSQL, as a TCP proxy that can be cut, frozen and slowed."""

import asyncio
import contextlib
import socket
import struct
from pathlib import Path


class Link:
    """Listens on a port of this machine and passes on to a server's unix socket.

    state: "open"; "cut", connections are reset and new ones refused; "frozen", nothing passes, and nobody is told.
    """

    def __init__(self, name: str, socket_path: Path):
        self.name = name
        self.socket_path = socket_path
        self.port = 0
        self.delay = 0.0
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._reset_all()

    # What befalls it.

    def cut(self) -> None:
        self._is_cut = True
        self._reset_all()

    def freeze(self) -> None:
        self._flows.clear()

    def slow(self, seconds: float) -> None:
        """Every piece of data, either way, comes so much later."""
        self.delay = seconds

    def heal(self) -> None:
        self._is_cut = False
        self.delay = 0.0
        self._flows.set()

    def forget(self) -> None:
        """What goes on in old connections never arrives again, as when the other machine has lost its power: nobody is told."""
        for writer in list(self._writers):
            writer.forgotten = True  # type: ignore[attr-defined]

    # What it does.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        upstream = None
        try:
            await self._flows.wait()
            if self._is_cut:
                return _reset(writer)
            try:
                from_server, upstream = await asyncio.open_unix_connection(str(self.socket_path))
            except OSError:
                return _reset(writer)
            self._writers.add(upstream)
            _, pending = await asyncio.wait(
                [asyncio.ensure_future(self._pass(reader, upstream)), asyncio.ensure_future(self._pass(from_server, writer))],
                return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        finally:
            for one in (writer, upstream):
                if one is not None:
                    self._writers.discard(one)
                    if not one.is_closing():
                        one.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._flows.wait()
                if getattr(writer, "forgotten", False):
                    await asyncio.Event().wait()
                writer.write(data)
                await writer.drain()
        if getattr(writer, "forgotten", False):
            await asyncio.Event().wait()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.family == socket.AF_INET:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
