"""`create_app(config)`: the ASGI application, with everything it needs passed in or made once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.background.housekeeping import keep_house
from proxy.background.runs import BackgroundRuns
from proxy.config import Config
from proxy.endpoints import (
    CompactResponse,
    Conversations,
    CreateResponse,
    InputTokens,
    MetricsPage,
    Models,
    Ready,
    ResponsesSocket,
    StoredResponses,
    health,
)
from proxy.endpoints.door import Door
from proxy.exchange.services import Services
from proxy.ids import NewId, random_id
from proxy.inbound.body import BodyLimits
from proxy.inbound.waiting import WaitingBytes
from proxy.media.documents import DocumentReader
from proxy.media.fetch import Fetcher
from proxy.models.facts import UpstreamModels
from proxy.process.drain import Drain
from proxy.process.grammars import Grammars
from proxy.process.preload import preload
from proxy.process.readiness import Readiness
from proxy.process.watchdog import Watchdog
from proxy.state.conversation_locks import ConversationLocks
from proxy.state.sealing import create_sealer
from proxy.store import Store, create_store
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.observer import Observers
from proxy.telemetry.request_log import RequestLog
from proxy.transports import Transport
from proxy.upstream.attempts import Sender
from proxy.upstream.connections import Upstreams
from proxy.upstream.contents import MediaReaders
from proxy.upstream.recognition import Recognition
from proxy.upstream.redaction import Redactor
from proxy.upstream.routing import Router
from translators.ids import PROCESS


def create_app(
    config: Config,
    *,
    transport: Transport | None = None,
    store: Store | None = None,
    drain: Drain | None = None,
    clock: Callable[[], float] = time.time,
    new_id: NewId = random_id,
) -> Starlette:
    """`transport` and `store` replace those the configuration asks for; `clock` gives Unix seconds. `drain` is that of
    the server, which moves it on."""
    metrics, store = Metrics(), store or create_store(config.store)
    router = Router(config, create_sealer(config.store))
    guarded = bool(config.server.api_keys or config.keys)
    upstreams = Upstreams(config.upstreams, transport, Redactor.of(config), guarded=guarded)
    documents, grammars = DocumentReader(config.documents), Grammars(config.grammars)
    services = Services(
        router=router,
        recognition=Recognition(router, upstreams),
        metrics=metrics,
        observer=Observers(RequestLog(), metrics),
        sender=Sender(upstreams, MediaReaders(Fetcher(config.fetch), documents), grammars),
        clock=clock,
        new_id=new_id,
        holder=new_id(PROCESS),
        max_depth=config.server.max_depth,
        store=store,
        store_settings=config.store,
        locks=ConversationLocks(store, clock, new_id, config.store.lease_seconds),
        upstream_models=UpstreamModels(upstreams),
        error_codes=config.errors.codes,
        drain=drain or Drain(),
    )

    runs = BackgroundRuns(services)
    readiness = Readiness(services.store, clock)
    # Closed from the last to the first.
    owned = (grammars, documents, upstreams, services.upstream_models, services.recognition, readiness, services.locks)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await services.store.open()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(services.store.close)
            for each in (*owned, runs):
                stack.push_async_callback(each.aclose)
            services.recognition.begin(config.upstreams)
            await stack.enter_async_context(_beside_requests(services, grammars, config.server.slow_loop_seconds))
            yield

    api = _Endpoints(services, runs, config)
    routes = [*api.routes("/v1"), *api.routes(""), *_own_routes(services, readiness, config)]
    return _Application(config, services, api.create, routes=routes, lifespan=lifespan)


@contextlib.asynccontextmanager
async def _beside_requests(services: Services, grammars: Grammars, slow_loop_seconds: float) -> AsyncIterator[None]:
    """What goes on as long as requests are served; behind it nothing waits in a turn any more."""
    loop = asyncio.get_running_loop()
    aside = [loop.create_task(keep_house(services)), loop.create_task(preload(grammars.warm))]
    watchdog = Watchdog(services.metrics.loop_lag, slow_loop_seconds)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.stop()
        for task in aside:
            task.cancel()
        await asyncio.wait(aside)
        services.drain.end()  # a server that knows nothing of it has not done so


class _Application(Starlette):
    """Starlette's routes and lifespan behind our door.

    Its own layers in between cost as much as a twentieth of a request, and the door does what they are for.
    """

    def __init__(self, config: Config, services: Services, create: ASGIApp, **options: Any) -> None:
        super().__init__(**options)
        self.observer = services.observer
        self.router.redirect_slashes = False  # a redirect would lose the scheme that a proxy in front has
        self._door = Door(config, services.observer, services.drain, create=create, others=self.router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if scope["type"] == "lifespan":
            await self.router(scope, receive, send)
        else:
            await self._door(scope, receive, send)


def _own_routes(services: Services, readiness: Readiness, config: Config) -> list[BaseRoute]:
    """What is about the proxy itself."""
    routes: list[BaseRoute] = [Route("/healthz", health), Route("/readyz", Ready(readiness, services.drain).get)]
    if config.server.metrics:
        page = MetricsPage(services.metrics, services.sender)
        routes.append(Route("/metrics", page.get))
    return routes


class _Endpoints:
    """Every endpoint, made once, for the routes under `/v1` and those at the root: clients append either."""

    def __init__(self, services: Services, runs: BackgroundRuns, config: Config) -> None:
        keep_alive_seconds = config.server.keep_alive_seconds
        waiting = WaitingBytes(config.server.max_waiting_bytes)
        limits = BodyLimits(config.server.max_body_bytes, config.server.max_depth, waiting)
        self.create = CreateResponse(
            services,
            runs,
            limits=limits,
            keep_alive_seconds=keep_alive_seconds,
        )
        self._socket = ResponsesSocket(
            services,
            keep_alive_seconds=keep_alive_seconds,
            limit_seconds=config.server.websocket_seconds,
            most=config.server.max_websockets,
            max_waiting_bytes=config.server.max_message_bytes,
            waiting=waiting,
        )
        self._compact = CompactResponse(services, limits=limits)
        self._input_tokens = InputTokens(services, limits=limits)
        self._stored = StoredResponses(services, runs, keep_alive_seconds=keep_alive_seconds)
        self._conversations = Conversations(services, limits=limits)
        self._models = Models(services)

    def routes(self, prefix: str) -> list[BaseRoute]:
        responses, models = f"{prefix}/responses", f"{prefix}/models"
        return [
            Route(responses, self.create, methods=["POST"]),
            Route(f"{responses}/compact", self._compact, methods=["POST"]),
            Route(f"{responses}/input_tokens", self._input_tokens, methods=["POST"]),
            WebSocketRoute(responses, self._socket),
            *_response_routes(f"{responses}/{{response_id}}", self._stored),
            *_conversation_routes(f"{prefix}/conversations", self._conversations),
            Route(models, self._models.list),
            Route(f"{models}/{{name:path}}", self._models.retrieve),
        ]


def _response_routes(one: str, responses: StoredResponses) -> list[BaseRoute]:
    return [
        Route(one, responses.retrieve, methods=["GET"]),
        Route(one, responses.delete, methods=["DELETE"]),
        Route(f"{one}/cancel", responses.cancel, methods=["POST"]),
        Route(f"{one}/input_items", responses.input_items, methods=["GET"]),
    ]


def _conversation_routes(all_: str, conversations: Conversations) -> list[BaseRoute]:
    one = f"{all_}/{{conversation_id}}"
    return [
        Route(all_, conversations.create, methods=["POST"]),
        Route(one, conversations.retrieve, methods=["GET"]),
        Route(one, conversations.update, methods=["POST"]),
        Route(one, conversations.delete, methods=["DELETE"]),
        Route(f"{one}/items", conversations.append, methods=["POST"]),
        Route(f"{one}/items", conversations.items, methods=["GET"]),
        Route(f"{one}/items/{{item_id}}", conversations.item, methods=["GET"]),
        Route(f"{one}/items/{{item_id}}", conversations.delete_item, methods=["DELETE"]),
    ]
