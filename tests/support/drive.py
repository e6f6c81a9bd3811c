"""The core driven by hand: a request, then the chunks of its answer, with every stream invariant checked."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from proxy.process.jobs.grammar import run as run_job
from tests.support.checks import Emitted, check_events
from tests.support.strict_chat import check_chat_request
from translators.answering.stream import ResponseStream
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import PRESETS, Dialect
from translators.errors import BridgeError
from translators.report import OnUnsupported
from translators.schema.events import AnyEvent, one_by_one
from translators.tools import InputCheck
from translators.wire.chunks import parse_chunk

Json = dict[str, Any]
GENERIC = PRESETS["generic"]
PIXEL = "data:image/png;base64,iVBORw0KGgo="
WEATHER: Json = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
GREP: Json = {"type": "custom", "name": "grep", "description": "Searches."}


def translate(
    request: Json, *, dialect: Dialect = GENERIC, on_unsupported: OnUnsupported = "report", **settings: Any
) -> Translation:
    body = json.dumps({"model": "m", "input": "hi"} | request).encode()
    return to_chat(parse_request(body), dialect, Settings(model="up", on_unsupported=on_unsupported, **settings))


def chat(request: Json, *, dialect: Dialect = GENERIC, extra: frozenset[str] = frozenset(), **settings: Any) -> Json:
    """The Chat request, which a strict server takes."""
    body: Json = msgspec.json.decode(translate(request, dialect=dialect, **settings).body())
    check_chat_request(body, extra=extra | {"reasoning_content", "reasoning"})
    return body


def messages(items: list[Json], dialect: Dialect = GENERIC, **request: Any) -> list[Json]:
    whole = {"input": [*items, {"role": "user", "content": "go on"}], **request}
    found: list[Json] = chat(whole, dialect=dialect)["messages"]
    return found


def names(request: Json) -> list[str]:
    return [tool["function"]["name"] for tool in chat(request).get("tools", [])]


def reported(request: Json, **settings: Any) -> list[str]:
    return [str(adaptation) for adaptation in translate(request, **settings).adaptations]


def delta(finish: str | None = None, **fields: Any) -> Json:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call(arguments: str, name: str = "weather", *, index: int = 0, finish: str | None = None) -> Json:
    """A chunk with a whole call."""
    function = {"name": name, "arguments": arguments}
    return delta(finish, tool_calls=[{"index": index, "id": f"call_{index}", "type": "function", "function": function}])


def arguments(text: str, index: int = 0) -> Json:
    """A chunk that continues a call."""
    return delta(tool_calls=[{"index": index, "function": {"arguments": text}}])


class Answer:
    """A finished stream: its events, decoded, and the response of the last."""

    def __init__(self, events: list[Json]) -> None:
        self.events = events
        self.response = check_events(events)
        self.output: list[Json] = self.response["output"]

    def of(self, *types: str) -> list[Json]:
        return [event for event in self.events if event["type"].removeprefix("response.") in types]

    @property
    def done_items(self) -> list[Json]:
        return [event["item"] for event in self.of("output_item.done")]


class Stream:
    def __init__(self, request: Json, **settings: Any) -> None:
        numbers = itertools.count(1)
        self.translation = translate(request, **settings)
        self.inner = ResponseStream(self.translation, new_id=lambda prefix: f"{prefix}_{next(numbers)}", created_at=1)
        self._emitted = Emitted()
        self._add(self.inner.start())

    def feed(self, *chunks: Json) -> Stream:
        for chunk in chunks:
            self._add(self.inner.feed(parse_chunk(json.dumps(chunk).encode())))
        return self

    def finish(self, *, said_done: bool = True) -> Answer:
        self._check_inputs()
        self._add(self.inner.finish(said_done=said_done, completed_at=2))
        return Answer(self._emitted.check())

    def _check_inputs(self) -> None:
        """As the proxy does, but for the process that it does it in."""
        self._add(self.inner.flush())
        while checks := self.inner.checks(all_arrived=True):
            self._add(self.inner.judge([_problems(check) for check in checks], all_arrived=True))

    def fail(self, error: BridgeError) -> Answer:
        self._add(self.inner.fail(error, completed_at=2))
        return Answer(self._emitted.check())

    def _add(self, events: Iterable[AnyEvent]) -> None:
        for event in one_by_one(events):
            self._emitted.add(event)


def _problems(check: InputCheck) -> list[str | None]:
    head = {"syntax": check.grammar.syntax, "texts": check.readings}
    problems: list[str | None] = run_job(head, check.grammar.definition.encode())["problems"]
    return problems


def answer(request: Json, *chunks: Json, said_done: bool = True, **settings: Any) -> Answer:
    return Stream(request, **settings).feed(*chunks).finish(said_done=said_done)
