"""`ProbeTarget`: the backend that `dragoman doctor` examines, asked one small request at a time."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
from msgspec import Struct

from proxy.upstream.connections import Upstreams
from proxy.upstream.plan import Route
from translators.answering.counts import read_counts
from translators.errors import UpstreamError
from translators.recovery.upstream_errors import error_in_chunk
from translators.schema.chat import ChatChunk, Delta
from translators.wire.chunk_template import one_by_one

Json = dict[str, Any]
REASONING_FIELDS = ("reasoning_details", "reasoning_content", "reasoning")
LENGTH = 32
LONG = 512
"""The limit, in tokens, of an answer that has to be whole, with the thoughts before it."""


class ProbeResult(Struct):
    """What came back: a refusal, or an answer and the signs in it."""

    refusal: UpstreamError | None = None
    text: str = ""
    calls: list[str] = []
    fields: list[str] = []  # the reasoning fields that were filled, `content_parts` for a list
    usage: bool = False
    prompt_tokens: int = 0  # 0 where nobody counted

    @property
    def taken(self) -> bool:
        return self.refusal is None

    def add(self, chunk: ChatChunk) -> None:
        self.usage = self.usage or chunk.usage is not None or chunk.x_groq is not None
        if chunk.usage is not None:
            self.prompt_tokens = read_counts(chunk.usage)[0].prompt or 0
        for choice in chunk.choices or ():
            self.usage = self.usage or choice.usage is not None
            said = choice.message or choice.delta
            if said is not None:
                self._add_words(said)

    def _add_words(self, said: Delta) -> None:
        self.calls += [call.function.name for call in said.tool_calls or () if call.function and call.function.name]
        if type(said.content) is str:
            self.text += said.content
        elif said.content:
            self.fields.append("content_parts")
        self.fields += [name for name in REASONING_FIELDS if getattr(said, name)]


class ProbeTarget:
    """The backend under examination; `facts` is what is known of it so far."""

    def __init__(self, upstreams: Upstreams, route: Route) -> None:
        self.facts: Json = {}
        self.unknown: list[str] = []
        self.asked = 0
        self.counts = False  # whether its count of a prompt's tokens follows the prompt
        self._upstreams = upstreams
        self._route = route

    async def ask(
        self, messages: list[Json] | None = None, *, stream: bool = False, length: int = LENGTH, **fields: Any
    ) -> ProbeResult:
        """Sends one request. Raises UpstreamError where the backend is not there at all."""
        body: Json = {"model": self._route.model, "messages": messages or [user("Say OK.")], **fields}
        length_field = self.facts.get("max_tokens_field", None)
        if length_field is not None and not body.keys() & {"max_tokens", "max_completion_tokens"}:
            body[length_field] = length
        if stream:
            body["stream"] = True
        self.asked += 1
        result = ProbeResult()
        try:
            async with contextlib.aclosing(self._upstreams.call(self._route, msgspec.json.encode(body), {})) as call:
                await call.open()
                while chunks := await call.read():
                    for chunk in one_by_one(chunks):
                        error = error_in_chunk(chunk)
                        if error is not None:
                            return ProbeResult(self._upstreams.teller(self._route, {}).tell(error))
                        result.add(chunk)
        except UpstreamError as error:
            if error.code == "upstream_unreachable":
                raise
            return ProbeResult(error)
        return result

    def sends_key_in(self, header: str) -> None:
        dialect = msgspec.structs.replace(self._route.dialect, auth_header=header)
        self._route = msgspec.structs.replace(
            self._route, choice=msgspec.structs.replace(self._route.choice, dialect=dialect)
        )


def user(text: str) -> Json:
    return {"role": "user", "content": text}
