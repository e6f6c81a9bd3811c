"""A chain of stored turns in a running server, made through its API."""

import http.client
from typing import Any

import msgspec

from benchmarks.bodies import PARAGRAPH, RESPONSES
from benchmarks.script import WORDS

# What a key stored is found with the same key only: this is what load.py sends.
HEADERS = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
TURN_BYTES = len((PARAGRAPH + "".join(WORDS)).encode())


def store_turns(port: int, model: str, turns: int) -> tuple[str, int]:
    """The last response's id, and how many bytes of text the whole chain holds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    previous: str | None = None
    try:
        for _ in range(turns):
            body = {"model": model, "input": PARAGRAPH, "store": True, "previous_response_id": previous}
            connection.request("POST", RESPONSES.path, msgspec.json.encode(body), HEADERS)
            with connection.getresponse() as answer:
                response: dict[str, Any] = msgspec.json.decode(answer.read())
            previous = response["id"]
    finally:
        connection.close()
    assert previous is not None, "there is at least one turn"
    return previous, turns * TURN_BYTES
