"""What is used of uvicorn's insides, so that a version that changes them is noticed before it is served with.

Where this fails: read what has changed in the named places of uvicorn, see that `proxy/serving/http_protocol.py`,
`proxy/serving/server.py` and `proxy/serving/websocket_protocol.py` still do what they say (`tests/inbound`,
`tests/process`), then write the new digest here.
"""

from __future__ import annotations

import hashlib
import inspect

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import Server

_USED: dict[str, tuple[object, ...]] = {
    "http": (
        HttpToolsProtocol.__init__,
        HttpToolsProtocol.connection_made,
        HttpToolsProtocol.connection_lost,
        HttpToolsProtocol.data_received,
        HttpToolsProtocol.eof_received,
        HttpToolsProtocol.handle_websocket_upgrade,
        HttpToolsProtocol.on_message_begin,
        HttpToolsProtocol.on_headers_complete,
        HttpToolsProtocol.on_body,
        HttpToolsProtocol.on_message_complete,
        HttpToolsProtocol.on_response_complete,
        HttpToolsProtocol._should_upgrade,
        HttpToolsProtocol._unset_keepalive_if_required,
        HttpToolsProtocol.timeout_keep_alive_handler,
        RequestResponseCycle,
        FlowControl,
    ),
    "server": (
        Server.__init__,
        Server.run,
        Server.serve,
        Server._serve,
        Server.startup,
        Server.on_tick,
        Server.shutdown,
        Server.capture_signals,
        HttpToolsProtocol.shutdown,
    ),
    "websocket": (
        WebSocketsSansIOProtocol.__init__,
        WebSocketsSansIOProtocol.connection_lost,
        WebSocketsSansIOProtocol.handle_cont,
        WebSocketsSansIOProtocol.handle_parser_exception,
        WebSocketsSansIOProtocol.send_receive_event_to_app,
        WebSocketsSansIOProtocol.send,
        WebSocketsSansIOProtocol.receive,
    ),
}
_READ = {"http": "6aa43d1ef4c3fd90", "server": "b0aa22604951892a", "websocket": "aca8cf913b25f91d"}


def test_it_is_what_was_read() -> None:
    found = {
        name: hashlib.sha256("".join(map(inspect.getsource, used)).encode()).hexdigest()[:16]  # type: ignore[arg-type]
        for name, used in _USED.items()
    }
    assert found == _READ
