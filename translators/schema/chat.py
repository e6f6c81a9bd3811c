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


class VideoUrl(Struct, frozen=True):
    url: str


class VideoPart(Struct, tag_field="type", tag="video_url", frozen=True):
    video_url: VideoUrl


class DocumentPart(Struct, tag_field="type", tag="document_url", frozen=True):
    document_url: str
    document_name: str | UnsetType = UNSET


class FileData(Struct, frozen=True):
    file_data: str | UnsetType = UNSET
    filename: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET


class FilePart(Struct, tag_field="type", tag="file", frozen=True):
    file: FileData


Part = TextPart | ImagePart | AudioPart | AudioUrlPart | VideoPart | DocumentPart | FilePart
# Mostly the very JSON string that the client sent: nobody had to unescape it.
Text = str | Raw
Content = Text | list[Part]


class FunctionCall(Struct, gc=False):
    name: str
    arguments: str
    provider_specific_fields: Any = UNSET
    thought_signature: Any = UNSET


class ToolCall(Struct, gc=False, tag_field="type", tag="function"):
    id: str
    function: FunctionCall
    extra_content: Any = UNSET
    provider_specific_fields: Any = UNSET
    thought_signature: Any = UNSET


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
    reasoning_text: str | UnsetType = UNSET
    reasoning_opaque: Any = UNSET
    thinking_blocks: Any = UNSET
    extra_content: Any = UNSET
    provider_specific_fields: Any = UNSET
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


class AllowedTools(Struct, frozen=True):
    mode: str
    tools: list[NamedToolChoice]


class AllowedToolsChoice(Struct, tag_field="type", tag="allowed_tools", frozen=True):
    allowed_tools: AllowedTools


ToolChoice = str | NamedToolChoice | AllowedToolsChoice


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
# Every field that a backend is known to send stands here, and no other is let pass unseen: what has others is read by
# `wire.payload`, which tells of them.


class Answered(Struct, forbid_unknown_fields=True):
    """A part of an answer. Its fields are what is understood of it."""


class FunctionDelta(Answered):
    name: Any = None
    arguments: Any = None
    thought_signature: Any = None
    provider_specific_fields: Any = None  # LiteLLM


class ToolCallDelta(Answered):
    index: Any = None
    id: Any = None
    type: Any = None
    function: FunctionDelta | None = None
    # What a backend wants back with its call: Gemini, LiteLLM before Gemini, gateways of their own.
    extra_content: Any = None
    provider_specific_fields: Any = None
    thought_signature: Any = None


class Delta(Answered):
    """`choices[].delta` of a chunk, or `choices[].message` of a whole answer."""

    role: Any = None
    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_text: Any = None  # GitHub Copilot
    thinking: Any = None
    reasoning_details: Any = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: FunctionDelta | None = None
    annotations: Any = None
    images: Any = None  # OpenRouter, LiteLLM
    audio: Any = None
    # What a backend wants back with its message: Copilot, LiteLLM before Claude, Gemini, LiteLLM before Gemini.
    reasoning_opaque: Any = None
    thinking_blocks: Any = None
    extra_content: Any = None
    provider_specific_fields: Any = None


class TokenLogprob(Struct):
    token: str
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[TokenLogprob] | None = None


class Logprobs(Struct):
    content: list[TokenLogprob] | None = None
    refusal: list[TokenLogprob] | None = None


class Choice(Answered):
    index: Any = None
    delta: Delta | None = None
    message: Delta | None = None
    logprobs: Logprobs | None = None
    finish_reason: Any = None
    text: Any = None  # Together repeats the content here
    usage: Any = None  # Kimi
    error: Any = None  # OpenRouter
    # What is in every chunk of some, and says nothing of the answer.
    native_finish_reason: Any = None  # OpenRouter: the same in the model's own word
    stop_reason: Any = None  # vLLM: which stop sequence it was
    matched_stop: Any = None  # SGLang: the same
    content_filter_results: Any = None  # Azure: how the text was judged; one that was cut says so by its finish reason


class ChatChunk(Answered):
    """One `chat.completion.chunk`; a whole `chat.completion` has the same shape with `message`.

    Fields stand in the order in which they mostly come, in which they are read fastest.
    """

    id: Any = None
    object: Any = None
    created: Any = None
    model: Any = None
    system_fingerprint: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    obfuscation: Any = None  # OpenAI: bytes against guessing by length
    provider: Any = None  # OpenRouter: who answered
    service_tier: Any = None
    error: Any = None
    x_groq: Any = None  # Groq: its usage
    citations: Any = None  # xAI, Perplexity
    search_results: Any = None  # Perplexity
    web_search: Any = None  # GLM
    search_info: Any = None  # DashScope
    # Errors that come without `error`: vLLM and SGLang send them flat, MiniMax in `base_resp`.
    message: Any = None
    type: Any = None
    param: Any = None
    code: Any = None
    base_resp: Any = None


# The same in few chunks: fields of structs cost every chunk that is read something.
BESIDE: dict[type[Struct], frozenset[str]] = {
    ChatChunk: frozenset(
        {
            *("request_id", "prompt_filter_results", "prompt_logprobs", "prompt_token_ids", "prompt_text", "prompt"),
            *("kv_transfer_params", "metrics", "metadata", "sglext", "timings", "time_info", "nvext"),
        }
    ),
    Choice: frozenset(
        {
            *("content_filter_result", "content_filter_offsets", "token_ids", "routed_experts", "hidden_states"),
            "seed",
        }
    ),
    Delta: frozenset({"name", "obfuscation", "token_id", "token_ids"}),
}
