"""One demanding request beside the measured streams, from a process of its own: making it costs them nothing.

As a program it makes what it will send, says `ready` on standard output, waits for a line on standard input, sends it
and writes what came back, a `Visit`, as one line of JSON.
"""

import argparse
import json
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from benchmarks.bodies import FUNCTION, PARAGRAPH, PROMPT, RESPONSES
from benchmarks.script import name_model
from tests.support.pdf import data_url, pdf

PATIENCE = 60.0
REQUEST_BYTES = 30_000_000
PAGES = 500
EVENT_MEGABYTES = 20
FLOOD_SECONDS = 2.0
FLOOD_CONNECTIONS = 32
FLOOD_FIELDS = 120  # below max_head_fields, of a length that stays below max_head_bytes
FLOOD_FIELD_BYTES = 480
READ_BYTES = 1 << 16
SAID_BYTES = 300
PLAIN = name_model("text", 2)


class Visit(msgspec.Struct):
    """How a neighbour fared: `well` if it was answered as it should be, `said` is the end of the answer."""

    well: bool
    seconds: float
    said: str


@dataclass(frozen=True)
class Neighbour:
    """`make` gives the body to send, for a scale of 1 in full size; `expects` stands in the answer to it."""

    title: str
    make: Callable[[float], bytes]
    expects: bytes


def _body(fields: dict[str, object], model: str = PLAIN) -> bytes:
    return json.dumps({"model": model, **fields}, separators=(",", ":"), ensure_ascii=False).encode()


def _long_request(scale: float) -> bytes:
    content = [{"type": "input_text", "text": PARAGRAPH * 4}]
    item = {"type": "message", "role": "user", "content": content}
    items = int(REQUEST_BYTES * scale / len(_body({"input": item}))) + 1
    return _body({"input": [item] * items, "store": True})


def _document(scale: float) -> bytes:
    # Never the same document twice: its text would be remembered.
    words = " ".join(f"word{number}" for number in range(300))
    pages = (f"{time.time_ns()} page {number} {words}" for number in range(int(PAGES * scale) + 1))
    file = {"type": "input_file", "filename": "book.pdf", "file_data": data_url(pdf(*list(pages)[:PAGES]))}
    return _body({"input": [{"role": "user", "content": [file]}], "store": False})


def _grammar(scale: float) -> bytes:
    """So many optional parts that its tables take for ever; never the same twice, since a refusal is remembered."""
    parts = [f"r{number}" for number in range(22)]
    rules = "".join(f'{part}: "{part}{time.time_ns()}"\n' for part in parts)
    definition = "start: " + " ".join(f"{part}?" for part in parts) + "\n" + rules
    form = {"type": "grammar", "syntax": "lark", "definition": definition}
    tool = {"type": "custom", "name": "explode", "description": FUNCTION["description"], "format": form}
    return _body({"input": PROMPT, "store": False, "tools": [tool]})


def _event(kind: str) -> Callable[[float], bytes]:
    def make(scale: float) -> bytes:
        model = name_model(kind, max(1, int(EVENT_MEGABYTES * scale)))
        return _body({"input": PROMPT, "store": False, "stream": True}, model)

    return make


def _nothing(scale: float) -> bytes:
    return b""


NEIGHBOURS = {
    "request": Neighbour("a request of 30 MB", _long_request, b'"status":"completed"'),
    "pdf": Neighbour("a PDF of 500 pages", _document, b'"status":"completed"'),
    "grammar": Neighbour("an exploding grammar", _grammar, b"over a limit"),
    "event": Neighbour("an event of 20 MB", _event("event"), b"response.completed"),
    "broken": Neighbour("a broken event of 20 MB", _event("broken"), b"response.failed"),
    "heads": Neighbour("a flood of request heads", _nothing, b"200"),
}


def post(port: int, body: bytes, expects: bytes) -> Visit:
    head = (
        f"POST {RESPONSES.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer neighbour\r\n"
        f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    began = time.perf_counter()
    pieces = []
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode() + body)
        while piece := connection.recv(READ_BYTES):
            pieces.append(piece)
    seconds = time.perf_counter() - began
    answer = b"".join(pieces)
    return Visit(expects in answer, seconds, answer[-SAID_BYTES:].decode(errors="replace"))


def flood(port: int, seconds: float) -> Visit:
    """Heads near the limit, one after the other on every connection, as fast as they are answered."""
    fields = "".join(f"X-Field-{number}: {'x' * FLOOD_FIELD_BYTES}\r\n" for number in range(FLOOD_FIELDS))
    head = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n".encode()
    began = time.perf_counter()
    connections = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(FLOOD_CONNECTIONS)]
    sent, good = 0, 0
    while time.perf_counter() - began < seconds:
        for connection in connections:
            connection.sendall(head)
        sent += len(connections)
        good += sum(connection.recv(READ_BYTES).startswith(b"HTTP/1.1 200") for connection in connections)
    for connection in connections:
        connection.close()
    return Visit(good == sent, time.perf_counter() - began, f"{sent} heads, {good} answered with 200")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=NEIGHBOURS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    neighbour = NEIGHBOURS[options.kind]
    body = neighbour.make(options.scale)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if not sys.stdin.readline():
        return
    visit = post(options.port, body, neighbour.expects) if body else flood(options.port, FLOOD_SECONDS * options.scale)
    sys.stdout.write(msgspec.json.encode(visit).decode() + "\n")


if __name__ == "__main__":
    main()
