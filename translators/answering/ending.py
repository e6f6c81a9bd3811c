"""How a response ends: what a finish reason means, the event that says it, and the error of one that failed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from translators.errors import BridgeError, UpstreamError
from translators.limits import ANSWER_TOO_LARGE
from translators.recovery.retry_after import retry_after_in
from translators.recovery.upstream_codes import (
    CODE_OF_STATUS,
    CONTEXT_LENGTH,
    FAILURE_CODES,
    INVALID,
    MEANING_OF_CODE,
    is_policy,
)
from translators.schema import events
from translators.schema.responses import ResponseError
from translators.wire.finish_reasons import MAX_REASON
from translators.words import bare


class Ending(Struct, frozen=True):
    """What a finish reason means: a status, and why where it is not `completed`.

    `passing` where the next answer to the same request may be a good one.
    """

    status: str
    reason: str | None = None
    error: str | None = None
    passing: bool = False


COMPLETED = Ending("completed")
CUT_BY_LENGTH = Ending("incomplete", "max_output_tokens")
FILTERED = Ending("incomplete", "content_filter")
SPOILT = Ending("failed", error="server_error", passing=True)
FAILED = Ending("failed", error="server_error")
OVERFLOWN = Ending("failed", error="context_length_exceeded")
OVERLOADED = Ending("failed", error="server_is_overloaded")

# Beyond the standard five: OpenRouter, DeepSeek, GLM, Mistral, TGI, SGLang, Cohere, Anthropic, Bedrock, Gemini and
# Copilot say it their own way, and gateways hand it on (theopenco/llmgateway#1682, BerriAI/litellm#22138).
FINISHES: dict[Ending, tuple[str, ...]] = {
    COMPLETED: (
        *("stop", "tool_calls", "tool_call", "tool_use", "function_call", "end", "eos", "eos_token", "end_turn"),
        *("stop_sequence", "complete", "completed"),
    ),
    CUT_BY_LENGTH: (
        *("length", "model_length", "max_tokens", "max_output_tokens", "max_completion_tokens", "max_new_tokens"),
        *("max_length", "incomplete", "error_limit"),
    ),
    FILTERED: (
        *("content_filter", "content_filtered", "content_blocked", "sensitive", "refusal", "guardrail_intervened"),
        *("safety", "recitation", "prohibited_content", "blocklist", "spii", "model_armor", "error_toxic"),
        *("image_safety", "image_recitation", "image_prohibited_content", "content_policy_violation"),
    ),
    SPOILT: (
        *("malformed_function_call", "unexpected_tool_call", "malformed_response", "malformed_tool_use"),
        *("malformed_model_output", "timeout", "cancelled", "canceled", "user_cancel"),
    ),
    FAILED: ("error", "network_error", "abort", "aborted", "too_many_tool_calls", "missing_thought_signature"),
    OVERFLOWN: ("model_context_window_exceeded",),
    OVERLOADED: ("insufficient_system_resource",),
}
_ENDINGS = {bare(word): ending for ending, words in FINISHES.items() for word in words}


def ending_of(reason: str) -> Ending | None:
    """How an answer ended that gives this reason, in whatever letters; None for a reason that nobody knows."""
    return _ENDINGS.get(bare(reason[:MAX_REASON].removeprefix("FINISH_REASON_")))


EMPTY_ANSWER = "empty_answer"
TOOL_NOT_ALLOWED = "tool_not_allowed"
SHUTTING_DOWN = "server_shutting_down"
_OUR_OWN = frozenset({EMPTY_ANSWER, TOOL_NOT_ALLOWED, ANSWER_TOO_LARGE, SHUTTING_DOWN})

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


def response_error(error: BridgeError | None, codes: Mapping[str, str]) -> ResponseError | None:
    """What the response says of why it failed; `codes` are other names for codes, by our own."""
    if error is None:
        return None
    code = _failure_code(error)
    return ResponseError(codes.get(code, code), _failure_message(error))


def _failure_message(error: BridgeError) -> str:
    """The only place of an event where a client, such as Codex, can read when to come back
    (openai/codex, `codex-rs/codex-api/src/sse/responses.rs`), and where a
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
    if code in FAILURE_CODES or code in _OUR_OWN or is_policy(code):
        return code
    return _CODE_OF_STATUS.get(error.status, "server_error")


# Our own words for a status, beside the message.
_SAY_NOTHING = frozenset({*CODE_OF_STATUS.values(), INVALID.code, "upstream_error"})
_CODE_OF_STATUS = {400: "invalid_prompt", 413: "invalid_prompt", 422: "invalid_prompt", 429: "rate_limit_exceeded"}
