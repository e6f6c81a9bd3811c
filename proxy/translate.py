"""`dragoman translate`: what a model's upstream would get for a request, without sending it.

An upstream whose dialect only its list of models can tell is asked for that.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from proxy.config import Config
from proxy.recognition import recognise
from proxy.routing import Router
from translators.report import Adaptation
from translators.request import parse_request, to_chat


class TranslateResult(Struct, frozen=True):
    body: bytes
    adaptations: list[Adaptation]


def translate_command(config: Config, body: bytes, model: str | None) -> TranslateResult:
    """`model` replaces the request's own. Raises BridgeError, as the endpoint would."""
    parsed = parse_request(body, max_depth=config.server.max_depth)
    if model is not None:
        parsed = msgspec.structs.replace(parsed, params=msgspec.structs.replace(parsed.params, model=model))
    router = Router(config)
    recognise(router, config.upstreams)
    route = router.route(parsed.params.model)
    translation = to_chat(parsed, route.dialect, route.translation)
    return TranslateResult(translation.body(), translation.adaptations)
