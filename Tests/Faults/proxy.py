"""The network between one service and one PostgreSQL, as a TCP proxy that can be cut, frozen and slowed.

Where the server is down, connections are refused, as its own machine would do: libpq goes on to the next host then.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from pathlib import Path


class Link:
    """Listens on a port of this machine and passes on to a server's unix socket while `is_up` says that the server runs."""

    def __init__(self, address: str, socket_path: Path, is_up: Callable[[], bool]):
        self.address = address
        self.socket_path = socket_path
        self.is_up = is_up
        self.delay = 0.0
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        # Bound and never listening: keeps the port while connections are refused.
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._holder.bind((address, 0))
        self.port = self._holder.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._watch: asyncio.Task | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        await self._listen_or_not()
        self._watch = asyncio.create_task(self._keep_watch())

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._server is not None:
            self._server.close()
        self._holder.close()
        self._reset_all()

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            await self._listen_or_not()

    async def _listen_or_not(self) -> None:
        # A frozen network says nothing of what is behind it.
        is_wanted = not self._is_cut and (self.is_up() or not self._flows.is_set())
        if is_wanted and self._server is None:
            self._server = await asyncio.start_server(self._serve, self.address, self.port, reuse_port=True)
        elif not is_wanted and self._server is not None:
            self._server.close()
            self._server = None

    # What befalls it.

    def cut(self) -> None:
        """Connections are reset, and new ones refused."""
        self._is_cut = True
        self._reset_all()

    def freeze(self) -> None:
        """Nothing passes, and nobody is told."""
        self._flows.clear()

    def slow(self, seconds: float) -> None:
        """Every piece of data, either way, comes so much later."""
        self.delay = seconds

    def heal(self) -> None:
        self._is_cut = False
        self.delay = 0.0
        self._flows.set()

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
        except asyncio.CancelledError:
            # The end of everything; asyncio would print it as an error.
            return
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
                writer.write(data)
                await writer.drain()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.family == socket.AF_INET:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
