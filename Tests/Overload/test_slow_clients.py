"""Clients that are slow, stuck or silent cost a bounded amount of memory and nobody else's time."""

import resource
import socket
import time

import pytest
from offers import Watch, memory
from support import eventually

CONNECTIONS = 10_000
KILOBYTES_EACH = 16


@pytest.fixture(params=["auth-server", "resource-api"])
def service(request) -> str:
    return request.param


def connect(port: int, receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", port))
    return connection


def seconds_until_closed(connection: socket.socket) -> tuple[float, bytes]:
    """What came before the end."""
    start, received = time.monotonic(), b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return time.monotonic() - start, received


def test_a_head_that_does_not_end_is_answered_408(stack, service):
    with connect(stack.settings.ports[service]) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n")
        seconds, answer = seconds_until_closed(connection)
    assert 9 < seconds < 15
    assert answer.startswith(b"HTTP/1.1 408 ") and b"connection: close" in answer.lower()


def test_a_head_that_comes_byte_by_byte_has_no_longer(stack, service):
    with connect(stack.settings.ports[service]) as connection:
        start = time.monotonic()
        connection.settimeout(0.5)
        answer = b""
        connection.sendall(b"GET /livez HTTP/1.1\r\nX: ")
        while time.monotonic() - start < 20:
            try:
                connection.sendall(b"a")
                answer = connection.recv(1000)
                break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        assert 9 < time.monotonic() - start < 15, answer


def test_a_body_that_trickles_is_answered_408(stack, service, offers):
    message = offers.token() if service == "auth-server" else offers.insert({"name": "slow"})
    head = message[:message.index(b"\r\n\r\n")].replace(b"Content-Length: ", b"Content-Length: 1000\r\nX-Was: ")
    with connect(stack.settings.ports[service]) as connection:
        connection.sendall(head + b"\r\n\r\n")
        connection.settimeout(0.5)
        start, answer = time.monotonic(), b""
        while not answer and time.monotonic() - start < 30:
            connection.sendall(b"a")
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                pass
    assert 14 < time.monotonic() - start < 20
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_slow_body_that_keeps_a_kilobyte_a_second_arrives(stack, offers):
    """Nearly twice as long as a body of nothing may take."""
    message = offers.insert({"name": "slow " + "x" * 26_000})
    with connect(stack.settings.ports["resource-api"]) as connection:
        end = message.index(b"\r\n\r\n") + 4
        connection.sendall(message[:end])
        for at in range(end, len(message), 1200):
            time.sleep(1)
            connection.sendall(message[at:at + 1200])
        assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")


def test_clients_that_do_not_read_cost_bounded_memory(stack, sallyport, offers):
    """They ask for an answer each that is larger than what the kernel takes for them, and take none of it; afterwards their connections are closed and
    the memory is free."""
    sallyport.sql(
        "INSERT INTO api.customers (tenant_id, name, email) SELECT (SELECT id FROM auth.tenant WHERE slug = 'acme'), 'large ' || repeat('x', 20000), 'large@example.com'"
        " FROM generate_series(1, 400)")
    process = stack.services["resource-api"]
    message, before = offers.rows("name=like.large*"), memory(process.pid)
    connections = [connect(stack.settings.ports["resource-api"], receive_buffer=4096) for _ in range(25)]
    try:
        with Watch(stack.settings.url("resource-api"), process.pid) as watch:
            for connection in connections:
                connection.sendall(message)
            calm = offers.run("beside slow readers", [offers.rows("limit=5")], stack.settings.ports["resource-api"], 100, 4)
            start = time.monotonic()
            eventually(lambda: established(stack.settings.ports["resource-api"]) < 5, 60, "the end of those who do not read")
        watch.check()
        assert time.monotonic() - start > 20, "a client may be slow for a while"
        assert calm["good"] == calm["due"], calm
        print(f"\n{before:.0f} MB before, {watch.peak:.0f} MB at most, {memory(process.pid):.0f} MB after")
        # Each answer has eight megabytes; what is asked for is in memory once.
        assert watch.peak < before + 25 * 8.8 * 1.5 + 50
    finally:
        for connection in connections:
            connection.close()
        sallyport.sql("DELETE FROM api.customers WHERE name LIKE 'large %'")


def established(port: int) -> int:
    """Connections to a port, as the server's side has them."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table]
    return sum(1 for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01")


@pytest.mark.parametrize("through", ["auth-server", "resource-api", "gateway"])
def test_ten_thousand_idle_connections(stack, sallyport, offers, through):
    """Each has been used once. There is room for them, memory for them, and nobody else is slower for them."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000
    if room < CONNECTIONS:
        pytest.skip(f"this process may open {room + 1000} files (ulimit -n): too few for {CONNECTIONS} connections")
    port = stack.settings.ports[through]
    process = stack.gateway if through == "gateway" else stack.services[through]
    message = offers.token() if through == "auth-server" else offers.rows("limit=5")
    small = b"GET /%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (b"nothing" if through == "gateway" else b"livez", offers.gateway)
    offers.run("warm", [message], port, 0, 1, connections=16)
    before = offers.run("alone", [message], port, 0, 3, connections=16)
    empty = total_memory(process)
    connections = []
    try:
        for _ in range(CONNECTIONS):
            connections.append(connect(port))
        for connection in connections:
            connection.sendall(small)
        for connection in connections:
            assert connection.recv(1000).startswith(b"HTTP/1.1 ")
        full = total_memory(process)
        beside = offers.run("beside", [message], port, 0, 3, connections=16)
        again = offers.run("beside", [message], port, 0, 3, connections=16)
        assert established(port) >= CONNECTIONS
        each = (full - empty) * 1000 / CONNECTIONS
        ratio = max(beside["good"], again["good"]) / before["good"]
        print(f"\n{through}: {each:.1f} kB for each idle connection; {before['good'] / 3:.0f}/s without them, {ratio:.0%} of that beside them")
        assert beside["good"] == beside["due"] and again["good"] == again["due"]
        assert each < KILOBYTES_EACH
        assert ratio > 0.8
        # Still good for another request.
        connections[0].sendall(small)
        assert connections[0].recv(1000).startswith(b"HTTP/1.1 ")
    finally:
        for connection in connections:
            connection.close()
    eventually(lambda: established(port) < 200, 20, "their end")


def total_memory(process) -> float:
    """Of a process and its workers."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return memory(process.pid) + sum(memory(int(child)) for child in file.read().split())


def test_half_open_connections_end(stack, service):
    """Connections whose client is gone without a word are closed after the time that idle ones have."""
    with connect(stack.settings.ports[service]) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        connection.settimeout(90)
        seconds, rest = seconds_until_closed(connection)
    assert rest == b"" and 70 < seconds < 85
