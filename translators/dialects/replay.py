"""What the assistant thought in a turn, put where the dialect wants it back: `replay_reasoning`; and what a backend
put on its own message and calls: `carry_fields` and `carry_extra`.

DeepSeek and Kimi refuse a turn without it, Mistral, Groq and Cerebras one that has it under another name
(openai/openai-agents-python#2669, charmbracelet/crush#1590, janhq/jan#8136).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators.dialects.arrange import text_of
from translators.dialects.dialect import Dialect
from translators.schema import chat


def replay_reasoning(message: chat.AssistantMessage, text: str, details: list[Any], dialect: Dialect) -> None:
    """Puts a thought on its message. `details` are the backend's own records of it, verbatim, which win where the
    dialect takes them.
    """
    if dialect.reasoning_replay == "tool_turns" and not message.tool_calls:
        return
    if details and dialect.reasoning_field == "reasoning_details":
        message.reasoning_details = details
        return
    if not text and dialect.reasoning_filler is not None:
        text = dialect.reasoning_filler
    elif not text:
        return
    _FIELDS[dialect.reasoning_field](message, text)


def _reasoning_content(message: chat.AssistantMessage, text: str) -> None:
    message.reasoning_content = text


def _reasoning(message: chat.AssistantMessage, text: str) -> None:
    message.reasoning = text


def _reasoning_details(message: chat.AssistantMessage, text: str) -> None:
    message.reasoning_details = [{"type": "reasoning.text", "text": text}]


def _think_tags(message: chat.AssistantMessage, text: str) -> None:
    message.content = f"<think>\n{text}\n</think>\n\n{text_of(message)}"


def _content_parts(message: chat.AssistantMessage, text: str) -> None:
    parts: list[chat.AssistantPart] = [chat.ThinkingPart([chat.TextPart(text)])]
    if said := text_of(message):
        parts.append(chat.TextPart(said))
    message.content = parts


_FIELDS: dict[str, Callable[[chat.AssistantMessage, str], None]] = {
    "reasoning_content": _reasoning_content,
    "reasoning": _reasoning,
    "reasoning_details": _reasoning_details,
    "think_tags": _think_tags,
    "content_parts": _content_parts,
}


_CALL_FIELDS = ("extra_content", "provider_specific_fields", "thought_signature")
_FUNCTION_FIELDS = ("provider_specific_fields", "thought_signature")
_MESSAGE_FIELDS = ("reasoning_opaque", "extra_content", "provider_specific_fields")


def carry_extra(call: chat.ToolCall, extra: dict[str, Any] | None, dialect: Dialect, *, first: bool) -> None:
    """Puts fields that a backend put on its call (`extra`) there again, unless the dialect refuses them.

    Gemini 3 wants a signature on the first call.
    """
    if extra and dialect.message_extras:
        for name in _CALL_FIELDS:
            if name in extra:
                setattr(call, name, extra[name])
        of_function = extra.get("function")
        for name in _FUNCTION_FIELDS:
            if type(of_function) is dict and name in of_function:
                setattr(call.function, name, of_function[name])
    elif first and dialect.signature_filler is not None:
        call.extra_content = {"google": {"thought_signature": dialect.signature_filler}}


def carry_fields(message: chat.AssistantMessage, fields: dict[str, Any], thought: str) -> str:
    """Puts fields that a backend put on its message there again, and returns what is left to be said of the thought.

    The thoughts of one turn may have come with fields of their own: texts and blocks follow one another then.
    """
    for name in _MESSAGE_FIELDS:
        if name in fields:
            setattr(message, name, fields[name])
    blocks = fields.get("thinking_blocks")
    if type(blocks) is list:
        message.thinking_blocks = [*(message.thinking_blocks or ()), *blocks]
    if "reasoning_text" not in fields:
        return thought
    if thought:
        message.reasoning_text = (message.reasoning_text or "") + thought
    return ""
