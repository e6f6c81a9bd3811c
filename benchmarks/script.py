"""What the scripted upstream plays, read from the model name and built once as wire bytes.

`text-200` is 200 chunks as fast as the reader takes them, `text-200b8` the same in writes of 8 chunks, and
`paced-500x100` 500 chunks at 100 a second. The kinds are text, paced (text), tools and reasoning;
`event-20` is one event of 20 MB, and `broken-20` one that is no JSON.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MODEL = re.compile(
    rb'"model"\s*:\s*"(?:[a-z]+/)?(text|paced|tools|reasoning|event|broken)-(\d+)(?:x(\d+))?(?:b(\d+))?"'
)
MAX_CHUNKS = 100_000
MAX_MEGABYTES = 100
SERVED = ("text-200", "tools-200", "reasoning-200", "paced-500x100")
WORDS = (" the", " quick", " brown", " fox", " jumps", " over", " a", " naïve", " dog", ",", " and", " then", " rests.")
CALL_FUNCTION = {"name": "get_weather", "arguments": ""}
CALL = {"index": 0, "id": "call_bench", "type": "function", "function": CALL_FUNCTION}
USAGE = {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46}
EVENT_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def name_model(kind: str, chunks: int, rate: int = 0, burst: int = 1) -> str:
    return f"{kind}-{chunks}" + (f"x{rate}" if rate else "") + (f"b{burst}" if burst > 1 else "")


@dataclass(frozen=True, slots=True)
class Script:
    """A stream as the writes it is sent in, each of whole SSE frames in HTTP chunks, and the plain answer.

    The first write holds the response head, the role and the first delta: what is read first is a first delta.
    """

    writes: tuple[bytes, ...]
    plain: bytes
    period_ms: int


def read_model(body: bytes) -> Script | None:
    """The script that the request body asks for by its model, or None for a model that has no script."""
    # Only the key is looked for in a long body: a quoted copy inside a string has a backslash before its quote.
    at = body.find(b'"model"')
    found = MODEL.match(body, at) if at >= 0 else None
    if found is None:
        return None
    kind, count, rate, burst = found.groups()
    if kind in (b"event", b"broken"):
        return build_event(min(int(count), MAX_MEGABYTES), whole=kind == b"event")
    return build_script(kind.decode(), min(int(count), MAX_CHUNKS), int(rate or 0), int(burst or 1))


@lru_cache(maxsize=64)
def build_script(kind: str, count: int, rate: int = 0, burst: int = 1) -> Script:
    deltas = _deltas(kind, max(count, 2))
    finish = "tool_calls" if kind == "tools" else "stop"
    frames = [_frame(_chunk([{"index": 0, "delta": delta, "finish_reason": None}])) for delta in deltas]
    opening = _frame(_chunk([{"index": 0, "delta": _opening(kind), "finish_reason": None}]))
    closing = (
        _frame(_chunk([{"index": 0, "delta": {}, "finish_reason": finish}]))
        + _frame(_chunk([], usage=USAGE))
        + _http_chunk(b"data: [DONE]\n\n")
        + b"0\r\n\r\n"
    )
    frames = [b"".join(frames[at : at + burst]) for at in range(0, len(frames), burst)]
    frames[0] = EVENT_STREAM + opening + frames[0]
    return Script((*frames, closing), http_answer(_completion(kind)), round(1000 / rate) if rate else 0)


@lru_cache(maxsize=4)
def build_event(megabytes: int, *, whole: bool) -> Script:
    """A stream whose answer is one event of so many megabytes, text or, where it is not `whole`, escapes and no end.

    Halves of surrogate pairs are what takes longest to look for in JSON that cannot be read.
    """
    piece = "".join(WORDS) if whole else "\\ud83d\\ude00"
    text = piece.encode() * (megabytes * 1_000_000 // len(piece.encode()))
    head, _, tail = encode(_chunk([{"index": 0, "delta": {"content": "@"}, "finish_reason": None}])).partition(b"@")
    frame = _http_chunk(b"data: " + head + text + (tail if whole else b"") + b"\n\n")
    opening = _frame(_chunk([{"index": 0, "delta": _opening("text"), "finish_reason": None}]))
    closing = _frame(_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])) + _http_chunk(b"data: [DONE]\n\n")
    return Script((EVENT_STREAM + opening, frame, closing + b"0\r\n\r\n"), http_answer(_completion("text")), 0)


def http_answer(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _deltas(kind: str, count: int) -> list[dict[str, Any]]:
    words = [WORDS[number % len(WORDS)] for number in range(count)]
    if kind == "tools":
        # The pieces of one JSON string value: the arguments must be whole JSON at the end.
        pieces = ['{"city":"', *words[2:], '"}']
        return [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces[:count]]
    if kind == "reasoning":
        # The last piece is said: a thought alone is no answer, and Dragoman asks again where it gets no answer.
        return [*({"reasoning_content": word} for word in words[:-1]), {"content": words[-1]}]
    return [{"content": word} for word in words]


def _opening(kind: str) -> dict[str, Any]:
    if kind == "tools":
        return {"role": "assistant", "content": None, "tool_calls": [CALL]}
    return {"role": "assistant", "content": ""}


def _chunk(choices: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "bench-model",
        "system_fingerprint": "fp_bench",
        "choices": choices,
        **rest,
    }


def _completion(kind: str) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(WORDS)}
    if kind == "tools":
        function = CALL_FUNCTION | {"arguments": '{"city":"Oslo"}'}
        call = {"id": "call_bench", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if kind == "tools" else "stop"}
    return encode(_chunk([choice], usage=USAGE) | {"object": "chat.completion"})


def _frame(value: dict[str, Any]) -> bytes:
    return _http_chunk(b"data: " + encode(value) + b"\n\n")


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
