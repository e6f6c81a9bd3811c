"""`Dialect`: every fact about a backend that the translation depends on, as one frozen value.

A fact is data: presets set it, configuration may override it, one small function somewhere obeys it.
The defaults are `generic`: what most Chat Completions servers take, and nothing that one is known to refuse.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

SAMPLING = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty"})
LOGPROBS = frozenset({"logprobs", "top_logprobs"})
# The words for how hard to think, from OpenAI's type, in their order.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

THINKING_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}

Control = Literal[
    "effort",  # `reasoning_effort`
    "reasoning_effort_object",  # `reasoning: {effort}`
    "reasoning_enabled_object",  # `reasoning: {enabled}`
    "thinking_type",  # `thinking: {type: enabled | disabled}`
    "thinking_budget_object",  # `thinking: {type: enabled, budget_tokens}`
    "enable_thinking",  # `enable_thinking` and `thinking_budget`
    "template_switch",  # `chat_template_kwargs: {enable_thinking}`
]
SchemaStep = Literal[
    "no_meta",
    "inline_refs",
    "object_root",
    "type_in_branches",
    "prefix_items",
    "open_objects",
    "gemini_keywords",
    "grammar_keywords",
]
CallForm = Literal["tool_call_tags", "invoke_tags", "dsml", "kimi_tokens", "bare_json"]


class Dialect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str = "generic"
    # Address
    auth_header: Annotated[str, Meta(pattern=r"^[a-z0-9-]+$")] = (
        "authorization"  # carries `Bearer KEY`; any other header carries the bare key
    )
    path: Annotated[str, Meta(pattern=r"^/[!-~]*$")] = "/chat/completions"
    query: dict[str, str] = {}
    extra_body: dict[str, Any] = {}  # fields that every request to it has
    # Roles and content
    developer_role: bool = False  # knows the role `developer`; otherwise that text goes as `system`
    system_placement: Literal["anywhere", "leading"] = "leading"  # chat templates often take one, at the front
    alternate_roles: bool = False  # user and assistant must take turns: neighbours of one role become one
    bridge_after_tool: bool = False  # a user may not speak right behind a tool: the assistant says a word between
    needs_user_message: bool = False  # a conversation without any user message is refused
    prefix_field: bool = False  # a conversation may end with the assistant only where `prefix` asks to go on from there
    text_content: Literal["string", "parts"] = "string"  # how several text parts of one message travel
    empty_content: Literal["null", "empty", "omit"] = "empty"  # assistant content beside tool calls
    text_beside_calls: bool = True  # otherwise text and calls of one turn are two messages
    calls_per_message: Literal["many", "one"] = "many"
    refusal_field: bool = False  # assistant messages may carry `refusal`; otherwise it goes as text
    images: frozenset[Literal["data", "http"]] = frozenset({"data", "http"})  # kinds of image URL
    audio: Literal["none", "input_audio", "input_audio_uri", "audio_url"] = "input_audio"
    video: Literal["none", "video_url"] = "none"
    files: frozenset[Literal["data", "id", "url", "document_url"]] = frozenset({"data"})
    # Parameters
    params: frozenset[str] = SAMPLING | LOGPROBS  # the optional parameters it takes
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    always_max_tokens: int | None = None  # sent where a request leaves the length open
    max_temperature: float = 2.0
    params_without_reasoning: frozenset[str] = frozenset()  # refused while the model reasons
    logprobs_with_tools: bool = True
    stream_usage: Literal["option", "implicit"] = "option"  # `stream_options.include_usage`, or unasked
    # Tools
    tools: bool = True  # otherwise none can be offered, and calls in the history go as text
    max_tools: Annotated[int, Meta(ge=1)] | None = None  # more stand behind functions that call them by name
    tool_choice: frozenset[Literal["auto", "none", "required", "named"]] = frozenset(
        {"auto", "none", "required", "named"}
    )
    allowed_tools: bool = False  # holds the model to some of the tools; otherwise the bridge does
    required_word: Literal["required", "any"] = "required"
    tool_choice_when_thinking: Literal["keep", "drop", "thinking_off"] = "keep"
    parallel_tool_calls: Literal["false_only", "never", "always"] = "false_only"
    strict_tools: bool = False
    mixed_strict: bool = True  # otherwise either all tools are strict or none
    schema: tuple[SchemaStep, ...] = ()  # what is done to the schemas of tools and formats, in this order
    tool_names: Literal["plain", "letter_first"] = "plain"  # Chat's own rule, or a letter or _ at the start besides
    tool_name_field: bool = False  # tool messages repeat the name of their function
    tool_call_id: Literal["keep", "max40", "alnum9"] = "keep"
    tool_extra: bool = False  # each turn's first call wants `extra_content`, and others may have it
    signature_filler: str | None = None  # stands in for a thought signature that is lost
    text_calls: frozenset[CallForm] = frozenset()  # forms of calls written as text that become calls again
    # Structured output
    structured: Literal["json_schema", "json_object_schema", "json_object", "tool", "prompt"] = "json_schema"
    json_object: bool = True
    json_schema_name: bool = True  # `response_format.json_schema` has its `name`
    structured_with_tools: bool = True  # otherwise a request with tools and a format is refused
    calls_beside_format: bool = True  # otherwise a format holds from the first token on, and no call can be made
    # Reasoning
    reasoning_controls: tuple[Control, ...] = ("effort",)
    efforts: tuple[str, ...] = EFFORTS  # the levels it takes, in order; others become the nearest
    effort_names: dict[str, str] = {}  # levels that become another word than the nearest
    thinking_budgets: dict[str, int] = msgspec.field(default_factory=lambda: dict(THINKING_BUDGETS))  # in tokens
    thinking_word: Literal["enabled", "adaptive"] = "enabled"
    thinking_extra: dict[str, Any] = {}  # beside the type in `thinking`, which is then sent whenever it thinks
    template_switch: str = "enable_thinking"  # its name in `chat_template_kwargs`
    thinks_by_default: bool = False
    always_thinks: bool = False  # cannot be told not to
    reasoning_replay: Literal["never", "tool_turns", "all"] = "tool_turns"
    reasoning_field: Literal["reasoning_content", "reasoning", "reasoning_details", "think_tags", "content_parts"] = (
        "reasoning_content"
    )
    message_extras: bool = True  # fields that it put on its own messages and calls, such as signatures, come back there
    reasoning_filler: str | None = None  # where a replayed turn must have reasoning and its text is lost
    think_tags: tuple[str, ...] = ("think",)  # tags at the start of an answer that hold its reasoning
    think_prefilled: bool = False  # the chat template opens the tag itself: only its end arrives
    cumulative_reasoning: bool = False  # each piece of reasoning may repeat what came before

    @property
    def request_fields(self) -> frozenset[str]:
        """Every top-level field that a request in this dialect may have."""
        fields = {"model", "messages", "stream", self.max_tokens_field, *self.params, *self.extra_body}
        fields |= {field for control in self.reasoning_controls for field in FIELDS_OF_CONTROL[control]}
        if self.stream_usage == "option":
            fields.add("stream_options")
        if self.tools:
            fields.add("tools")
            if self.tool_choice:
                fields.add("tool_choice")
            if self.parallel_tool_calls != "never":
                fields.add("parallel_tool_calls")
        if self.json_object or self.structured in ("json_schema", "json_object_schema", "json_object"):
            fields.add("response_format")
        return frozenset(fields)


FIELDS_OF_CONTROL: dict[Control, tuple[str, ...]] = {
    "effort": ("reasoning_effort",),
    "reasoning_effort_object": ("reasoning",),
    "reasoning_enabled_object": ("reasoning",),
    "thinking_type": ("thinking",),
    "thinking_budget_object": ("thinking",),
    "enable_thinking": ("enable_thinking", "thinking_budget"),
    "template_switch": ("chat_template_kwargs",),
}
