"""`refusal(body, facts)`: why a backend refuses a request, or None. One small rule each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from tests.simulator.facts import Facts, Json

Rule = Callable[[Json, Facts], str | None]
_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
_NAME = re.compile(r"[a-zA-Z_][\w.:-]{0,63}")


def refusal(body: Json, facts: Facts) -> str | None:
    return next((why for rule in _RULES if (why := rule(body, facts))), None)


def thinking(body: Json, facts: Facts) -> bool:
    """Whether the model thinks about this request, by any control that some backend has."""
    if facts.thinks in ("never", "always"):
        return facts.thinks == "always"
    kwargs = body.get("chat_template_kwargs", {})
    reasoning = body.get("reasoning", {})
    said = [
        *([body["reasoning_effort"] != "none"] if "reasoning_effort" in body else []),
        *([body["thinking"]["type"] != "disabled"] if "thinking" in body else []),
        *([body["enable_thinking"]] if "enable_thinking" in body else []),
        *(bool(kwargs[name]) for name in ("enable_thinking", "thinking") if name in kwargs),
        *([reasoning["enabled"]] if "enabled" in reasoning else []),
        *([reasoning["effort"] != "none"] if "effort" in reasoning else []),
    ]
    return all(said) if said else facts.thinks == "unless_told"


def text_of(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content or ""


def _fields(body: Json, facts: Facts) -> str | None:
    for name in body:
        if name in facts.refuses or (facts.knows is not None and name not in facts.knows):
            return f"Unsupported parameter: '{name}' is not supported with this model."
    return None


def _lengths(body: Json, facts: Facts) -> str | None:
    asked = {"max_tokens", "max_completion_tokens"} & body.keys()
    if len(asked) > 1:
        return "max_tokens and max_completion_tokens together are not supported"
    if asked - facts.length:
        return f"the length in {asked.pop()} has no effect"  # ignored for real: what was asked is lost
    return None


def _stream_options(body: Json, facts: Facts) -> str | None:
    return "stream_options without stream" if "stream_options" in body and not body.get("stream") else None


def _temperature(body: Json, facts: Facts) -> str | None:
    temperature = body.get("temperature")
    if temperature is None:
        return None
    if facts.only_temperature is not None and temperature != facts.only_temperature and thinking(body, facts):
        return f"invalid temperature: only {facts.only_temperature} is allowed for this model"
    return f"temperature may be {facts.max_temperature} at most" if temperature > facts.max_temperature else None


def _effort(body: Json, facts: Facts) -> str | None:
    effort = body.get("reasoning_effort")
    if effort is not None and facts.efforts is not None and effort not in facts.efforts:
        return f"reasoning_effort '{effort}' is not one of {', '.join(sorted(facts.efforts))}"
    return None


def _roles(body: Json, facts: Facts) -> str | None:
    roles = [message["role"] for message in body["messages"]]
    if "developer" in roles and not facts.developer:
        return "messages[0].role: 'developer' is not one of ['system', 'assistant', 'user', 'tool']"
    if not facts.late_system and {"system", "developer"} & set(roles[1:]):
        return "System message must be at the beginning."
    if facts.needs_user and "user" not in roles:
        return "messages must hold a user message"
    if roles[-1] == "assistant" and not facts.last_may_be_assistant:
        return "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
    if roles[-2:] == ["assistant", "assistant"]:
        return "Cannot have 2 or more assistant messages at the end of the list."
    for pair in pairwise(roles):
        if pair == ("tool", "user") and not facts.user_behind_tool:
            return "Unexpected role 'user' after role 'tool'"
        if facts.alternates and pair in (("user", "user"), ("assistant", "assistant")):
            return "After the (optional) system message(s), user and assistant roles should be alternating."
    return None


def _pairs(body: Json, facts: Facts) -> str | None:
    """Every call is answered directly behind its turn, as the strictest want it."""
    open_calls: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return f"tool_call_id {message['tool_call_id']} is unexpected"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return "an assistant message with tool_calls must be followed by tool messages"
        open_calls += [call["id"] for call in message.get("tool_calls", [])]
    return "tool calls without their messages" if open_calls else None


def _messages(body: Json, facts: Facts) -> str | None:
    return next((why for message in body["messages"] if (why := _message(message, facts))), None)


def _message(message: Json, facts: Facts) -> str | None:
    if facts.message_fields is not None and (extra := message.keys() - facts.message_fields):
        return f"messages[].{min(extra)} is not permitted"
    content, calls = message.get("content", ""), message.get("tool_calls", [])
    if "content" in message and content is None and not facts.null_content:
        return "messages[].content: null is not a valid string"
    if message.get("content") == "" and message["role"] != "tool" and not facts.blank_content:
        return "text content blocks must be non-empty"
    if content and calls and not facts.text_beside_calls:
        return "content and tool_calls exclude each other"
    if len(calls) > facts.calls_a_turn:
        return "Multiple tool calls are not supported."
    if message["role"] == "tool" and not isinstance(content, str):
        return "the content of a tool message must be a string"
    return _calls(message, facts) or (_parts(content, facts) if isinstance(content, list) else None)


def _calls(message: Json, facts: Facts) -> str | None:
    ids = [call["id"] for call in message.get("tool_calls", [])]
    ids += [message["tool_call_id"]] if "tool_call_id" in message else []
    for call_id in ids:
        if not re.fullmatch(facts.call_id, call_id):
            return f"Tool call id was {call_id} but must be {facts.call_id}"
    for call in message.get("tool_calls", []):
        if not isinstance(json.loads(call["function"]["arguments"] or "null"), dict):
            return "invalid tool call arguments"
        if not _NAME.fullmatch(call["function"]["name"]):
            return "invalid function name"
    return None


def _parts(content: list[Json], facts: Facts) -> str | None:
    if not facts.parts:
        return "messages[].content must be a string"
    for part in content:
        if part["type"] == "image_url":
            url = part["image_url"] if isinstance(part["image_url"], str) else part["image_url"]["url"]
            if ("data" if url.startswith("data:") else "http") not in facts.images:
                return "this model does not take such an image_url"
        elif part["type"] == "file" and not facts.files:
            return "unsupported content[].type: file"
    return None


def _replay(body: Json, facts: Facts) -> str | None:
    for index, message in enumerate(body["messages"]):
        given = [name for name in _REASONING_FIELDS if name in message]
        if facts.replay == "refused" and given:
            return f"messages[{index}].{given[0]} is not permitted"
        if message["role"] != "assistant" or not facts.replay.startswith("wanted") or not thinking(body, facts):
            continue
        if (message.get("tool_calls") or facts.replay == "wanted_always") and message.get(facts.replay_field) is None:
            return f"thinking is enabled but {facts.replay_field} is missing in assistant message at index {index}"
    return None


def _signatures(body: Json, facts: Facts) -> str | None:
    for message in body["messages"] if facts.signature else ():
        calls = message.get("tool_calls", [])
        if calls and "thought_signature" not in calls[0].get("extra_content", {}).get("google", {}):
            return "Function call is missing a thought_signature in functionCall parts."
    return None


def _tools(body: Json, facts: Facts) -> str | None:
    tools = body.get("tools")
    if tools is None:
        return "tool_choice is only allowed when tools are specified" if "tool_choice" in body else None
    if not tools:
        return "tools: [] is too short"
    strict = {tool["function"].get("strict") is True for tool in tools}
    if facts.strict == "refused" and any("strict" in tool["function"] for tool in tools):
        return "tools[].function.strict is not supported"
    if facts.strict == "all_or_none" and len(strict) > 1:
        return "Tools with mixed values for 'strict' are not allowed."
    lost = {name for tool in tools for name in _keywords(tool["function"].get("parameters", {}))} & facts.schema_refuses
    return f"Unknown name {min(lost)} in function_declarations.parameters" if lost else None


def _keywords(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, value in schema.items():
            yield name
            inner = value.values() if name in ("properties", "$defs") and isinstance(value, dict) else [value]
            for member in inner:
                yield from _keywords(member)
    elif isinstance(schema, list):
        for member in schema:
            yield from _keywords(member)


def _choice(body: Json, facts: Facts) -> str | None:
    choice = body.get("tool_choice")
    if choice is None or facts.ignores_choice:
        return None
    form = "named" if isinstance(choice, dict) else choice
    form = "required" if form == facts.required_word else "unknown" if form == "required" else form
    left = facts.choices
    if facts.choices_thinking is not None and thinking(body, facts):
        left = facts.choices_thinking
    if form not in left:
        return f"tool_choice '{form}' is not supported" + (" in thinking mode" if form in facts.choices else "")
    return None


def _format(body: Json, facts: Facts) -> str | None:
    wanted = body.get("response_format")
    if wanted is None or facts.ignores_format:
        return None
    if wanted["type"] not in facts.formats:
        return f"This response_format type is unavailable now: {wanted['type']} is not supported"
    if "tools" in body and not facts.format_beside_tools:
        return "response_format beside tools is not supported"
    return None


_RULES: tuple[Rule, ...] = (
    _fields,
    _lengths,
    _stream_options,
    _temperature,
    _effort,
    _roles,
    _pairs,
    _messages,
    _replay,
    _signatures,
    _tools,
    _choice,
    _format,
)
