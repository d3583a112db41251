"""One HTTP/2 request over TLS, with whatever header fields a test wants, right or wrong."""

import json
import ssl
from dataclasses import dataclass

import h2.config
import h2.connection
import h2.events
from raw import TLS, connect


@dataclass(frozen=True)
class Answer2:
    """`status` None: the server ended the stream, or the connection, without an answer."""

    status: int | None
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


def request2(address: tuple[str, int], context: ssl.SSLContext, name: str, fields: list[tuple[str, str]], body: bytes = b"") -> Answer2:
    """`fields` are sent as they are: pseudo-header fields too."""
    context.set_alpn_protocols(["h2"])
    connection = h2.connection.H2Connection(config=h2.config.H2Configuration(
        validate_outbound_headers=False, normalize_outbound_headers=False, validate_inbound_headers=False))
    status, headers, received = None, {}, b""
    with connect(address, TLS(context, name)) as socket:
        assert socket.selected_alpn_protocol() == "h2"
        connection.initiate_connection()
        stream = connection.get_next_available_stream_id()
        connection.send_headers(stream, fields, end_stream=not body)
        if body:
            connection.send_data(stream, body, end_stream=True)
        socket.sendall(connection.data_to_send())
        socket.settimeout(10)
        while True:
            try:
                data = socket.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                data = b""
            if not data:
                return Answer2(status, headers, received)
            for event in connection.receive_data(data):
                match event:
                    case h2.events.ResponseReceived():
                        headers = {_text(field): _text(value) for field, value in event.headers}
                        status = int(headers.pop(":status"))
                    case h2.events.DataReceived():
                        received += event.data
                        connection.acknowledge_received_data(event.flow_controlled_length, stream)
                    case h2.events.StreamEnded() | h2.events.StreamReset() | h2.events.ConnectionTerminated():
                        return Answer2(status, headers, received)
            socket.sendall(connection.data_to_send())


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
