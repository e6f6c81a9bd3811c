"""Chat Completions on the wire: the request that goes upstream and the chunks that come back.

Requests are strict: a field that is `UNSET` is not sent. Chunks are liberal: a scalar that some
backend is known to send in another shape is `Any`, and `fragments` reads what is there.
`gc=False` marks what a long history has thousands of: none of it is ever in a cycle.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

# --- request -------------------------------------------------------------------------------------


class TextPart(Struct, gc=False, tag_field="type", tag="text", frozen=True):
    text: str


class ImageUrl(Struct, gc=False, frozen=True):
    url: str
    detail: str | UnsetType = UNSET


class ImagePart(Struct, gc=False, tag_field="type", tag="image_url", frozen=True):
    image_url: ImageUrl


class InputAudio(Struct, frozen=True):
    data: str
    format: str


class AudioPart(Struct, tag_field="type", tag="input_audio", frozen=True):
    input_audio: InputAudio


class AudioUrl(Struct, frozen=True):
    url: str


class AudioUrlPart(Struct, tag_field="type", tag="audio_url", frozen=True):
    audio_url: AudioUrl


class DocumentPart(Struct, tag_field="type", tag="document_url", frozen=True):
    document_url: str
    document_name: str | UnsetType = UNSET


class FileData(Struct, frozen=True):
    file_data: str | UnsetType = UNSET
    filename: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET


class FilePart(Struct, tag_field="type", tag="file", frozen=True):
    file: FileData


Part = TextPart | ImagePart | AudioPart | AudioUrlPart | DocumentPart | FilePart
# Mostly the very JSON string that the client sent: nobody had to unescape it.
Text = str | Raw
Content = Text | list[Part]


class FunctionCall(Struct, gc=False):
    name: str
    arguments: str


class ToolCall(Struct, gc=False, tag_field="type", tag="function"):
    id: str
    function: FunctionCall
    extra_content: Any = UNSET


class SystemMessage(Struct, gc=False, tag_field="role", tag="system"):
    content: Content


class DeveloperMessage(Struct, gc=False, tag_field="role", tag="developer"):
    content: Content


class UserMessage(Struct, gc=False, tag_field="role", tag="user"):
    content: Content


class ThinkingPart(Struct, tag_field="type", tag="thinking", frozen=True):
    """Mistral's form of reasoning."""

    thinking: list[TextPart]


AssistantPart = TextPart | ThinkingPart


class AssistantMessage(Struct, gc=False, tag_field="role", tag="assistant"):
    content: Text | list[AssistantPart] | UnsetType | None = UNSET
    refusal: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    reasoning_details: list[Any] | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    prefix: bool | UnsetType = UNSET


class ToolMessage(Struct, gc=False, tag_field="role", tag="tool"):
    tool_call_id: str
    content: Text
    name: str | UnsetType = UNSET


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class Function(Struct):
    name: str
    description: str | UnsetType = UNSET
    parameters: Raw | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class FunctionTool(Struct, tag_field="type", tag="function"):
    function: Function


class NamedFunction(Struct, frozen=True):
    name: str


class NamedToolChoice(Struct, tag_field="type", tag="function", frozen=True):
    function: NamedFunction


ToolChoice = str | NamedToolChoice


class JsonSchema(Struct):
    name: str | UnsetType = UNSET
    schema: Raw | UnsetType = UNSET
    strict: bool | UnsetType = UNSET
    description: str | UnsetType = UNSET


class ResponseFormat(Struct):
    type: str
    json_schema: JsonSchema | UnsetType = UNSET
    schema: Raw | UnsetType = UNSET  # llama.cpp's and llama-cpp-python's own place for it


class StreamOptions(Struct):
    include_usage: bool = True


class ChatRequest(Struct, kw_only=True, omit_defaults=True):
    """`POST {base}/chat/completions`. Field order is the order of the bytes sent."""

    model: str
    messages: list[Message]
    tools: list[FunctionTool] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    response_format: ResponseFormat | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    frequency_penalty: float | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    max_completion_tokens: int | UnsetType = UNSET
    logprobs: bool | UnsetType = UNSET
    top_logprobs: int | UnsetType = UNSET
    reasoning_effort: str | UnsetType = UNSET
    reasoning: dict[str, Any] | UnsetType = UNSET
    thinking: dict[str, Any] | UnsetType = UNSET
    enable_thinking: bool | UnsetType = UNSET
    thinking_budget: int | UnsetType = UNSET
    chat_template_kwargs: dict[str, Any] | UnsetType = UNSET
    verbosity: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    safety_identifier: str | UnsetType = UNSET
    prompt_cache_key: str | UnsetType = UNSET
    prompt_cache_retention: str | UnsetType = UNSET
    service_tier: str | UnsetType = UNSET
    stream: bool | UnsetType = UNSET
    stream_options: StreamOptions | UnsetType = UNSET


# --- answer --------------------------------------------------------------------------------------


class FunctionDelta(Struct):
    name: Any = None
    arguments: Any = None


class ToolCallDelta(Struct):
    index: Any = None
    id: Any = None
    type: Any = None
    function: FunctionDelta | None = None
    extra_content: Any = None


class Delta(Struct):
    """`choices[].delta` of a chunk, or `choices[].message` of a whole answer."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: FunctionDelta | None = None
    annotations: list[Any] | None = None


class TokenLogprob(Struct):
    token: str
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[TokenLogprob] | None = None


class Logprobs(Struct):
    content: list[TokenLogprob] | None = None
    refusal: list[TokenLogprob] | None = None


class PromptTokensDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    created_cache_tokens: int | None = None  # the same, as vLLM calls it


class CompletionTokensDetails(Struct):
    reasoning_tokens: int | None = None


class Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
    # Spellings of their own: Mistral (two), DeepSeek, Kimi, then SGLang and Perplexity.
    prompt_token_details: PromptTokensDetails | None = None
    num_cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Choice(Struct):
    index: Any = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: Any = None
    logprobs: Logprobs | None = None
    usage: Usage | None = None


class GroqExtra(Struct):
    usage: Usage | None = None


class ChatChunk(Struct):
    """One `chat.completion.chunk`; a whole `chat.completion` has the same shape with `message`."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None
    model: Any = None
    service_tier: Any = None
    x_groq: GroqExtra | None = None
    citations: Any = None  # xAI, Perplexity
    search_results: Any = None  # Perplexity
    # Errors that come without `error`: vLLM and SGLang send them flat, MiniMax in `base_resp`.
    object: Any = None
    message: Any = None
    code: Any = None
    base_resp: Any = None
