"""One row a kind (`translators/kinds.py`): the rows are whole, and a row is all that a new kind needs."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import pytest
from msgspec import Raw, Struct
from openai.types import responses as sdk
from pydantic import BaseModel

from proxy.ids import ResponseIds, random_id, response_of
from tests.support.drive import call as chunk_with_call
from tests.support.drive import chat, reported, translate
from translators import ids, kinds
from translators.answering.stream import ResponseStream
from translators.errors import InvalidRequest
from translators.history.raw_items import with_id
from translators.items.call_writer import HeldCallWriter
from translators.items.item import Item
from translators.kinds import ITEMS, KINDS, TOOLS, CallKind, ItemKind, Kinds, ToolKind
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Call, Output
from translators.schema import chat as chat_schema
from translators.schema.events import Event, one_by_one
from translators.tools import Offering, ToolMap, ToolName
from translators.tools.tool import Tool
from translators.wire.chunks import parse_chunk

ROOT = Path(__file__).resolve().parents[1]
Json = dict[str, Any]


def _types(union: Any) -> Iterator[str]:
    """The words that `type` may have in any model of a union of the SDK's."""
    if isinstance(union, type) and issubclass(union, BaseModel):
        field = union.model_fields.get("type")
        yield from () if field is None else _literals(field.annotation)
    for part in get_args(union)[: 1 if get_origin(union) is Annotated else None]:
        yield from _types(part)


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for part in get_args(annotation) for word in _literals(part)]


def test_every_kind_of_the_sdk_has_a_row() -> None:
    assert {"function", "mcp", "web_search_preview_2025_03_11"} <= set(_types(sdk.Tool)) <= KINDS.forms.keys()
    assert {"message", "mcp_call"} <= set(_types(sdk.ResponseInputItem)) <= KINDS.items.keys()
    assert {"message", "mcp_call"} <= set(_types(sdk.ResponseOutputItem)) <= KINDS.items.keys()


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _below(inner)


def test_every_event_is_one_of_the_sdk() -> None:
    ours = {kind.__struct_config__.tag for kind in _below(Event)}
    assert "response.shell_call_command.delta" in ours
    assert ours <= set(_types(sdk.ResponseStreamEvent))


def test_no_two_rows_are_of_the_same_kind() -> None:
    items = [*ITEMS, *(item for kind in TOOLS for item in kind.items)]
    for names in (
        [kind.name for kind in TOOLS],
        [item.name for item in items],
        [type_ for kind in TOOLS for type_ in kind.forms],
        [item.prefix for item in items if item.name != "compaction_summary" and item.prefix != ids.UNKNOWN_ITEM],
    ):
        assert max(Counter(names).values()) == 1
    assert not {item.prefix for item in items} & {ids.RESPONSE, ids.CONVERSATION, ids.CALL, ids.REQUEST}


def test_what_can_be_offered_can_be_called() -> None:
    """A call comes back as an item that says its type, is read as the item it is, and has an id of its row's."""
    for kind in TOOLS:
        if kind.chosen_by == "members" or not any(kind.forms.values()):
            continue
        assert isinstance(kind.call, CallKind)
        assert kind.output is not None
        for form in filter(None, kind.forms.values()):
            assert form.only is None if kind.chosen_by == "name" else form.only is not None
            assert form.only is None or KINDS.call_of(form.only) is kind.call


def test_what_ids_begin_with_stands_nowhere_else() -> None:
    """No literal in the code is one, alone or in front of an underscore; words that are something else are named."""
    others = {"item", "call", "message", "mcp", "program", "proc", "lock"}  # plain words, used as such
    prefixes = {item.prefix for item in KINDS.items.values()} | {ids.RESPONSE, ids.CONVERSATION, ids.REQUEST}
    begins = re.compile(rf"({'|'.join(sorted(prefixes - others))})_?")
    found = []
    for path in [*ROOT.glob("proxy/**/*.py"), *ROOT.glob("translators/**/*.py")]:
        if path.relative_to(ROOT).as_posix() not in ("translators/ids.py", "translators/kinds.py"):
            texts = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
            found += [(path.name, text) for text in texts if isinstance(text, str) and begins.fullmatch(text)]
    assert found == [("log.py", "msg")], "a field of logging's own"


# --- a made-up kind, by its row alone ------------------------------------------------------------

LAMP = ToolName("lamp", None, "lamp")


class LampTool(Tool):
    only = LAMP

    colours: list[str] | None = None

    def declare(self, into: Offering, at: str) -> None:
        into.offer(chat_schema.Function(LAMP.name, f"Lights up: {self.colours}"), LAMP, at)


