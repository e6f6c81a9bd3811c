"""What is used of uvicorn's insides, so that a version that changes them is noticed before it is served with.

Where the digests differ: read what has changed in the named places of uvicorn, see that `proxy/serving/bounded.py`,
`http_protocol.py`, `server.py` and `websocket_protocol.py` still do what they say (`tests/serving`, `tests/process`),
then write the new digest here. Where a name is used that is not listed: list what it stands in.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import Server, ServerState

from proxy.serving.bounded import BoundedProtocol
from proxy.serving.http_protocol import HttpProtocol
from proxy.serving.server import DrainingServer
from proxy.serving.websocket_protocol import WebSocketProtocol

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
        HttpToolsProtocol.shutdown,
        RequestResponseCycle,
        FlowControl,
    ),
    "server": (
        Server.__init__,
        Server.run,
        Server.serve,
        Server._serve,
        Server.startup,
        Server.main_loop,
        Server.on_tick,
        Server.shutdown,
        Server.capture_signals,
        ServerState,
    ),
    "websocket": (
        WebSocketsSansIOProtocol.__init__,
        WebSocketsSansIOProtocol.connection_lost,
        WebSocketsSansIOProtocol.data_received,
        WebSocketsSansIOProtocol.handle_events,
        WebSocketsSansIOProtocol.handle_connect,
        WebSocketsSansIOProtocol.handle_cont,
        WebSocketsSansIOProtocol.handle_parser_exception,
        WebSocketsSansIOProtocol.send_receive_event_to_app,
        WebSocketsSansIOProtocol.send,
        WebSocketsSansIOProtocol.receive,
    ),
}
_READ = {"http": "8e0c7c67d44f3942", "server": "9f34dbc9f5bd89a7", "websocket": "5620cf386b76a051"}

_OURS: dict[str, tuple[type, tuple[type, ...]]] = {
    "http": (HttpToolsProtocol, (BoundedProtocol, HttpProtocol)),
    "server": (Server, (DrainingServer,)),
    "websocket": (WebSocketsSansIOProtocol, (WebSocketProtocol,)),
}
_PARTS = {"cycle": RequestResponseCycle, "flow": FlowControl, "server_state": ServerState}
"""What our classes reach through a name of uvicorn's: the classes of those things."""


def source(used: object) -> str:
    return inspect.getsource(used)  # type: ignore[arg-type]


def test_it_is_what_was_read() -> None:
    digests = {
        name: hashlib.sha256("".join(map(source, used)).encode()).hexdigest()[:16] for name, used in _USED.items()
    }
    assert digests == _READ


@pytest.mark.parametrize("name", _OURS)
def test_every_name_of_uvicorns_that_is_used_stands_in_what_was_read(name: str) -> None:
    """What our classes read, call or override of it: a method that is listed, or a name in one that is."""
    theirs, ours = _OURS[name]
    listed = {each.__name__ for each in _USED[name] if isinstance(each, FunctionType)}
    read = "\n".join(map(source, _USED[name]))
    own = {each for kind in ours for each in made_by(kind)}
    for kind in ours:
        for used in used_by(kind):
            if inspect.isroutine(getattr(theirs, used, None)) and not hasattr(object, used):
                assert used in listed, f"{kind.__name__} uses {theirs.__name__}.{used}"
            elif used not in own:
                assert f"self.{used}" in read or f"{used}:" in read, f"{kind.__name__} uses self.{used}"


@pytest.mark.parametrize("part", _PARTS)
def test_so_does_every_name_of_what_it_hands_out(part: str) -> None:
    used = {each for _, ours in _OURS.values() for kind in ours for each in used_through(kind, part)}
    assert used, "a name that nobody uses needs no row"
    assert all(f"self.{each}" in source(_PARTS[part]) or f"def {each}(" in source(_PARTS[part]) for each in used)


def tree(kind: type) -> ast.AST:
    return ast.parse(textwrap.dedent(source(kind)))


def attributes(kind: type) -> Iterator[ast.Attribute]:
    return (node for node in ast.walk(tree(kind)) if isinstance(node, ast.Attribute))


def used_by(kind: type) -> set[str]:
    """The names of itself that a class reads or sets, and the methods that it has."""
    own = {node.attr for node in attributes(kind) if ast.unparse(node.value) in ("self", "super()")}
    return own | {
        node.name for node in ast.walk(tree(kind)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def made_by(kind: type) -> set[str]:
    """The names that a class brings along: those that it defines, and those with an underscore that it sets."""
    body = tree(kind)
    sets = {
        node.attr
        for node in ast.walk(body)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }
    return {each for each in sets if each.startswith("_")} | set(vars(kind))


def used_through(kind: type, part: str) -> set[str]:
    """The names that a class uses of something of uvicorn's that it has as `part`."""
    return {node.attr for node in attributes(kind) if ast.unparse(node.value) in (part, f"self.{part}")}
