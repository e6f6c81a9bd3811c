"""`check_chat_request`: a chat request as a strict Chat Completions server reads it (R2).

The structs are OpenAI's published parameters with unknown fields refused; the rules between fields follow below them.
Where OpenAI takes null, null is in the type; elsewhere it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Json = dict[str, Any]
Name = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Tier = Literal["auto", "default", "flex", "scale", "priority", "fast"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Part(Strict, tag_field="type"):
    prompt_cache_breakpoint: Json | UnsetType = UNSET


class TextPart(Part, tag="text", kw_only=True):
    text: str


class RefusalPart(Strict, tag_field="type", tag="refusal"):
    refusal: str


class ImageUrl(Strict):
    url: Annotated[str, Meta(min_length=1)]
    detail: Literal["auto", "low", "high"] | UnsetType = UNSET


class ImagePart(Part, tag="image_url", kw_only=True):
    image_url: ImageUrl


class InputAudio(Strict):
    data: str
    format: Literal["wav", "mp3"]


class AudioPart(Part, tag="input_audio", kw_only=True):
    input_audio: InputAudio


class FileData(Strict):
    file_data: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET
    filename: str | UnsetType = UNSET


class FilePart(Part, tag="file", kw_only=True):
    file: FileData


class FunctionCall(Strict):
    name: Name
    arguments: str


class CustomCall(Strict):
    name: Name
    input: str


class FunctionToolCall(Strict, tag_field="type", tag="function"):
    id: Annotated[str, Meta(min_length=1)]
    function: FunctionCall


class CustomToolCall(Strict, tag_field="type", tag="custom"):
    id: Annotated[str, Meta(min_length=1)]
    custom: CustomCall


TextParts = Annotated[list[TextPart], Meta(min_length=1)]
UserParts = Annotated[list[TextPart | ImagePart | AudioPart | FilePart], Meta(min_length=1)]
AssistantParts = Annotated[list[TextPart | RefusalPart], Meta(min_length=1)]
ToolCalls = Annotated[list[FunctionToolCall | CustomToolCall], Meta(min_length=1, max_length=128)]


class DeveloperMessage(Strict, tag_field="role", tag="developer"):
    content: str | TextParts
    name: str | UnsetType = UNSET


class SystemMessage(Strict, tag_field="role", tag="system"):
    content: str | TextParts
    name: str | UnsetType = UNSET


class UserMessage(Strict, tag_field="role", tag="user"):
    content: str | UserParts
    name: str | UnsetType = UNSET


class AssistantMessage(Strict, tag_field="role", tag="assistant"):
    content: str | AssistantParts | None = None
    refusal: str | None = None
    name: str | UnsetType = UNSET
    audio: Json | None = None
    tool_calls: ToolCalls | UnsetType = UNSET


class ToolMessage(Strict, tag_field="role", tag="tool"):
    content: str | TextParts
    tool_call_id: str


Message = DeveloperMessage | SystemMessage | UserMessage | AssistantMessage | ToolMessage


class Parameters(msgspec.Struct):
    """The root of a function's schema."""

    type: Literal["object"]
    properties: Json


class Function(Strict):
    name: Name
    description: str | UnsetType = UNSET
    parameters: Parameters | UnsetType = UNSET
    strict: bool | None = None


class FunctionTool(Strict, tag_field="type", tag="function"):
    function: Function


class Custom(Strict):
    name: Name
    description: str | UnsetType = UNSET
    format: Json | UnsetType = UNSET


class CustomTool(Strict, tag_field="type", tag="custom"):
    custom: Custom


class Named(Strict):
    name: Name


class FunctionChoice(Strict, tag_field="type", tag="function"):
    function: Named


class CustomChoice(Strict, tag_field="type", tag="custom"):
    custom: Named


class AllowedTools(Strict):
    mode: Literal["auto", "required"]
    tools: Annotated[list[FunctionChoice | CustomChoice], Meta(min_length=1, max_length=128)]


class AllowedChoice(Strict, tag_field="type", tag="allowed_tools"):
    allowed_tools: AllowedTools


class TextFormat(Strict, tag_field="type", tag="text"):
    pass


class JsonObjectFormat(Strict, tag_field="type", tag="json_object"):
    pass


class JsonSchema(Strict):
    name: Name
    schema: Json | UnsetType = UNSET
    description: str | UnsetType = UNSET
    strict: bool | None = None


class JsonSchemaFormat(Strict, tag_field="type", tag="json_schema"):
    json_schema: JsonSchema


class StreamOptions(Strict):
    include_usage: bool | UnsetType = UNSET
    include_obfuscation: bool | UnsetType = UNSET


