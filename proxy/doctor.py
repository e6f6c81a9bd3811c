"""`diagnose(config, upstream, model)`: a backend's dialect, found out with a few dozen tiny requests.

Each probe asks what one fact is about and says what it learned; `Diagnosis.lines` is YAML to paste, with what could
not be told as comments.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from proxy.config import Config, ModelSettings, with_base_urls
from proxy.local_server import LocalServer, LocalSettings
from proxy.routing import Route, Router
from proxy.upstream import Upstreams
from translators.dialects.preset import read_facts
from translators.errors import UpstreamError
from translators.runs import one_by_one
from translators.schema.chat import ChatChunk, Delta
from translators.upstream_errors import error_in_chunk

Json = dict[str, Any]
REASONING_FIELDS = ("reasoning_details", "reasoning_content", "reasoning")
LENGTH = 32
LONG = 512
"""Where the whole answer counts, thoughts included."""


class Heard(Struct):
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
            self.prompt_tokens = chunk.usage.prompt_tokens or 0
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


class Diagnosis(Struct):
    facts: Json
    unknown: list[str] = []
    asked: int = 0

    def lines(self) -> Iterator[str]:
        yield "dialect:"
        yield "  preset: generic"
        for fact, value in self.facts.items():
            plain = sorted(value) if isinstance(value, frozenset) else value
            yield f"  {fact}: {msgspec.json.encode(plain).decode()}"
        for line in self.unknown:
            yield f"  # {line}"


class Patient:
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
    ) -> Heard:
        """One request. Raises UpstreamError where the backend is not there at all."""
        body: Json = {"model": self._route.model, "messages": messages or [user("Say OK.")], **fields}
        length_field = self.facts.get("max_tokens_field", None)
        if length_field is not None and not body.keys() & {"max_tokens", "max_completion_tokens"}:
            body[length_field] = length
        if stream:
            body["stream"] = True
        self.asked += 1
        heard = Heard()
        try:
            async with contextlib.aclosing(self._upstreams.call(self._route, msgspec.json.encode(body), {})) as call:
                await call.open()
                while chunks := await call.read():
                    for chunk in one_by_one(chunks):
                        error = error_in_chunk(chunk)
                        if error is not None:
                            return Heard(error)
                        heard.add(chunk)
        except UpstreamError as error:
            if error.code == "upstream_unreachable":
                raise
            return Heard(error)
        return heard

    def sends_key_in(self, header: str) -> None:
        dialect = msgspec.structs.replace(self._route.dialect, auth_header=header)
        self._route = msgspec.structs.replace(
            self._route, choice=msgspec.structs.replace(self._route.choice, dialect=dialect)
        )


def user(text: str) -> Json:
    return {"role": "user", "content": text}


@contextlib.contextmanager
def reachable(config: Config, upstream: str) -> Iterator[Config]:
    """The configuration while the upstream runs, if it is an embedded one. Raises LocalServerUnavailable."""
    settings = config.upstreams[upstream]
    if settings.kind != "local":
        yield config
        return
    with LocalServer(LocalSettings(settings.model_path, settings.context_size, settings.threads)) as server:
        yield with_base_urls(config, {upstream: server.base_url})


async def diagnose(config: Config, upstream: str, model: str) -> Diagnosis:
    """Raises UpstreamError where no probe can be made."""
    from proxy.doctor_probes import PROBES, first_contact

    alone = msgspec.structs.replace(config, models={"*": ModelSettings(upstream=upstream)})
    upstreams = Upstreams(config.upstreams)
    patient = Patient(upstreams, Router(alone).route(model))
    try:
        await first_contact(patient)
        for probe in PROBES:
            await probe(patient)
    finally:
        await upstreams.aclose()
    return Diagnosis(read_facts(patient.facts), patient.unknown, patient.asked)
