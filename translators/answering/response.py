"""`open_response`: the response object in its first form, with the request echoed."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from translators.asking.translate import Translation
from translators.decode import decode_as, is_null, is_string
from translators.history.continuation import conversation_id
from translators.schema.responses import (
    ConversationEcho,
    ReasoningEcho,
    Response,
    ResponsesRequest,
    TextEcho,
)


def open_response(translation: Translation, *, response_id: str, created_at: int) -> Response:
    """The response as it stands before the upstream says anything; `created_at` in Unix seconds."""
    params = translation.params
    response = Response(
        id=response_id,
        created_at=created_at,
        status="queued" if params.background else "in_progress",
        instructions=params.instructions,
        max_output_tokens=params.max_output_tokens,
        model=params.model or translation.chat.model,
        output=[],
        parallel_tool_calls=params.parallel_tool_calls is not False,
        prompt_cache_key=params.prompt_cache_key,
        reasoning=_reasoning(params),
        service_tier=params.service_tier or "auto",
        store=params.store is not False,
        text=_text(params),
        tool_choice=_tool_choice(params.tool_choice),
        tools=translation.tools_echo,
        metadata=params.metadata or {},
    )
    if _seldom(params) == _NONE_OF_IT:
        return response
    return msgspec.structs.replace(
        response,
        background=bool(params.background),
        conversation=_conversation(params.conversation),
        previous_response_id=params.previous_response_id,
        max_tool_calls=params.max_tool_calls,
        safety_identifier=params.safety_identifier,
        temperature=1.0 if params.temperature is None else params.temperature,
        top_p=1.0 if params.top_p is None else params.top_p,
        presence_penalty=params.presence_penalty or 0.0,
        frequency_penalty=params.frequency_penalty or 0.0,
        top_logprobs=params.top_logprobs or 0,
        truncation=params.truncation or "disabled",
        user=params.user,
    )


# What most requests leave out; a response says the default then. One look tells whether any of it is there.
_seldom = attrgetter(
    "background",
    "conversation",
    "previous_response_id",
    "max_tool_calls",
    "safety_identifier",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "truncation",
    "user",
)
_NONE_OF_IT = _seldom(ResponsesRequest())


def _conversation(raw: Raw) -> ConversationEcho | UnsetType:
    name = conversation_id(raw)
    return UNSET if name is None else ConversationEcho(name)


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


_PLAIN_TEXT = TextEcho(_Format("text"))


def _text(params: ResponsesRequest) -> TextEcho:
    if params.text is None:
        return _PLAIN_TEXT
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
    type: str = "function"
    function: _NestedName | None = None
    custom: _NestedName | None = None


def _tool_choice(raw: Raw) -> Any:
    """The choice as OpenAI gives it back: a name stands flat, whichever way it was sent."""
    if is_null(raw):
        return "auto"
    if is_string(raw):
        return raw
    choice = decode_as(_NestedChoice, raw, "tool_choice")
    nested = choice.function or choice.custom
    return raw if nested is None else _NamedChoice(choice.type, nested.name)
