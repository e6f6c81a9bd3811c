"""`check_dialect_request`: a request body as a strict server of one dialect reads it.

The facts of the dialect are held against the body; what remains is brought into OpenAI's own form and held against
`check_chat_request`.
"""

from __future__ import annotations

import copy
import re
from itertools import pairwise
from typing import Any

from tests.support.strict_chat import Json, check_chat_request
from translators.dialects import Dialect

_MESSAGE_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")


def check_dialect_request(body: Json, dialect: Dialect) -> None:
    """Assert that a server which knows nothing but the dialect's facts takes `body`."""
    unknown = body.keys() - dialect.request_fields
    assert not unknown, f"{dialect.name} knows no {sorted(unknown)}"
    _check_order(body["messages"], dialect)
    _check_messages(body["messages"], dialect)
    _check_tools(body, dialect)
    check_chat_request(_plain(body, dialect), extra=(*_MESSAGE_FIELDS, *_own_fields(dialect)))


def _own_fields(dialect: Dialect) -> set[str]:
    own = {"thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs", "reasoning"}
    return own | dialect.extra_body.keys()


def _check_order(messages: list[Json], dialect: Dialect) -> None:
    roles = [message["role"] for message in messages]
    if not dialect.developer_role:
        assert "developer" not in roles
    if dialect.system_placement == "leading":
        assert not {"system", "developer"} & set(roles[1:]), "a system message that is not the first"
    if not dialect.tools:
        assert "tool" not in roles
    if dialect.needs_user_message:
        assert "user" in roles
    if dialect.prefix_field and roles[-1] == "assistant":
        assert messages[-1]["prefix"] is True
    for before, after in pairwise(messages):
        pair = (before["role"], after["role"])
        assert not (dialect.bridge_after_tool and pair == ("tool", "user")), "a user behind a tool"
        assert not (dialect.alternate_roles and pair == ("user", "user")), "two users in a row"


def _check_messages(messages: list[Json], dialect: Dialect) -> None:
    for message in messages:
        calls = message.get("tool_calls", [])
        reasoning = {name for name in _MESSAGE_FIELDS if name in message}
        if dialect.reasoning_replay == "never":
            assert not reasoning
        assert reasoning <= {dialect.reasoning_field}
        assert dialect.calls_per_message == "many" or len(calls) <= 1
        if calls and not dialect.text_beside_calls:
            assert "content" not in message
        if calls and dialect.empty_content == "omit":
            assert message.get("content", "text") not in ("", None)
        if message["role"] == "tool":
            assert ("name" in message) == dialect.tool_name_field
            assert isinstance(message["content"], str)
        for call_id in [*(call["id"] for call in calls), message.get("tool_call_id")]:
            assert call_id is None or _id_fits(call_id, dialect)
        for part in message["content"] if isinstance(message.get("content"), list) else []:
            _check_part(part, dialect)


def _id_fits(call_id: str, dialect: Dialect) -> bool:
    forms = {"keep": r".*", "max40": r".{1,40}", "alnum9": r"[a-zA-Z0-9]{9}"}
    return re.fullmatch(forms[dialect.tool_call_id], call_id, re.DOTALL) is not None


def _check_part(part: Json, dialect: Dialect) -> None:
    if part["type"] == "image_url":
        kind = "data" if part["image_url"]["url"].startswith("data:") else "http"
        assert kind in dialect.images
    assert part["type"] != "file" or dialect.files & {"data", "id", "url"} or _is_read_on_the_way(part)
    assert part["type"] != "video_url" or dialect.video == "video_url"
    assert part["type"] != "document_url" or "document_url" in dialect.files


def _is_read_on_the_way(part: Json) -> bool:
    """The shell puts the text of such a file in its place."""
    return "JVBERi0" in part["file"]["file_data"] or part["file"]["file_data"].startswith("http")


def _check_tools(body: Json, dialect: Dialect) -> None:
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        assert (choice if choice != dialect.required_word else "required") in dialect.tool_choice
    elif choice is not None:
        assert dialect.allowed_tools if choice["type"] == "allowed_tools" else "named" in dialect.tool_choice
    formatted = body.get("response_format", {}).get("type")
    assert formatted != "json_schema" or dialect.structured == "json_schema"
    if "tools" in body and formatted is not None:
        assert dialect.structured_with_tools
        assert dialect.calls_beside_format or choice == "none"
    strict = {tool["function"].get("strict") is True for tool in body.get("tools", [])}
    assert dialect.mixed_strict or len(strict) <= 1
    assert dialect.strict_tools or True not in strict


def _plain(body: Json, dialect: Dialect) -> Json:
    plain = copy.deepcopy(body)
    if plain.get("tool_choice") == dialect.required_word:
        plain["tool_choice"] = "required"
    if plain.get("response_format", {}).get("type") == "json_schema":
        plain["response_format"]["json_schema"].setdefault("name", "unnamed")
    plain.get("response_format", {}).pop("schema", None)
    if plain.get("reasoning_effort") not in (None, "none", "minimal", "low", "medium", "high", "xhigh", "max"):
        assert plain.pop("reasoning_effort") in dialect.efforts
    plain["messages"][-1].pop("prefix", None)
    for message in plain["messages"]:
        if message["role"] == "tool":
            message.pop("name", None)
        for call in message.get("tool_calls", []):
            call.pop("extra_content", None)
        if isinstance(message.get("content"), list):
            message["content"] = [_plain_part(part) for part in message["content"]]
    return plain


def _plain_part(part: Json) -> Json:
    kinds: dict[str, Any] = {
        "thinking": lambda: {"type": "text", "text": "thought"},
        "video_url": lambda: {"type": "text", "text": "video"},
        "document_url": lambda: {"type": "file", "file": {"file_data": part["document_url"]}},
        "audio_url": lambda: {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
    }
    plain: Json = kinds[part["type"]]() if part["type"] in kinds else part
    return plain
