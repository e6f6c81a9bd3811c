"""`create_app(config)`: the ASGI application, with everything it needs passed in or made once."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Route

from proxy.access import Access
from proxy.config import Config, load_config
from proxy.endpoints import CreateResponse, Models, health
from proxy.errors import bridge_error, http_error, unexpected_error
from proxy.exchange import Services
from proxy.fetch import Fetcher
from proxy.log import configure_logging
from proxy.routing import Router
from proxy.sending import Sender
from proxy.transports import Transport
from proxy.upstream import Upstreams
from translators.errors import BridgeError


def random_id(prefix: str) -> str:
    """An identifier such as `msg_4f…`, within the 64 characters that OpenAI's servers accept."""
    return f"{prefix}_{secrets.token_hex(16)}"


def create_app(
    config: Config,
    *,
    transport: Transport | None = None,
    clock: Callable[[], float] = time.time,
    new_id: Callable[[str], str] = random_id,
) -> Starlette:
    """`transport` replaces the one each upstream asks for; `clock` gives Unix seconds."""
    services = Services(
        router=Router(config),
        sender=Sender(Upstreams(config.upstreams, transport), Fetcher(config.fetch)),
        clock=clock,
        new_id=new_id,
        max_depth=config.server.max_depth,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await services.sender.upstreams.aclose()

    api = _api_routes(services, config)
    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/readyz", health),
            Mount("/v1", routes=api),
            *api,
        ],
        lifespan=lifespan,
        exception_handlers={
            BridgeError: bridge_error,
            HTTPException: http_error,
            Exception: unexpected_error,
        },
    )


def _api_routes(services: Services, config: Config) -> list[BaseRoute]:
    """What stands both under `/v1` and at the root, since clients differ in what they append."""
    access = Access(config.server.api_keys)
    models = Models(services, access=access)
    create = CreateResponse(
        services,
        access=access,
        max_body_bytes=config.server.max_body_bytes,
        keep_alive_seconds=config.server.keep_alive_seconds,
    )
    return [
        Route("/responses", create, methods=["POST"]),
        Route("/models", models.list),
        Route("/models/{name:path}", models.retrieve),
    ]


def create_app_from_environment() -> Starlette:
    """The factory of a worker process: its configuration is where the environment says."""
    config = load_config(None, os.environ)
    configure_logging(config.server.log_level)
    return create_app(config)
