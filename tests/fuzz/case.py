"""`FuzzCase`: one request and one answer of an upstream, made from a seed, kept as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.fuzz.mutate import chunked, mutate_bytes, mutate_json, written
from tests.support.cases import FIXTURES
from translators.dialects import PRESETS

REQUESTS = [path.read_bytes() for path in sorted(FIXTURES.glob("*/request.json"))]
UPSTREAMS = [path.read_bytes() for path in sorted(FIXTURES.glob("*/upstream.*"))]
DIALECTS = sorted(PRESETS)
# What an upstream may say before its answer: refusals that teach, failures that pass, and answers that are asked again.
_LESSONS = (
    *(
        f"Unsupported parameter: '{name}' is not supported with this model."
        for name in ("temperature", "tools", "top_p")
    ),
    "Unsupported parameter: response_format",
    "developer is not one of ['system', 'assistant', 'user', 'function']",
    "max_tokens must be less than or equal to 4096",
    "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens.",
)
_EMPTY = (
    b'data: {"choices":[{"index":0,"delta":{"content":" "},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"Hm."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"none_such",'
    b'"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n',
    b"data: [DONE]\n\n",
)
CONTENT_TYPES = (*["text/event-stream"] * 6, "application/json", "text/html", "")


@dataclass(frozen=True)
class FuzzCase:
    """`pieces` is the upstream's body as it arrives; `cut` whether the connection ends inside of it."""

    request: bytes
    pieces: Sequence[bytes]
    dialect: str
    status: int = 200
    content_type: str = "text/event-stream"
    refuses: bool = False
    cut: bool = False
    before: Sequence[tuple[int, str]] = ()
    """The statuses and bodies of what the upstream says to the requests before the one that it answers so."""

    @classmethod
    def made_from(cls, seed: int) -> FuzzCase:
        rng = Random(seed)
        upstream = rng.choice(UPSTREAMS)
        if rng.random() < 0.85:
            upstream = mutate_bytes(rng, upstream, UPSTREAMS)
        return cls(
            request=_request(rng),
            pieces=chunked(rng, upstream),
            dialect=rng.choice(DIALECTS),
            status=200 if rng.random() < 0.9 else rng.choice((204, 301, 400, 401, 404, 413, 429, 500, 503, 529)),
            content_type=rng.choice(CONTENT_TYPES),
            refuses=rng.random() < 0.1,
            cut=rng.random() < 0.1,
            before=[_said_before(rng) for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 4)))],
        )

    def save(self, where: Path) -> None:
        where.mkdir(parents=True, exist_ok=True)
        (where / "request.json").write_bytes(self.request)
        (where / "upstream.bytes").write_bytes(b"".join(self.pieces))
        facts = {**vars(self), "pieces": [len(piece) for piece in self.pieces]}
        del facts["request"]
        (where / "case.json").write_text(json.dumps(facts, indent=2))

    @classmethod
    def load(cls, where: Path) -> FuzzCase:
        facts = json.loads((where / "case.json").read_text())
        data, pieces = (where / "upstream.bytes").read_bytes(), []
        for size in facts.pop("pieces"):
            pieces.append(data[:size])
            data = data[size:]
        facts["before"] = [(status, said) for status, said in facts["before"]]
        return cls(request=(where / "request.json").read_bytes(), pieces=pieces, **facts)

    def smaller(self) -> list[FuzzCase]:
        """The same with something left out."""
        found = []
        for count in (len(self.pieces) // 2, len(self.pieces) // 4, 1):
            if 0 < count < len(self.pieces):
                found += [
                    replace(self, pieces=[*self.pieces[:at], *self.pieces[at + count :]])
                    for at in range(0, len(self.pieces), count)
                ]
        found += [replace(self, before=[*self.before[:at], *self.before[at + 1 :]]) for at in range(len(self.before))]
        try:
            request = json.loads(self.request)
        except ValueError:
            return found
        if isinstance(request, dict):
            found += [
                replace(
                    self, request=json.dumps({key: value for key, value in request.items() if key != left}).encode()
                )
                for left in request
                if left not in ("input", "model")
            ]
        return found[:200]


def _said_before(rng: Random) -> tuple[int, str]:
    kind = rng.random()
    if kind < 0.4:
        status, body = 400, json.dumps({"error": {"message": rng.choice(_LESSONS)}}).encode()
    elif kind < 0.55:
        status, body = rng.choice((408, 429, 500, 502, 503, 529)), b'{"error":{"message":"Try again.","code":"busy"}}'
    else:
        status, body = 200, rng.choice((*_EMPTY, rng.choice(UPSTREAMS)))
    if rng.random() < 0.3:
        body = mutate_bytes(rng, body, UPSTREAMS)
    return status, body.decode("latin-1")


def _request(rng: Random) -> bytes:
    request = json.loads(rng.choice(REQUESTS))
    if rng.random() < 0.4:  # a request that is refused shows nothing of the answer
        request = mutate_json(rng, request)
    if isinstance(request, dict) and rng.random() < 0.7:
        request["stream"] = True
    body = written(rng, request)
    return mutate_bytes(rng, body, REQUESTS) if rng.random() < 0.05 else body
