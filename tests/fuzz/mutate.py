"""Mutations: of bytes, and of the structure of JSON. All chance comes from the `Random` that is passed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, -(10**30), "", " ", "\n", "a\r\nb", "\u2028", "\U0001f600", "\x00"),
    *([], {}, [None], [[]], {"": None}, {"type": "x"}, "{}", "[", "<think>", "</think>", "<tool_call>", "```json\n"),
    *("data: x\n\n", "[DONE]", "stop", "length", "tool_calls", "message", "function_call", "x" * 300),
)
ODD_BYTES = (
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\xff",
    b"\x00",
    b"\\",
    b'"',
    b"{",
    b"}",
    b"data: ",
    b"data: [DONE]\n\n",
    b":",
    b"NaN",
    b"-Infinity",
)


def mutate_bytes(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Cut, flipped, spliced, repeated or filled in somewhere, a few times."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        data = rng.choice(_BYTE_MUTATIONS)(rng, data, others)
    return data


def _place(rng: Random, data: bytes) -> int:
    return rng.randint(0, len(data))


def _cut(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data[: _place(rng, data)]


def _cut_out(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start = _place(rng, data)
    return data[:start] + data[start + rng.choice((1, 3, 50, 500)) :]


def _flip(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 20))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _fill_in(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = _place(rng, data)
    return data[:place] + rng.choice(ODD_BYTES) * rng.choice((1, 1, 2, 100)) + data[place:]


def _splice(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return data[: _place(rng, data)] + other[_place(rng, other) :]


def _events_of(data: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in data.split(b"\n\n")]


def _move_events(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Events dropped, repeated, in another order, or among those of another recording."""
    events = _events_of(data) + (_events_of(rng.choice(others)) if rng.random() < 0.3 else [])
    for _ in range(rng.choice((1, 2, 5))):
        if not events:
            break
        at = rng.randrange(len(events))
        match rng.randrange(3):
            case 0:
                del events[at]
            case 1:
                events.insert(rng.randint(0, len(events)), events[at])
            case _:
                events.insert(rng.randint(0, len(events) - 1), events.pop(at))
    return b"".join(events)


def _mutate_event(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The JSON of an event, by its structure."""
    events = data.split(b"\n\n")
    at = rng.randrange(len(events))
    events[at] = _mutated_line(rng, events[at], others)
    return b"\n\n".join(events)


def _mutated_line(rng: Random, event: bytes, others: Sequence[bytes]) -> bytes:
    prefix = b"data: " if event.startswith(b"data: ") else b""
    try:
        value = json.loads(event.removeprefix(prefix))
    except ValueError:
        return event
    return prefix + json.dumps(mutate_json(rng, value)).encode()


def _newlines(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data.replace(b"\n", rng.choice((b"\r\n", b"\r")))


_BYTE_MUTATIONS: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (
    *(_cut, _cut_out, _flip, _fill_in, _splice, _move_events, _newlines),
    *(_mutate_event, _mutate_event, _mutate_event, _move_events),
)


def mutate_json(rng: Random, value: Any) -> Any:
    """The same with a few members changed, dropped, doubled or moved."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        value = _mutate_once(rng, value)
    return value


def _mutate_once(rng: Random, value: Any) -> Any:
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return _another(rng, value)
    if isinstance(value, dict):
        return _mutate_dict(rng, value)
    at = rng.randrange(len(value))
    match rng.randrange(6):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return [*value, value[at]]
        case 2:
            return rng.sample(value, len(value))
        case _:
            return [*value[:at], _mutate_once(rng, value[at]), *value[at + 1 :]]


def _mutate_dict(rng: Random, value: dict[str, Any]) -> dict[str, Any]:
    key = rng.choice(list(value))
    match rng.randrange(7):
        case 0:
            return {name: member for name, member in value.items() if name != key}
        case 1:
            return {**value, rng.choice(_NAMES): rng.choice(ODD_VALUES)}
        case 2:
            return {**value, rng.choice(_NAMES): value[key]}
        case _:
            return {**value, key: _mutate_once(rng, value[key])}


_NAMES = (
    *("content", "role", "type", "id", "call_id", "name", "arguments", "output", "index", "usage", "error", "delta"),
    *(
        "message",
        "choices",
        "finish_reason",
        "tool_calls",
        "function",
        "reasoning",
        "reasoning_content",
        "tools",
        "text",
    ),
    *(
        "tool_choice",
        "previous_response_id",
        "include",
        "stream",
        "store",
        "background",
        "metadata",
        "input",
        "x_unknown",
    ),
)


def _another(rng: Random, value: Any) -> Any:
    if isinstance(value, str) and value and rng.random() < 0.5:
        at = rng.randint(0, len(value))
        odd = [other for other in ODD_VALUES if isinstance(other, str)]
        return value[:at] + rng.choice(odd) + value[at + rng.choice((0, 0, 1, 5)) :]
    if isinstance(value, int) and rng.random() < 0.5:
        return value + rng.choice((-1, 1, 2**31, 2**63))
    return rng.choice(ODD_VALUES)


def written(rng: Random, value: Any) -> bytes:
    """JSON as programs and people write it."""
    indent = rng.choice((None, None, 0, 2, "\t"))
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=indent)
    if indent is not None and rng.random() < 0.3:
        text = text.replace("\n", "\r\n")
    return text.encode(errors="replace")


def chunked(rng: Random, data: bytes) -> list[bytes]:
    """`data` in pieces, as a network may cut it."""
    size = rng.choice((1, 7, 60, 300, 2000, 10**6))
    if size == 1:
        data = data[:5000]  # byte by byte is slow, and sees all there is in a few thousand
    pieces = []
    at = 0
    while at < len(data):
        step = max(1, int(size * rng.uniform(0.2, 1.8)))
        pieces.append(data[at : at + step])
        at += step
    return pieces
