"""What the assistant thought in a turn, put where the dialect wants it back: `replay_reasoning` and `carry_extra`.

Both are for dialects that want something back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from translators.dialects.arrange import text_of
from translators.dialects.dialect import Dialect
from translators.schema import chat


def replay_reasoning(message: chat.AssistantMessage, text: str, details: list[Any], dialect: Dialect) -> None:
    """`details` are a backend's own records of the thought, verbatim; they win where the dialect takes them."""
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


def carry_extra(call: chat.ToolCall, extra: Any, dialect: Dialect, *, first: bool) -> None:
    """`extra_content` of a call, where the dialect wants it back. Gemini 3 wants a signature on the first call."""
    if extra is not None:
        call.extra_content = extra
    elif first and dialect.signature_filler is not None:
        call.extra_content = {"google": {"thought_signature": dialect.signature_filler}}
