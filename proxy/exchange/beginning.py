"""`begin_exchange(…)`: from a body to an exchange: parsed, put behind what it goes on from, routed and translated.

Whatever is wrong with a request is known here, before anything is sent; and so is which stage it begins with.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec
from msgspec import Raw

from proxy.callers import Caller
from proxy.exchange.exchange import Asked, Exchange
from proxy.exchange.services import Services
from proxy.exchange.stages import Answering, Asker, NoOutput, Stage, Summarising
from proxy.ids import ResponseIds
from proxy.inbound.clients import reads_refusals
from proxy.models.catalogue import facts_of
from proxy.process.aside import LONG_BYTES, aside
from proxy.process.drain import Turn
from proxy.state.history import NO_HISTORY, ConnectionMemory, History, recall, resolve_references
from proxy.state.named_conversations import name_conversation
from proxy.state.recording import Recorder
from proxy.state.sink import BackgroundSink, Foreground, Sink
from proxy.upstream.attempts import Attempts
from proxy.upstream.plan import Route
from proxy.upstream.wire import Question
from translators.answering.stream import ResponseStream
from translators.answering.turns import NEVER_AGAIN, Limits
from translators.asking.parse import ParsedRequest, parse_request
from translators.asking.translate import Translation
from translators.errors import InvalidRequest
from translators.history.continuation import goes_on, leave_out_resent, naming
from translators.history.references import references
from translators.history.truncation import Truncation
from translators.history.window import is_over, threshold_of, window_of
from translators.schema.responses import ResponsesRequest

# Stands for no input where nothing is to be answered, so that there is something to translate.
_NO_INPUT = Raw(b'""')


async def begin_exchange(
    services: Services,
    body: bytes,
    client_headers: Mapping[str, str],
    caller: Caller,
    *,
    remembered: ConnectionMemory | None = None,
    generate: bool = True,
    internal: bool = False,
    mended: tuple[str, ...] = (),
) -> Exchange:
    """With `generate` false the model is not called: the response has no output and can be continued. An `internal`
    one is never stored, whatever it asks for. `mended` names fields that held halves of surrogate pairs.

    Raises BridgeError for a body that is no request, and for a model or a response that is not known.
    """
    depth = services.max_depth
    parsed = (
        parse_request(body, max_depth=depth)
        if len(body) < LONG_BYTES
        else await aside(len(body), parse_request, body, max_depth=depth)
    )
    if mended:
        parsed = msgspec.structs.replace(parsed, mended=mended)
    if services.router.undecided:
        await services.recognition.wait_for(
            services.router.route(parsed.params.model, caller.may_use).upstream_name, client_headers
        )
    unstored = internal or parsed.params.store is False
    past = NO_HISTORY
    if goes_on(parsed.params):
        locks = None if unstored else services.locks
        past = await recall(parsed.params, services.store, caller, remembered, locks)
    try:
        if referred := references(parsed.items):
            limit = services.store_settings.max_references
            parsed = await resolve_references(parsed, referred, services.store, caller, past, limit)
        parsed = leave_out_resent(parsed, past.items)
        if services.store_settings.conversations == "always" and not unstored:
            now = int(services.clock())
            past = await name_conversation(
                past, caller, services.store, services.locks, new_id=services.new_id, now=now
            )
            parsed = naming(parsed, past.conversation)
        asked = Asked(parsed.params, past, caller, client_headers)
        return await _Beginning(services, asked, internal=internal).make(parsed, generate=generate)
    except BaseException:
        if past.lock is not None:
            await past.lock.release()
        raise


class _Beginning:
    """The parts of one exchange, as they are made."""

    def __init__(self, services: Services, asked: Asked, *, internal: bool) -> None:
        plan = services.router.plan(asked.params.model, asked.caller.may_use)
        self._services = services
        self._asked = asked
        self._internal = internal
        limits = NEVER_AGAIN if internal else _limits_of(plan.first)
        self._asker = Asker(services.sender, plan, asked.client_headers, asked.caller, limits, services.clock)
        self._turn = Turn(services.drain)

    async def make(self, parsed: ParsedRequest, *, generate: bool) -> Exchange:
        """Raises BridgeError."""
        if not generate and bytes(parsed.params.input) in (b"null", b"[]"):
            parsed = msgspec.structs.replace(parsed, params=msgspec.structs.replace(parsed.params, input=_NO_INPUT))
        size = memoryview(parsed.params.input).nbytes
        attempts = self._translated(parsed) if size < LONG_BYTES else await aside(size, self._translated, parsed)
        params = attempts.translation.params
        new_id = ResponseIds(self._services.new_id)
        heard = bool(params.stream or params.background)
        stream = self._stream(attempts.translation, attempts.route, new_id, heard=heard)
        sink = None
        if not self._internal:
            _check_storing(params, self._asked.past, self._services.store_settings.unstored_continuation)
            sink = self._sink(params)
        stage: Stage
        if not generate:
            stage = NoOutput(self._asker, attempts, stream)
        elif self._internal:
            stage = Answering(self._asker, attempts, stream, self._turn)
        else:
            stage = await self._answering(parsed, attempts, stream)
        if stage.attempts.translation.tools.grammars:
            await stage.attempts.load_grammars()
        asked = self._asked
        recorder = Recorder(asked.params, asked.past, asked.past.owner or asked.caller.owner, new_id)
        return Exchange(self._services, asked, stage, stream, self._turn, recorder, sink)

    def _translated(self, parsed: ParsedRequest) -> Attempts:
        return self._asker.attempts(Question(parsed, self._asked.past.decoded()))

    async def _answering(self, parsed: ParsedRequest, attempts: Attempts, stream: ResponseStream) -> Stage:
        """The stage that answers, with what makes a request shorter that may be too long."""
        params, past = attempts.translation.params, self._asked.past
        threshold = threshold_of(params)
        if threshold is not None and is_over(threshold, attempts.translation.body()):
            window = window_of(params, past.items)
            if window is not None:
                new_stream = partial(self._summary_stream, attempts.route)
                return Summarising(window, self._asker, attempts, stream, self._turn, new_stream)
        truncation = None
        if params.truncation == "auto":
            truncation = Truncation(parsed, past.items)
            attempts = await self._fitting(truncation, attempts)
        return Answering(self._asker, attempts, stream, self._turn, truncation)

    async def _fitting(self, truncation: Truncation, attempts: Attempts) -> Attempts:
        """Leaves out what is known to be too long already."""
        route = attempts.route
        listed = [route.upstream_name] if route.upstream.kind == "chat" else []
        said = await self._services.upstream_models.facts(listed, self._asked.client_headers)
        window = facts_of(route, said).context_window
        shorter = None if window is None else truncation.to_fit(attempts.translation, window)
        return attempts if shorter is None else await self._asker.shorter(truncation, shorter)

    def _stream(self, translation: Translation, route: Route, new_id: ResponseIds, *, heard: bool) -> ResponseStream:
        headers = self._asked.client_headers
        return ResponseStream(
            translation,
            new_id=new_id,
            created_at=self._asker.now(),
            heard=heard,
            reads_refusals=reads_refusals(headers),
            tell=partial(self._services.sender.upstreams.told, route, headers),
        )

    def _summary_stream(self, route: Route, translation: Translation) -> ResponseStream:
        return self._stream(translation, route, ResponseIds(self._services.new_id), heard=False)

    def _sink(self, params: ResponsesRequest) -> Sink | None:
        services = self._services
        if params.store is False:
            return None
        beginning = self._asked.past.beginning
        if params.background:
            lease = services.store_settings.lease_seconds
            return BackgroundSink(services.store, beginning, services.holder, lease, services.clock)
        with_events = bool(params.stream) and services.store_settings.keep_events == "all"
        return Foreground(services.store, beginning, with_events=with_events)


def _limits_of(route: Route) -> Limits:
    settings = route.settings
    return Limits.of(grammar_retries=settings.grammar_retries, empty_retries=settings.empty_retries)


def _check_storing(params: ResponsesRequest, past: History, unstored_continuation: str) -> None:
    if params.store is not False:
        return
    if params.background:
        raise InvalidRequest(
            "A background response has to be stored: 'background' needs 'store' to be true.",
            param="background",
            code="unsupported_parameter",
        )
    named = "previous_response_id" if past.parent is not None else "conversation"
    if unstored_continuation == "refuse" and (past.parent or past.conversation):
        raise InvalidRequest(
            f"'{named}' cannot be used with 'store' set to false here.", param=named, code="unsupported_parameter"
        )
