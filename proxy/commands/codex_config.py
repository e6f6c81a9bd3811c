"""`dragoman codex-config`: what Codex needs in its config.toml, and the catalogue of the configured models.

Without the catalogue Codex takes every model for one it knows nothing of: no apply_patch, a guessed context window.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import msgspec

from proxy.commands.configuration import add_config_argument, read_config
from proxy.commands.terminal import fail, say
from proxy.config import KEY_VARIABLE, Config, ConfigError
from proxy.models.catalogue import Catalogue, asked_upstreams, codex_model, facts_of, listed_routes
from proxy.models.facts import UpstreamModels
from proxy.upstream.connections import Upstreams
from proxy.upstream.routing import Router

_PATIENCE_SECONDS = 5.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--model", help="the model to begin with (else the first of the configuration)")
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="write the model catalogue there, and name it")
    parser.add_argument("--base-url", metavar="URL", help="where Codex finds the proxy, if not on this machine")


def run(arguments: argparse.Namespace) -> int:
    try:
        config = read_config(arguments)
    except ConfigError as error:
        return fail(str(error), status=2)
    file: Path | None = arguments.catalogue
    if file is not None:
        try:
            file.write_text(encode_catalogue(read_catalogue(config)), encoding="utf-8")
        except OSError as error:
            return fail(f"dragoman: cannot write {file}: {error.strerror}", status=1)
    model: str | None = arguments.model or next(iter(Router(config).names()), None)
    say(provider_block(config, model=model, catalogue=file, base_url=arguments.base_url).rstrip())
    return 0


def read_catalogue(config: Config) -> Catalogue:
    """Asks the upstreams for what the configuration leaves open; one that does not answer tells nothing."""
    return asyncio.run(_catalogue(config))


async def _catalogue(config: Config) -> Catalogue:
    router = Router(config)
    upstreams = Upstreams(config.upstreams)
    upstream_models = UpstreamModels(upstreams, patience=_PATIENCE_SECONDS)
    try:
        said = await upstream_models.facts(asked_upstreams(router), {})
    finally:
        await upstream_models.aclose()
        await upstreams.aclose()
    routes = listed_routes(router, said)
    return Catalogue([codex_model(route, facts_of(route, said), index) for index, route in enumerate(routes)])


def encode_catalogue(catalogue: Catalogue) -> str:
    return msgspec.json.format(msgspec.json.encode(catalogue), indent=2).decode() + "\n"


def provider_block(config: Config, *, model: str | None, catalogue: Path | None, base_url: str | None = None) -> str:
    """The lines for `~/.codex/config.toml`; the top-level ones have to stand before its first table."""
    lines = ['model_provider = "dragoman"']
    if model is not None:
        lines.append(f"model = {_quoted(model)}")
    if catalogue is not None:
        lines.append(f"model_catalog_json = {_quoted(str(catalogue.absolute()))}")
    lines += [
        "",
        "[model_providers.dragoman]",
        'name = "Dragoman"',
        f"base_url = {_quoted(base_url or local_base_url(config))}",
        'wire_api = "responses"',
    ]
    if config.server.api_keys or any(upstream.pass_client_key for upstream in config.upstreams.values()):
        lines.append(f"env_key = {_quoted(KEY_VARIABLE)}")
    return "\n".join([*lines, ""])


def local_base_url(config: Config) -> str:
    """Where a client on this machine finds the proxy."""
    host = _ANY_ADDRESS.get(config.server.host, config.server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{config.server.port}/v1"


def _quoted(text: str) -> str:
    """A basic string of TOML, which is one of JSON."""
    return json.dumps(text)
