"""The Responses API on the wire: the request a client sends and the response object it gets.

Request fields accept `null` wherever they may be absent. Limits are OpenAI's own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

NULL = Raw(b"null")

# --- request -------------------------------------------------------------------------------------

Temperature = Annotated[float, Meta(ge=0, le=2)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]  # more than any model writes, and what upstreams can hold
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]


class ReasoningOptions(Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: str | None = None


class TextFormat(Struct):
    """`text.format`, or the `text.response_format` some gateways document (schema under `json_schema`)."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Raw = NULL
    strict: bool | None = None
    description: str | None = None
    json_schema: NestedJsonSchema | None = None


class NestedJsonSchema(Struct):
    name: str | None = None
    schema: Raw = NULL
    strict: bool | None = None
    description: str | None = None


class TextOptions(Struct):
    format: TextFormat | None = None
    response_format: TextFormat | None = None
    verbosity: str | None = None


class StreamOptions(Struct):
    include_obfuscation: bool | None = None


class ResponsesRequest(Struct, kw_only=True):
    """The body of `POST /v1/responses`. `input`, `tools` and the like stay raw until their own turn."""

    model: str | None = None
    input: Raw = NULL
    instructions: str | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw = NULL
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    max_output_tokens: Count | None = None
    max_tool_calls: Count | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    include: list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    user: str | None = None
    safety_identifier: Annotated[str, Meta(max_length=128)] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None
    truncation: Literal["auto", "disabled"] | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: Raw = NULL
    context_management: Raw = NULL
    moderation: Raw = NULL
    prompt: Raw = NULL
    access_programs: Raw = NULL
    background_options: Raw = NULL
    image: Raw = NULL
    prompt_cache_options: Raw = NULL
    multi_agent: Raw = NULL
    client_metadata: Raw = NULL


# How thoughts go out whatever a request says: as their raw text, or as a summary, which is all that some clients show.
Thoughts = Literal["as_asked", "summary", "content"]

# --- response ------------------------------------------------------------------------------------


class InputTokensDetails(Struct, frozen=True):
    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputTokensDetails(Struct, frozen=True):
    reasoning_tokens: int = 0


class Usage(Struct, frozen=True):
    """Token counts; all five keys are always there, since Codex refuses a partial object."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()


class ResponseError(Struct, frozen=True):
    code: str
    message: str


class IncompleteDetails(Struct, frozen=True):
    reason: str


class ReasoningEcho(Struct, frozen=True):
    effort: str | None = None
    summary: str | None = None


class TextEcho(Struct, frozen=True):
    format: Any
    verbosity: str | UnsetType = UNSET


class ConversationEcho(Struct, frozen=True):
    id: str


class Response(Struct, kw_only=True, frozen=True):
    """The response object. Which fields may be null follows the Open Responses schema."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: str
    completed_at: int | None = None
    background: bool = False
    conversation: ConversationEcho | UnsetType = UNSET
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    model: str
    output: list[Any]
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None
    reasoning: ReasoningEcho | None = None
    safety_identifier: str | None = None
    service_tier: str = "default"
    store: bool = True
    temperature: float = 1.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    text: TextEcho
    tool_choice: Any = "auto"
    tools: list[Any]
    top_logprobs: int = 0
    truncation: str = "disabled"
    usage: Usage | None = None
    user: str | None = None
    metadata: dict[str, str]