class LampCall(Item):
    call_id: str
    colour: str

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        name = tools.chat_name("lamp", kind="lamp")
        into.add_call(Call(self.call_id, name, json.dumps({"colour": self.colour}), at, item_id=self.id))


class LampCallOutput(Item):
    call_id: str
    bright: bool

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        into.add_output(Output(self.call_id, at, f"bright: {self.bright}", item_id=self.id))


class OutputLampCall(Struct, tag_field="type", tag="lamp_call", frozen=True):
    id: str
    call_id: str
    colour: str
    status: str


class LampCallWriter(HeldCallWriter):
    def snapshot(self, status: str) -> OutputLampCall:
        return OutputLampCall(self.id, self.call_id, (self.arguments_as(dict[str, str]) or {})["colour"], status)


LAMP_ROW = ToolKind(
    name="lamp",
    forms={"lamp": LampTool, "lamp_preview": LampTool},
    call=CallKind("lamp_call", LampCall, "lmp", writer=LampCallWriter),
    output=ItemKind("lamp_call_output", LampCallOutput, "lmpo"),
)
ON_A_LAMP: Json = {
    "tools": [{"type": "lamp", "colours": ["red"]}, {"type": "function", "name": "weather"}],
    "tool_choice": {"type": "lamp_preview"},
    "input": [
        {"role": "user", "content": "light"},
        {"type": "lamp_call", "id": "lmp_1", "call_id": "c", "colour": "red", "status": "completed"},
        {"type": "lamp_call_output", "call_id": "c", "bright": True},
        {"role": "user", "content": "again"},
    ],
}


@pytest.fixture
def lamp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "KINDS", Kinds((*TOOLS, LAMP_ROW), ITEMS))


@pytest.mark.usefixtures("lamp")
def test_a_row_makes_a_tool_declared_chosen_and_replayed() -> None:
    body = chat(ON_A_LAMP)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["lamp", "weather"]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "lamp"}}
    [call] = body["messages"][1]["tool_calls"]
    assert call["function"] == {"name": "lamp", "arguments": '{"colour": "red"}'}
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "c", "content": "bright: True"}
    assert reported(ON_A_LAMP) == []
    only = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "lamp"}]}
    assert translate(ON_A_LAMP | {"tool_choice": only}).tools.allowed_names == ["lamp"]


@pytest.mark.usefixtures("lamp")
def test_a_row_makes_calls_come_back_as_its_item() -> None:
    stream = ResponseStream(translate(ON_A_LAMP), new_id=ResponseIds(random_id), created_at=1)
    events = [*stream.start()]
    chunk = chunk_with_call('{"colour":"blue"}', "lamp", finish="tool_calls")
    events += stream.feed(parse_chunk(json.dumps(chunk).encode()))
    events += stream.finish(said_done=True, completed_at=2)
    response = json.loads(msgspec.json.encode([*one_by_one(events)][-1]))["response"]
    [item] = response["output"]
    item_id = item.pop("id")
    assert item_id.startswith("lmp_")
    assert response_of(item_id) == response["id"]
    assert item == {"type": "lamp_call", "call_id": "call_0", "colour": "blue", "status": "completed"}


@pytest.mark.usefixtures("lamp")
def test_a_row_gives_stored_items_their_ids() -> None:
    kept = with_id(Raw(b'{"type":"lamp_call_output","call_id":"c","bright":true}'), random_id)
    assert kept.id.startswith("lmpo_")


@pytest.mark.usefixtures("lamp")
def test_a_tool_that_only_a_server_runs_is_reported_by_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    radio = ToolKind(name="radio", forms={"radio": None})
    monkeypatch.setattr(kinds, "KINDS", Kinds((*TOOLS, radio), ITEMS))
    assert reported({"tools": [{"type": "radio"}]}) == [
        "dropped tools[0]: the server runs tools of type 'radio' itself, and none is configured here"
    ]
    with pytest.raises(InvalidRequest, match="cannot be chosen here: the server runs"):
        chat({"tools": [{"type": "radio"}], "tool_choice": {"type": "radio"}})


def test_without_its_row_nobody_knows_it() -> None:
    assert sorted(reported(ON_A_LAMP | {"tool_choice": "auto"})) == [
        "dropped input[1]: items of type 'lamp_call' are not known",
        "dropped input[2]: items of type 'lamp_call_output' are not known",
        "dropped tools[0]: tools of type 'lamp' are not known",
    ]


def test_a_namespace_is_only_allowed_with_all_of_its_own() -> None:
    with pytest.raises(InvalidRequest, match="it stands for several tools") as told:
        chat({"tool_choice": {"type": "namespace", "name": "files"}})
    assert told.value.param == "tool_choice.type"
