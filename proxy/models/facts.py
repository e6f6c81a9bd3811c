"""What is known of a model beside its name: by the configuration, else by its upstream's own list of models.

An upstream is asked when somebody wants to know, and not again for a while. Nobody waits long for its answer: what
comes late is there for the next. `UpstreamModels` owns the questions that are still under way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from proxy.config import ModelSettings, UpstreamSettings
from proxy.upstream.connections import Upstreams
from translators.errors import UpstreamError

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0
_FRESH_SECONDS = 300.0
_RETRY_SECONDS = 60.0
_MAX_MODELS = 2000
_MAX_ASKED = 1000


class ModelFacts(Struct, frozen=True, kw_only=True):
    """What is known of one model; a field is None where nobody says."""

    context_window: int | None = None
    input_modalities: tuple[str, ...] | None = None
    reasoning_efforts: tuple[str, ...] | None = None

    def or_else(self, other: ModelFacts) -> ModelFacts:
        """Returns these facts, with those of `other` in the gaps."""
        gaps = {name: getattr(other, name) for name in self.__struct_fields__ if getattr(self, name) is None}
        return msgspec.structs.replace(self, **gaps)


NO_FACTS = ModelFacts()


def configured_facts(model: ModelSettings, upstream: UpstreamSettings) -> ModelFacts:
    facts = ModelFacts(
        context_window=model.context_window,
        input_modalities=model.input_modalities,
        reasoning_efforts=model.reasoning_efforts,
    )
    if upstream.kind == "local":
        return facts.or_else(ModelFacts(context_window=upstream.context_size, input_modalities=("text",)))
    return facts


# --- what upstreams say, each in its own words ---------------------------------------------------


class _Meta(Struct):
    n_ctx: Any = None  # llama.cpp; its n_ctx_train is what the model could, not what is served


class _Architecture(Struct):
    input_modalities: Any = None  # OpenRouter, llama.cpp


class _Entry(Struct):
    id: str
    max_model_len: Any = None  # vLLM, SGLang
    context_length: Any = None  # OpenRouter, Together, Kimi, Fireworks
    context_window: Any = None  # Groq
    loaded_context_length: Any = None  # LM Studio
    max_context_length: Any = None  # Mistral, LM Studio
    meta: _Meta | None = None
    architecture: _Architecture | None = None

    def facts(self) -> ModelFacts:
        windows = (
            self.meta.n_ctx if self.meta is not None else None,
            self.max_model_len,
            self.loaded_context_length,
            self.context_length,
            self.context_window,
            self.max_context_length,
        )
        modalities = self.architecture.input_modalities if self.architecture is not None else None
        return ModelFacts(
            context_window=next((window for window in windows if type(window) is int and window > 0), None),
            input_modalities=_names(modalities),
        )


class _Listing(Struct):
    data: list[msgspec.Raw]


def read_models(body: bytes) -> dict[str, ModelFacts]:
    """Reads the facts by model name out of a list of models, bare as Together sends it or not; nothing where it is
    none."""
    try:
        entries = msgspec.json.decode(body, type=list[msgspec.Raw] | _Listing)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    raws = entries.data if isinstance(entries, _Listing) else entries
    return {entry.id: entry.facts() for entry in map(_entry, raws[:_MAX_MODELS]) if entry is not None}


def _entry(raw: msgspec.Raw) -> _Entry | None:
    try:
        return msgspec.json.decode(raw, type=_Entry)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _names(value: Any) -> tuple[str, ...] | None:
    if type(value) is not list:
        return None
    return tuple(name for name in value if type(name) is str) or None


# --- asking them ---------------------------------------------------------------------------------


class _Known(Struct, frozen=True):
    facts: Mapping[str, ModelFacts]
    until: float


_NOTHING = _Known({}, float("-inf"))


# An upstream, and whose key it is asked with: the list of one account is none of another's.
_Asked = tuple[str, str]


class UpstreamModels:
    """`clock` gives seconds that never go back; `patience` is how many seconds `facts` waits."""

    def __init__(
        self,
        upstreams: Upstreams,
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._upstreams = upstreams
        self._clock = clock
        self.patience = patience
        self._known: dict[_Asked, _Known] = {}  # the oldest first
        self._asking: dict[_Asked, asyncio.Task[None]] = {}

    async def facts(
        self, upstreams: Iterable[str], client_headers: Mapping[str, str]
    ) -> Mapping[str, Mapping[str, ModelFacts]]:
        """Returns the facts by upstream and model, as far as they are known after a short wait."""
        wanted = {(name, self._upstreams.asker(name, client_headers)) for name in upstreams}
        now = self._clock()
        for asked in wanted - self._asking.keys():
            if self._known.get(asked, _NOTHING).until <= now:
                self._asking[asked] = asyncio.create_task(self._ask(asked, dict(client_headers)))
        asking = [self._asking[asked] for asked in wanted & self._asking.keys()]
        if asking:
            await asyncio.wait(asking, timeout=self.patience)
        return {asked[0]: self._known.get(asked, _NOTHING).facts for asked in wanted}

    async def aclose(self) -> None:
        tasks = [*self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, asked: _Asked, client_headers: Mapping[str, str]) -> None:
        name, _ = asked
        try:
            facts = read_models(await self._upstreams.get(name, "/models", client_headers))
            self._remember(asked, _Known(facts, self._clock() + _FRESH_SECONDS))
        except UpstreamError as error:
            _log.info("upstream does not list its models", extra={"upstream": name, "reason": error.message})
            before = self._known.get(asked, _NOTHING)
            self._remember(asked, _Known(before.facts, self._clock() + _RETRY_SECONDS))
        finally:
            del self._asking[asked]

    def _remember(self, asked: _Asked, known: _Known) -> None:
        self._known.pop(asked, None)
        if len(self._known) >= _MAX_ASKED:
            del self._known[next(iter(self._known))]
        self._known[asked] = known