class ChatRequest(Strict):
    """The 37 parameters of `POST /chat/completions`."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    audio: Json | None = None
    frequency_penalty: Penalty | None = None
    function_call: str | Json | UnsetType = UNSET
    functions: list[Json] | UnsetType = UNSET
    logit_bias: dict[str, int] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    metadata: dict[str, str] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    moderation: Json | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    parallel_tool_calls: bool | UnsetType = UNSET
    prediction: Json | None = None
    presence_penalty: Penalty | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Json | UnsetType = UNSET
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    reasoning_effort: Effort | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | UnsetType = UNSET
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: Tier | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    tool_choice: Literal["none", "auto", "required"] | FunctionChoice | CustomChoice | AllowedChoice | UnsetType = UNSET
    tools: Annotated[list[FunctionTool | CustomTool], Meta(min_length=1, max_length=128)] | UnsetType = UNSET
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    user: str | UnsetType = UNSET
    verbosity: Literal["low", "medium", "high"] | None = None
    web_search_options: Json | UnsetType = UNSET


def check_chat_request(body: Json, *, extra: Iterable[str] = ()) -> None:
    """Assert that a strict server takes `body`; `extra` names request and message keys that it knows besides."""
    assert isinstance(body, dict), "R2: the body is no object"
    known = set(extra)
    plain = {key: value for key, value in body.items() if key not in known}
    if isinstance(body.get("messages"), list):
        plain["messages"] = [_without(message, known) for message in body["messages"]]
    try:
        request = msgspec.convert(plain, type=ChatRequest)
    except msgspec.ValidationError as error:
        raise AssertionError(f"R2: {error}") from error
    _check_messages(request.messages)
    _check_tools(request)
    assert not request.stream_options or request.stream, "R2: stream_options without stream"
    assert request.top_logprobs is None or request.logprobs, "R2: top_logprobs without logprobs"
    both = request.max_tokens is not None and request.max_completion_tokens is not None
    assert not both, "R2: max_tokens and max_completion_tokens together"


def _without(message: object, known: set[str]) -> object:
    if isinstance(message, dict):
        return {key: value for key, value in message.items() if key not in known}
    return message


def _check_messages(messages: list[Message]) -> None:
    """Every call is answered exactly once, directly after its turn, and nothing else is. No call id comes twice in a
    conversation, and arguments are one JSON object each: servers read those of earlier turns, too."""
    open_calls: set[str] = set()
    seen: set[str] = set()
    for position, message in enumerate(messages):
        where = f"R2: messages[{position}]"
        if isinstance(message, ToolMessage):
            assert message.tool_call_id in open_calls, f"{where}: no open call {message.tool_call_id!r} before it"
            open_calls.remove(message.tool_call_id)
            continue
        assert not open_calls, f"{where}: calls without a tool message: {sorted(open_calls)}"
        if isinstance(message, AssistantMessage):
            calls = [] if message.tool_calls is UNSET else [call.id for call in message.tool_calls]
            spoke = message.content is not None or bool(message.refusal)
            assert spoke or calls, f"{where}: neither content nor refusal nor tool_calls"
            assert len(set(calls)) == len(calls), f"{where}: a call id twice"
            assert not seen & set(calls), f"{where}: a call id of an earlier turn"
            seen |= set(calls)
            open_calls = set(calls)
            for call in message.tool_calls or ():
                if isinstance(call, FunctionToolCall):
                    _check_arguments(call.function.arguments, where)
    assert not open_calls, f"R2: at the end, calls without a tool message: {sorted(open_calls)}"


def _check_arguments(arguments: str, where: str) -> None:
    try:
        value = json.loads(arguments)
        json.dumps(value, ensure_ascii=False).encode()  # as whoever renders a prompt has to
    except (ValueError, RecursionError) as error:
        raise AssertionError(f"{where}: arguments {arguments!r}: {error}") from error
    assert isinstance(value, dict), f"{where}: arguments are no object: {arguments!r}"


def _name(tool: FunctionTool | CustomTool | FunctionChoice | CustomChoice) -> tuple[str, str]:
    if isinstance(tool, FunctionTool | FunctionChoice):
        return ("function", tool.function.name)
    return ("custom", tool.custom.name)


def _check_tools(request: ChatRequest) -> None:
    choice = request.tool_choice
    if request.tools is UNSET:
        assert choice is UNSET, "R2: tool_choice without tools"
        assert request.parallel_tool_calls is UNSET, "R2: parallel_tool_calls without tools"
        return
    offered = [_name(tool) for tool in request.tools]
    assert len({name for _, name in offered}) == len(offered), f"R2: a tool name twice in {offered}"
    if isinstance(choice, AllowedChoice):
        chosen = [_name(tool) for tool in choice.allowed_tools.tools]
    elif isinstance(choice, FunctionChoice | CustomChoice):
        chosen = [_name(choice)]
    else:
        chosen = []
    for name in chosen:
        assert name in offered, f"R2: tool_choice names {name}, offered are {offered}"
