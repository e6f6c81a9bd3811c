"""The response object: its first form, with the request echoed, and what ends it.

`open_response` gives the skeleton; `STATUS_OF_FINISH` and `read_usage` turn what the upstream said last
into `status`, `incomplete_details`, `error` and `usage`.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from translators.decode import decode_as, is_null, is_string
from translators.request import Translation
from translators.schema import chat
from translators.schema.responses import (
    ConversationEcho,
    InputTokensDetails,
    OutputTokensDetails,
    ReasoningEcho,
    Response,
    ResponsesRequest,
    TextEcho,
    Usage,
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


def open_response(translation: Translation, *, response_id: str, created_at: int) -> Response:
    """The response as it stands before the upstream says anything; `created_at` in Unix seconds."""
    params = translation.params
    return Response(
        id=response_id,
        created_at=created_at,
        status="queued" if params.background else "in_progress",
        background=bool(params.background),
        conversation=_conversation(params.conversation),
        previous_response_id=params.previous_response_id,
        instructions=params.instructions,
        max_output_tokens=params.max_output_tokens,
        max_tool_calls=params.max_tool_calls,
        model=params.model or translation.chat.model,
        output=[],
        parallel_tool_calls=params.parallel_tool_calls is not False,
        prompt_cache_key=params.prompt_cache_key,
        reasoning=_reasoning(params),
        safety_identifier=params.safety_identifier,
        service_tier=params.service_tier or "auto",
        store=params.store is not False,
        temperature=_or(params.temperature, 1.0),
        top_p=_or(params.top_p, 1.0),
        presence_penalty=_or(params.presence_penalty, 0.0),
        frequency_penalty=_or(params.frequency_penalty, 0.0),
        text=_text(params),
        tool_choice=_tool_choice(params.tool_choice),
        tools=translation.tools_echo,
        top_logprobs=params.top_logprobs or 0,
        truncation=params.truncation or "disabled",
        user=params.user,
        metadata=params.metadata or {},
    )


class _Named(Struct):
    id: str


def conversation_id(raw: Raw) -> str | None:
    """The conversation a request names, as a string or an object. Raises InvalidRequest."""
    if is_null(raw):
        return None
    return decode_as(str, raw, "conversation") if is_string(raw) else decode_as(_Named, raw, "conversation").id


def _conversation(raw: Raw) -> ConversationEcho | UnsetType:
    name = conversation_id(raw)
    return UNSET if name is None else ConversationEcho(name)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _reasoning(params: ResponsesRequest) -> ReasoningEcho | None:
    if params.reasoning is None:
        return None
    return ReasoningEcho(params.reasoning.effort, params.reasoning.summary or params.reasoning.generate_summary)


class _Format(Struct, omit_defaults=True):
    type: str
    name: str | None = None
    schema: Raw = Raw(b"")
    strict: bool | None = None
    description: str | None = None


def _text(params: ResponsesRequest) -> TextEcho:
    if params.text is None:
        return TextEcho(_Format("text"))
    verbosity = params.text.verbosity or UNSET
    wanted = params.text.format or params.text.response_format
    if wanted is None or wanted.type != "json_schema":
        return TextEcho(_Format(wanted.type if wanted else "text"), verbosity)
    fields = wanted.json_schema or wanted
    return TextEcho(
        _Format("json_schema", fields.name or "response", fields.schema, fields.strict, fields.description), verbosity
    )


class _NamedChoice(Struct):
    type: str
    name: str


class _NestedName(Struct):
    name: str


class _NestedChoice(Struct):
    function: _NestedName | None = None


def _tool_choice(raw: Raw) -> Any:
    """The choice as OpenAI gives it back: a name stands flat, whichever way it was sent."""
    if is_null(raw):
        return "auto"
    if is_string(raw):
        return raw
    nested = decode_as(_NestedChoice, raw).function
    return raw if nested is None else _NamedChoice("function", nested.name)


def read_usage(said: chat.Usage) -> Usage:
    """Token counts in one form; counts that contradict each other are made consistent.

    xAI leaves reasoning out of `completion_tokens` but not out of the total, and may report more cached
    tokens than tokens.
    """
    prompt = said.prompt_tokens or 0
    total = max(said.total_tokens or 0, prompt + (said.completion_tokens or 0))
    details = said.prompt_tokens_details or said.prompt_token_details or chat.PromptTokensDetails()
    spellings = (details.cached_tokens, said.prompt_cache_hit_tokens, said.cached_tokens, said.num_cached_tokens)
    cached = next(filter(None, spellings), 0)
    completion_details = said.completion_tokens_details or chat.CompletionTokensDetails()
    reasoning = completion_details.reasoning_tokens or said.reasoning_tokens or 0
    output = total - prompt
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        total_tokens=total,
        input_tokens_details=InputTokensDetails(min(cached, prompt), details.cache_write_tokens or 0),
        output_tokens_details=OutputTokensDetails(min(reasoning, output)),
    )


def add_usage(one: Usage, other: Usage | None) -> Usage:
    """What two answers took together."""
    if other is None:
        return one
    cached, more = one.input_tokens_details, other.input_tokens_details
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.total_tokens + other.total_tokens,
        InputTokensDetails(
            cached.cached_tokens + more.cached_tokens, cached.cache_write_tokens + more.cache_write_tokens
        ),
        OutputTokensDetails(one.output_tokens_details.reasoning_tokens + other.output_tokens_details.reasoning_tokens),
    )
