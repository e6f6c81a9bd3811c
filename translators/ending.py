"""How a response ends: what a finish reason means, the event that says it, and the error of one that failed."""

from __future__ import annotations

from msgspec import Struct

from translators.errors import BridgeError, UpstreamError
from translators.retry_after import retry_after_in
from translators.schema import events
from translators.schema.responses import ResponseError
from translators.upstream_codes import (
    CODE_OF_STATUS,
    CONTEXT_LENGTH,
    FAILURE_CODES,
    INVALID,
    MEANING_OF_CODE,
    is_policy,
)


class Ending(Struct, frozen=True):
    """What a finish reason means: a status, and why where it is not `completed`."""

    status: str
    reason: str | None = None
    error: str | None = None


COMPLETED = Ending("completed")
CUT_BY_LENGTH = Ending("incomplete", "max_output_tokens")
FILTERED = Ending("incomplete", "content_filter")

# Beyond the standard five: OpenRouter, DeepSeek, GLM, Mistral, TGI, SGLang and others say it their own way.
STATUS_OF_FINISH: dict[str, Ending] = {
    "stop": COMPLETED,
    "tool_calls": COMPLETED,
    "function_call": COMPLETED,
    "end": COMPLETED,
    "eos": COMPLETED,
    "eos_token": COMPLETED,
    "end_turn": COMPLETED,
    "stop_sequence": COMPLETED,
    "length": CUT_BY_LENGTH,
    "model_length": CUT_BY_LENGTH,
    "max_tokens": CUT_BY_LENGTH,
    "content_filter": FILTERED,
    "sensitive": FILTERED,
    "model_context_window_exceeded": Ending("failed", error="context_length_exceeded"),
    "error": Ending("failed", error="server_error"),
    "network_error": Ending("failed", error="server_error"),
    "abort": Ending("failed", error="server_error"),
    "insufficient_system_resource": Ending("failed", error="server_is_overloaded"),
}

EMPTY_ANSWER = "empty_answer"

TERMINAL: dict[str, type[events.Event]] = {
    "completed": events.ResponseCompleted,
    "incomplete": events.ResponseIncomplete,
    "failed": events.ResponseFailed,
}


def unfinished(ending: Ending) -> UpstreamError:
    """The error of an answer that ended as failed by the upstream's own word."""
    if ending.error == CONTEXT_LENGTH.code:
        message = "The request and its answer do not fit into the model's context window."
        return UpstreamError(message, status=CONTEXT_LENGTH.status, type="invalid_request_error", code=ending.error)
    meaning = MEANING_OF_CODE.get(ending.error or "")
    status = None if meaning is None else meaning.status
    return UpstreamError("The upstream could not finish its answer.", status=status, code=ending.error)


def response_error(error: BridgeError | None) -> ResponseError | None:
    """What the response says of why it failed."""
    return None if error is None else ResponseError(_failure_code(error), _failure_message(error))


def _failure_message(error: BridgeError) -> str:
    """The only place of an event where a client, such as Codex, can read when to come back (case S18), and where a
    code can be told that is none of the response's own."""
    message, seconds, code = error.message, error.retry_after, _failure_code(error)
    said = error.code
    if said and said.lower() != code and said not in _SAY_NOTHING and said not in message:
        message = f"{message} (code: {said})"
    if code != "rate_limit_exceeded" or seconds is None or not seconds.isdigit() or retry_after_in(message):
        return message
    return f"{message.rstrip('.')}. Please try again in {seconds}s."


def _failure_code(error: BridgeError) -> str:
    """A code of the response's own list where the upstream's says nothing to a client."""
    code = (error.code or "").lower()
    if code in FAILURE_CODES or code == EMPTY_ANSWER or is_policy(code):
        return code
    return _CODE_OF_STATUS.get(error.status, "server_error")


# Our own words for a status, beside the message.
_SAY_NOTHING = frozenset({*CODE_OF_STATUS.values(), INVALID.code, "upstream_error"})
_CODE_OF_STATUS = {400: "invalid_prompt", 413: "invalid_prompt", 422: "invalid_prompt", 429: "rate_limit_exceeded"}
