"""`arrange(messages, dialect)`: the messages of a conversation as a dialect's rules of order want them.

Each rule is a pass of its own. No pass looks ahead further than its neighbour, so that a longer conversation
still begins as the shorter one did.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from translators.decode import read_text
from translators.dialects.dialect import Dialect
from translators.schema import chat

Messages = list[chat.Message]

BRIDGE = "OK."
OPENING = "Begin."


def content_of(parts: list[chat.Part], dialect: Dialect) -> chat.Content:
    """Returns a string where the parts are all text and the dialect likes that, or needs no more."""
    texts = [part.text for part in parts if isinstance(part, chat.TextPart)]
    if len(texts) == len(parts) and (dialect.text_content == "string" or len(parts) == 1):
        return "\n".join(texts)
    return parts


def arrange(messages: Messages, dialect: Dialect) -> Messages:
    if not dialect.tools:
        messages = _calls_as_text(messages)
    if not dialect.text_beside_calls:
        messages = _text_apart(messages)
    if dialect.calls_per_message == "one":
        messages = _one_call_each(messages, dialect)
    if dialect.bridge_after_tool:
        messages = _bridge(messages)
    if dialect.needs_user_message:
        messages = _open_with_user(messages)
    if dialect.alternate_roles:
        messages = _take_turns(messages)
    if dialect.prefix_field:
        _prefix(messages)
    return messages


def _calls_as_text(messages: Messages) -> Messages:
    """Says calls and their outputs in words, for a backend that knows no tools."""
    out: Messages = []
    for message in messages:
        if isinstance(message, chat.AssistantMessage) and message.tool_calls:
            called = [f"[Called {call.function.name}: {call.function.arguments}]" for call in message.tool_calls]
            message.tool_calls = UNSET
            message.content = "\n\n".join(filter(None, [text_of(message), *called]))
            out.append(message)
        elif isinstance(message, chat.ToolMessage):
            out.append(chat.UserMessage(f"[Output of the call]\n{read_text(message.content)}"))
        else:
            out.append(message)
    return out


def _text_apart(messages: Messages) -> Messages:
    out: Messages = []
    for message in messages:
        if isinstance(message, chat.AssistantMessage) and message.tool_calls and message.content:
            out.append(chat.AssistantMessage(message.content))
            message.content = UNSET
        out.append(message)
    return out


def _one_call_each(messages: Messages, dialect: Dialect) -> Messages:
    """Puts every call beside its own output, one after the other; what was said stays with the first."""
    out: Messages = []
    index = 0
    while index < len(messages):
        message = messages[index]
        index += 1
        out.append(message)
        if not isinstance(message, chat.AssistantMessage) or not message.tool_calls or len(message.tool_calls) == 1:
            continue
        outputs = messages[index : index + len(message.tool_calls)]
        index += len(outputs)
        first, *rest = message.tool_calls
        message.tool_calls = [first]
        out.append(outputs[0])
        for call, output in zip(rest, outputs[1:], strict=True):
            out += [chat.AssistantMessage(_no_content(dialect), tool_calls=[call]), output]
    return out


def _no_content(dialect: Dialect) -> str | UnsetType | None:
    if dialect.empty_content == "omit":
        return UNSET
    return "" if dialect.empty_content == "empty" else None


def _bridge(messages: Messages) -> Messages:
    out: Messages = []
    for message in messages:
        if out and isinstance(out[-1], chat.ToolMessage) and isinstance(message, chat.UserMessage):
            out.append(chat.AssistantMessage(BRIDGE))
        out.append(message)
    return out


def _open_with_user(messages: Messages) -> Messages:
    said = next((at for at, message in enumerate(messages) if not _instructs(message)), len(messages))
    if said < len(messages) and isinstance(messages[said], chat.UserMessage):
        return messages
    return [*messages[:said], chat.UserMessage(OPENING), *messages[said:]]


def _instructs(message: chat.Message) -> bool:
    return isinstance(message, chat.SystemMessage | chat.DeveloperMessage)


def _take_turns(messages: Messages) -> Messages:
    out: Messages = []
    for message in messages:
        before = out[-1] if out else None
        if isinstance(message, chat.UserMessage) and isinstance(before, chat.UserMessage):
            before.content = _joined(before.content, message.content)
        elif isinstance(message, chat.AssistantMessage) and _speaks_only(before) and _speaks_only(message):
            assert isinstance(before, chat.AssistantMessage)
            before.content = "\n\n".join(filter(None, [text_of(before), text_of(message)]))
        else:
            out.append(message)
    return out


def _speaks_only(message: chat.Message | None) -> bool:
    return isinstance(message, chat.AssistantMessage) and not message.tool_calls


def text_of(message: chat.AssistantMessage) -> str:
    """Returns what a message says, where that is one text, else an empty one."""
    return read_text(message.content) if isinstance(message.content, chat.Text) else ""


def _joined(first: chat.Content, second: chat.Content) -> chat.Content:
    if isinstance(first, chat.Text) and isinstance(second, chat.Text):
        return f"{read_text(first)}\n\n{read_text(second)}"
    return [*_parts(first), *_parts(second)]


def _parts(content: chat.Content) -> list[chat.Part]:
    return [chat.TextPart(read_text(content))] if isinstance(content, chat.Text) else content


def _prefix(messages: Messages) -> None:
    last = messages[-1] if messages else None
    if isinstance(last, chat.AssistantMessage):
        last.prefix = True
