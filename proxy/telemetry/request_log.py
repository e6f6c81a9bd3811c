"""`RequestLog`: one line for the end of every request, every turn of a WebSocket and every background response.

ERROR is a mistake of ours. WARNING is what whoever runs the server may have to mend: an answer of 5xx, a response that
failed. INFO is every other end, and DEBUG those of probes and scrapes, which come every few seconds.
"""

from __future__ import annotations

import logging
from functools import partial

from proxy.telemetry.log import tell
from proxy.telemetry.observer import Answering, Ending, Observer
from translators.errors import BridgeError, UpstreamError, bounded

_log = logging.getLogger(__name__)

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_MOST_OF_A_PATH = 200
_MOST_OF_A_NAME = 200  # of a model, where any name is taken
_MOST_OF_A_REASON = 300


class RequestLog(Observer):
    """The end tells all of a piece of work; nothing is logged when it begins."""

    def ended(self, ending: Ending) -> None:
        tell(_log, ending.outcome, partial(_facts, ending), _level(ending))


def _level(ending: Ending) -> int:
    if ending.outcome == "mistake":
        return logging.ERROR
    if ending.status >= 500 or ending.outcome == "failed":
        return logging.WARNING
    return logging.DEBUG if ending.route in _PROBES and ending.status < 400 else logging.INFO


def _facts(ending: Ending) -> dict[str, object]:
    """Names, counts and durations; of what a client wrote, its path and what an error quotes."""
    facts: dict[str, object] = {"request": ending.request_id}
    if ending.who:
        facts["who"] = ending.who
    if ending.kind == "request":
        facts["method"] = ending.method
        facts["path"] = ending.path[:_MOST_OF_A_PATH]
    else:
        facts["kind"] = ending.kind
    facts["http"] = ending.status
    if ending.exchange is not None:
        facts |= _of_exchange(ending.exchange, refused=ending.outcome == "refused")
    facts["seconds"] = round(ending.seconds, 3)
    if ending.error is not None:
        facts |= _of_error(ending.error)
    return facts


def _of_exchange(exchange: Answering, *, refused: bool) -> dict[str, object]:
    response = exchange.response
    route = exchange.route
    facts: dict[str, object] = {
        "response": response.id,
        "model": bounded(route.name, _MOST_OF_A_NAME),
        "upstream": route.upstream_name,
    }
    if not refused:  # then there is no response, and its status would be one that nobody has seen
        facts["status"] = response.status
    facts["stream"] = exchange.streamed
    if response.usage is not None:
        facts["input_tokens"] = response.usage.input_tokens
        facts["output_tokens"] = response.usage.output_tokens
    if adaptations := exchange.adaptations:
        facts["adapted"] = "; ".join(map(str, adaptations))
    return facts


def _of_error(error: BridgeError) -> dict[str, object]:
    """An upstream's own words stay out of the log: they may repeat what it was asked."""
    facts: dict[str, object] = {"code": error.code or error.type}
    if error.param is not None:
        facts["param"] = error.param[:_MOST_OF_A_PATH]
    if not isinstance(error, UpstreamError):
        facts["reason"] = error.message[:_MOST_OF_A_REASON]
    return facts
