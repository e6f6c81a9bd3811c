"""Responses requests into Chat requests: `to_chat(parsed, dialect, settings)`.

For any bytes the result is a `Translation` or an `InvalidRequest` that names the field, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from translators import kinds
from translators.asking.params import refuse_unsupported, set_params
from translators.asking.parse import ParsedRequest
from translators.asking.read_items import decode_item
from translators.asking.structured import AnswerForm
from translators.asking.tail import Tail, put_behind
from translators.asking.tool_choice import apply_tool_choice, forces_a_call
from translators.decode import decode_as, is_list, is_null, is_string
from translators.dialects import Dialect
from translators.dialects.tools import fit_tools
from translators.errors import InvalidRequest
from translators.items.compaction_trigger import is_compaction
from translators.items.item import Item, LocatedItem
from translators.limits import MAX_REQUEST_ITEMS, too_many_request_items
from translators.messages.builder import MessageBuilder
from translators.messages.pieces import Instruction, UserSpeech
from translators.report import Adaptation, OnUnsupported, Report
from translators.schema import chat
from translators.schema.responses import NULL, ResponsesRequest, Thoughts
from translators.sealing import PLAIN, Sealer
from translators.steps import MANY, in_steps, step
from translators.tools import Offering, ToolMap, ToolName
from translators.tools.declare import declare_tools, has_client_search
from translators.tools.dispatch import choose_folded, fold, replay_folded


class Settings(Struct, frozen=True, kw_only=True):
    """What the configuration says of a model beyond its dialect."""

    model: str
    on_unsupported: OnUnsupported = "report"
    defaults: ResponsesRequest | None = None
    extra_body: Mapping[str, Any] = {}
    drop_params: tuple[str, ...] = ()
    grammar_retries: int = 1
    estimate_usage: bool = True
    thoughts: Thoughts = "as_asked"
    sealer: Sealer = PLAIN
    error_codes: Mapping[str, str] = {}
    summary_tokens: int | None = None
    """The most that a summary may have where the request does not say, thoughts included."""


class _Needs(Struct):
    required: Any = None


class Translation(Struct, frozen=True, kw_only=True):
    """A Chat request and what it takes to translate its answer back."""

    chat: chat.ChatRequest
    params: ResponsesRequest
    tools: ToolMap
    tools_echo: list[Any]
    adaptations: list[Adaptation]
    dialect: Dialect
    form: AnswerForm | None = None
    extra_body: Mapping[str, Any]
    sealer: Sealer = PLAIN
    compacts: bool = False
    # By the name of each function that is not offered itself, the one that stands for it.
    behind: Mapping[str, str] = {}
    estimate_usage: bool = True
    thoughts: Thoughts = "as_asked"
    error_codes: Mapping[str, str] = {}

    def needs_arguments(self, tool: ToolName) -> bool:
        """Whether the function that stands for `tool` has parameters that every call must give."""
        name = self.tools.chat_name(tool.name, tool.namespace, tool.kind)
        found = next((each.function for each in self.tools.offered if each.function.name == name), None)
        return (
            found is not None and found.parameters is not UNSET and bool(decode_as(_Needs, found.parameters).required)
        )

    def body(self) -> bytes:
        """The bytes that go upstream; `extra_body` comes last and wins."""
        encoded = _encode(self.chat)
        if not self.extra_body:
            return encoded
        return encoded[:-1] + b"," + msgspec.json.encode(self.extra_body)[1:]


def _encode(request: chat.ChatRequest) -> bytes:
    """The JSON of a request; of one with many messages, these some at a time, and not all in one step."""
    if len(request.messages) <= _TOGETHER:
        return msgspec.json.encode(request)
    # Before the messages stands the model's name alone, in which quotes are escaped.
    around = msgspec.json.encode(msgspec.structs.replace(request, messages=[]))
    before, place, behind = around.partition(_NO_MESSAGES)
    groups = (request.messages[at : at + _TOGETHER] for at in range(0, len(request.messages), _TOGETHER))
    encoded: list[bytes] = []
    for group in groups:
        encoded.append(msgspec.json.encode(group)[1:-1])
        step()
    messages = b",".join(encoded)
    return b"".join((before, place[:-1], messages, place[-1:], behind))


_TOGETHER = 64
_NO_MESSAGES = b'"messages":[]'


def to_chat(
    parsed: ParsedRequest, dialect: Dialect, settings: Settings, history: Sequence[Item] = (), tail: Tail = ()
) -> Translation:
    """The Chat request that means the same. `history` goes before `input`, and `tail`, which is what the model has
    said in this response already, behind it. Raises InvalidRequest."""
    params = _with_defaults(parsed.params, settings.defaults)
    report = Report(settings.on_unsupported)
    for name in parsed.mended:
        report.changed(name, "half of a surrogate pair in it became U+FFFD")
    for name in parsed.unknown:
        report.dropped(name, "not a parameter of the Responses API")
    items = _input_items(parsed, history, report)
    if history:
        items = [LocatedItem(earlier, "history") for earlier in history] + items
    if len(items) > MAX_REQUEST_ITEMS:
        raise too_many_request_items(len(items))
    acting = [located for located in items if located.item.acts] if items else []
    for located in acting:
        params = located.item.configure(params)
    tools = ToolMap(kinds.KINDS.forms, letter_first=dialect.tool_names == "letter_first")
    tools_echo: list[Any] = []
    if params.tools or acting:
        offering = Offering(tools, dialect, report, check_grammars=settings.grammar_retries > 0)
        tools_echo = _declare_tools(params, acting, offering)
    builder = MessageBuilder(dialect, report, sealer=settings.sealer, model=settings.model)
    request = chat.ChatRequest(model=settings.model, messages=_messages(params, items, tools, builder))
    compacts = bool(acting) and is_compaction(items)
    behind: dict[str, str] = {}
    chosen = params.tool_choice is not NULL and not is_null(params.tool_choice)
    if not compacts and (tools.offered or chosen):
        behind = _offer_tools(request, params, tools, dialect, report)
    if tail:
        request.messages = put_behind(
            request.messages, tail, tools, dialect, sealer=settings.sealer, model=settings.model
        )
        replay_folded(request.messages, behind)
    asked = params
    if compacts and params.max_output_tokens is None:
        asked = msgspec.structs.replace(params, max_output_tokens=settings.summary_tokens)
    form = set_params(request, asked, dialect, report)
    if compacts:
        request.response_format, form = UNSET, None
    extra_body = _extra_body(request, dialect, settings)
    return Translation(
        chat=request,
        params=params,
        tools=tools,
        tools_echo=tools_echo,
        adaptations=report.adaptations,
        dialect=dialect,
        form=form,
        extra_body=extra_body,
        sealer=settings.sealer,
        compacts=compacts,
        behind=behind,
        estimate_usage=settings.estimate_usage,
        thoughts=settings.thoughts,
        error_codes=settings.error_codes,
    )


def _extra_body(request: chat.ChatRequest, dialect: Dialect, settings: Settings) -> Mapping[str, Any]:
    """What goes upstream besides the request, which leaves out what is said there or is to be dropped."""
    extra_body, dropped = settings.extra_body, settings.drop_params
    if dialect.extra_body or extra_body or dropped:
        presets = {name: value for name, value in dialect.extra_body.items() if name not in dropped}
        extra_body = {**presets, **extra_body}
        for name in {*dropped, *extra_body} & _CHAT_FIELDS:
            setattr(request, name, UNSET)
    return extra_body


_CHAT_FIELDS = frozenset(chat.ChatRequest.__struct_fields__) - {"model", "messages"}


def _with_defaults(params: ResponsesRequest, defaults: ResponsesRequest | None) -> ResponsesRequest:
    if defaults is None:
        return params
    filled = {
        name: getattr(defaults, name)
        for name in ResponsesRequest.__struct_fields__
        if getattr(params, name) in (None, NULL)
    }
    return msgspec.structs.replace(params, **filled)


def _input_items(parsed: ParsedRequest, history: Sequence[Item], report: Report) -> list[LocatedItem]:
    """The items of `input`; there may be none where there is a history."""
    raw = parsed.params.input
    if is_string(raw):
        return []
    if not is_null(raw) and not is_list(raw):
        decode_as(list[Raw], raw, "input")  # it says what is wrong with it
    if not parsed.items and not history:
        refuse_unsupported(parsed.params)  # a prompt template would have brought the input
        raise _missing_input()
    located = []
    for index, item in enumerate(parsed.items):
        at = f"input[{index}]"
        if index in parsed.resent:
            report.ignored(at, "the item was sent again: what the request continues holds it already")
            continue
        read = decode_item(item, at, report) if type(item) is Raw else item
        if read is not None:
            located.append(LocatedItem(read, at))
    return located


def _declare_tools(params: ResponsesRequest, items: list[LocatedItem], into: Offering) -> list[Any]:
    """Offers the tools of `tools` and of the items that bring some; gives the form that the response echoes."""
    raws = params.tools or []
    into.searchable = has_client_search(raws, into.tools.forms, "tools") or any(
        located.item.brings_search(into, located.at) for located in items
    )
    echo = declare_tools(raws, into)
    for located in items:
        located.item.declare(into, located.at)
    into.close()
    return echo


def _messages(
    params: ResponsesRequest, items: list[LocatedItem], tools: ToolMap, builder: MessageBuilder
) -> list[chat.Message]:
    if params.instructions:
        builder.add(Instruction(params.instructions, "system"))
    for located in items if len(items) <= MANY else in_steps(items):
        located.item.replay(builder, tools, located.at)
    if is_string(params.input):
        builder.add(UserSpeech(decode_as(str, params.input, "input")))
    messages = builder.build()
    if not messages:
        raise InvalidRequest("There is nothing to answer in 'input'.", param="input", code="invalid_value")
    return messages


def _missing_input() -> InvalidRequest:
    return InvalidRequest("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")


def _offer_tools(
    request: chat.ChatRequest, params: ResponsesRequest, tools: ToolMap, dialect: Dialect, report: Report
) -> dict[str, str]:
    """Fills `request`; gives the functions that stand for others, if there are too many (see `fold`)."""
    behind: dict[str, str] = {}
    offered, choice = apply_tool_choice(params.tool_choice, tools, dialect, report)
    if offered and not dialect.tools and forces_a_call(params.tool_choice):
        raise InvalidRequest(
            "'tool_choice' requires a tool, and this model's upstream takes none.",
            param="tool_choice",
            code="unsupported_value",
        )
    if dialect.max_tools is not None and len(offered) > dialect.max_tools:
        offered, behind = fold(offered, dialect.max_tools, tools, report)
        replay_folded(request.messages, behind)
        choice = UNSET if choice is UNSET else choose_folded(choice, behind, report)
    offered = fit_tools(offered, dialect, report)
    if not offered:
        return {}  # servers refuse an empty list, and what goes with it
    request.tool_choice = choice
    request.tools = offered
    parallel = True if params.parallel_tool_calls is None else params.parallel_tool_calls
    if dialect.parallel_tool_calls == "always" or (dialect.parallel_tool_calls == "false_only" and not parallel):
        request.parallel_tool_calls = parallel
    elif not parallel:
        report.ignored("parallel_tool_calls", "the upstream cannot be told")
    return behind
