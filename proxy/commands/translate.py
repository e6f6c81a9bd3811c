"""`dragoman translate`: what a model's upstream would get for a request, without sending it.

An upstream whose dialect only its list of models can tell is asked for that.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from proxy.commands.configuration import add_config_argument, read_config
from proxy.commands.terminal import complain, fail, say
from proxy.config import Config, ConfigError
from proxy.process.grammars import Grammars
from proxy.upstream.recognition import recognise
from proxy.upstream.routing import Router
from translators.asking.parse import ParsedRequest, parse_request
from translators.asking.translate import Translation, to_chat
from translators.decode import is_null
from translators.errors import BridgeError

_NOT_READ = "left out what '{}' names: it is in the store of a server, and no store is read here"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--model", help="the model name to take instead of the request's own")


def run(arguments: argparse.Namespace) -> int:
    try:
        result = translate_command(read_config(arguments), sys.stdin.buffer.read(), arguments.model)
    except ConfigError as error:
        return fail(str(error), status=2)
    except BridgeError as error:
        return fail(error.envelope().decode(), status=1)
    for line in result.notes:
        complain(line)
    say(msgspec.json.format(result.body, indent=2).decode())
    return 0


class TranslateResult(Struct, frozen=True):
    """The Chat request, and a line for each thing that it does not say of the request."""

    body: bytes
    notes: list[str]


async def _load_grammars(config: Config, translation: Translation) -> None:
    """Raises InvalidRequest."""
    grammars = Grammars(config.grammars)
    try:
        await grammars.load(translation, owner="")
    finally:
        await grammars.aclose()


def translate_command(config: Config, body: bytes, model: str | None) -> TranslateResult:
    """`model` replaces the request's own. Raises BridgeError, as the endpoint would."""
    parsed = parse_request(body, max_depth=config.server.max_depth)
    if model is not None:
        parsed = msgspec.structs.replace(parsed, params=msgspec.structs.replace(parsed.params, model=model))
    router = Router(config)
    recognise(router, config.upstreams)
    route = router.route(parsed.params.model)
    translation = to_chat(parsed, route.dialect, route.translation)
    if translation.tools.grammars:
        asyncio.run(_load_grammars(config, translation))
    notes = [_NOT_READ.format(name) for name in _stored_in(parsed)]
    return TranslateResult(translation.body(), [*notes, *map(str, translation.adaptations)])


def _stored_in(parsed: ParsedRequest) -> Iterator[str]:
    """The parameters whose meaning is in the store of a server. A reference to an item is refused before."""
    if parsed.params.previous_response_id is not None:
        yield "previous_response_id"
    if not is_null(parsed.params.conversation):
        yield "conversation"
