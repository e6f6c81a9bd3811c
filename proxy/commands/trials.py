"""What `dragoman check` tries of what a start and the first request need: packages, directories, upstreams.

A trial that `failed` would keep `dragoman serve` from starting; a `warning` is what its users would meet.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

from proxy.config import Config, UpstreamSettings, with_data_dir
from proxy.local_model.server import LocalServerUnavailable, find_model
from proxy.models.facts import read_models
from proxy.upstream.connections import Upstreams
from proxy.upstream.plan import Route
from proxy.upstream.routing import is_pattern
from translators.errors import UpstreamError

ASKING_SECONDS = 5.0
_MAX_NAMED = 5

Outcome = Literal["ok", "warning", "failed"]
Ask = Callable[[str], Awaitable[bytes]]


class Trial(Struct, frozen=True):
    subject: str
    outcome: Outcome
    told: str


def try_here(config: Config, *, deep: bool = False) -> Iterator[Trial]:
    """Tries what this machine has to have; `deep` searches a database for damage that no start looks for."""
    for name, upstream in config.upstreams.items():
        if upstream.kind == "local" and any(model.upstream == name for model in config.models.values()):
            yield _try_embedded(name, upstream)
    yield _try_store(with_data_dir(config, os.environ), deep=deep)


def _try_embedded(name: str, upstream: UpstreamSettings) -> Trial:
    try:
        return Trial(f"upstream {name}", "ok", f"embedded, {find_model(upstream.model_path)}")
    except LocalServerUnavailable as error:
        return Trial(f"upstream {name}", "failed", str(error))


def _try_store(config: Config, *, deep: bool) -> Trial:
    store = config.store
    if store.kind == "postgres":
        if importlib.util.find_spec("asyncpg") is None:
            return Trial("store", "failed", "needs the package asyncpg: pip install 'dragoman[postgres]'")
        return _open_postgres(config)
    if store.kind == "memory" or store.data_dir is None:
        return Trial("store", "ok", "memory: responses are kept until the end of the process")
    return _try_directory(Path(store.data_dir), deep=deep)


def _open_postgres(config: Config) -> Trial:
    from proxy.store import StoreError, create_store

    async def open_and_close() -> None:
        store = create_store(config.store)
        await store.open()
        await store.close()

    try:
        asyncio.run(open_and_close())
    except StoreError as error:
        return Trial("store", "failed", str(error))
    return Trial("store", "ok", "the database can be used")


def _try_directory(directory: Path, *, deep: bool) -> Trial:
    """Tries the data directory without making anything: the files belong to whoever serves."""
    from proxy.store import StoreError
    from proxy.store.create import FILE
    from proxy.store.upkeep import search

    nearest = next(place for place in (directory, *directory.absolute().parents) if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        told = f"{nearest} cannot be written: give it to the user that serves, or name another in store.data_dir"
        return Trial("store", "failed", told)
    if (directory / FILE).exists():
        try:
            search(directory / FILE, deep=deep)
        except StoreError as error:
            return Trial("store", "failed", error.message)
    return Trial("store", "ok", f"{directory}{'' if nearest == directory else ' (will be made)'}")


def try_upstreams(config: Config, routes: tuple[Route, ...]) -> list[Trial]:
    """Asks every upstream that a model uses for its list of models, all at once."""
    return asyncio.run(_try_upstreams(config, routes))


async def _try_upstreams(config: Config, routes: tuple[Route, ...]) -> list[Trial]:
    used = {route.upstream_name: route.upstream for route in routes if route.upstream.kind == "chat"}
    upstreams = Upstreams(config.upstreams)
    try:
        return await asyncio.gather(
            *(
                _try_upstream(name, settings, upstreams, [route for route in routes if route.upstream_name == name])
                for name, settings in used.items()
            )
        )
    finally:
        await upstreams.aclose()


async def _try_upstream(name: str, settings: UpstreamSettings, upstreams: Upstreams, routes: list[Route]) -> Trial:
    subject = f"upstream {name}"
    if settings.pass_client_key:
        return Trial(subject, "ok", "not asked: it takes the keys of clients")
    try:
        async with asyncio.timeout(ASKING_SECONDS):
            listed = read_models(await upstreams.get(name, "/models", {}))
    except TimeoutError:
        return Trial(subject, "warning", f"did not answer within {ASKING_SECONDS:g} seconds")
    except UpstreamError as error:
        return Trial(subject, "warning", error.message)
    if not listed:
        return Trial(subject, "warning", "lists no models at /models: perhaps its base_url should end in /v1")
    missing = sorted({route.model for route in routes if not is_pattern(route.model)} - set(listed))
    if missing:
        shown = ", ".join(missing[:_MAX_NAMED])
        return Trial(subject, "warning", f"does not list {shown}, but {', '.join(list(listed)[:_MAX_NAMED])}")
    return Trial(subject, "ok", f"answers, {len(listed)} {'model' if len(listed) == 1 else 'models'}")
