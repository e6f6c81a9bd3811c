"""Responses requests into Chat requests: `parse_request(body)` and `to_chat(parsed, dialect, settings)`.

For any bytes the result is a `Translation` or an `InvalidRequest` that names the field, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec
from msgspec import UNSET, Raw, Struct

from translators import kinds
from translators.asking.params import refuse_unsupported, set_params
from translators.asking.read_items import decode_item, read_items
from translators.asking.structured import AnswerForm
from translators.asking.tail import Tail, put_behind
from translators.asking.tool_choice import apply_tool_choice, forces_a_call
from translators.decode import check_depth, check_utf8, decode_as, is_flat, is_list, is_null, is_string, on_one_line
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
from translators.surrogates import mended, mended_utf8
from translators.tools import Offering, ToolMap, ToolName
from translators.tools.declare import declare_tools, has_client_search
from translators.tools.dispatch import choose_folded, fold, replay_folded

MAX_DEPTH = 256


class ParsedRequest(Struct, frozen=True):
    """A request's parameters, the fields of its body that are no parameters, and the items of its input.

    Items are raw as long as nobody has looked at them one by one. `resent` are the places of those that the history
    holds already: the parameters' own `input` is without them. `mended` are the fields that held
    half of a surrogate pair.
    """

    params: ResponsesRequest
    unknown: dict[str, Raw]
    items: Sequence[Item | Raw]
    resent: frozenset[int] = frozenset()
    mended: tuple[str, ...] = ()

    @classmethod
    def of(cls, params: ResponsesRequest) -> Self:
        """Of parameters that have been found to be good already."""
        return cls(params, {}, _read_input(params.input))


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


def parse_request(body: bytes, *, max_depth: int = MAX_DEPTH) -> ParsedRequest:
    """Raises InvalidRequest for anything that is not a request; deeper than `max_depth` is not one.

    Raw parts go to events, to the store and upstream as they came: so a body that somebody wrote over several lines is
    put on one first.
    """
    if not body.isascii():
        try:
            check_utf8(body)  # raw parts pass through unread, so the whole is checked here
        except UnicodeDecodeError as error:
            return _parse_mended(body, max_depth, error)
    if b"\n" in body or b"\r" in body:
        body = on_one_line(body)
    try:
        params = _KNOWN_ONLY.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        whole = mended(body)
        if whole != body:
            return _told_of_mending(parse_request(whole, max_depth=max_depth), whole)
        return _parse_carefully(body, max_depth)
    if is_flat(body, max_depth):
        return ParsedRequest(params, {}, _read_input(params.input))
    input_, params.input = params.input, NULL
    check_depth(msgspec.json.encode(params), max_depth)
    return _with_input(params, {}, input_, max_depth)


def _parse_mended(body: bytes, max_depth: int, error: UnicodeDecodeError) -> ParsedRequest:
    """A body that is no UTF-8 but for halves of surrogate pairs. Raises InvalidRequest for any other."""
    try:
        whole = mended_utf8(body)
    except UnicodeDecodeError:
        raise InvalidRequest(f"The request body is not UTF-8: {error}.", code="invalid_json") from None
    return _told_of_mending(parse_request(whole, max_depth=max_depth), whole)


def _told_of_mending(parsed: ParsedRequest, whole: bytes) -> ParsedRequest:
    return msgspec.structs.replace(parsed, mended=_mended_fields(whole))


def _mended_fields(whole: bytes) -> tuple[str, ...]:
    """The fields in which U+FFFD stands for a half."""
    fields = decode_as(dict[str, Raw], whole)
    return tuple(name for name, raw in fields.items() if any(lost in bytes(raw) + name.encode() for lost in _LOST))


def mend(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """A body on one line without halves of surrogate pairs, and the names of the fields in which U+FFFD stands for one.

    For whoever has to look at a body before it is parsed as a request. Raises InvalidRequest for what is no object.
    """
    whole = mended(body)
    return on_one_line(whole), () if whole == body else _mended_fields(whole)


# U+FFFD, as it is and as an escape
_LOST = (b"\xef\xbf\xbd", rb"\ufffd")


def _parse_carefully(body: bytes, max_depth: int) -> ParsedRequest:
    """What one look could not read: it has fields that nobody knows, or something is wrong with it."""
    fields = decode_as(dict[str, Raw], body)
    # The input is by far the longest field: what else there is can be looked at twice where that is left out.
    input_ = fields.pop("input", NULL)
    rest = msgspec.json.encode(fields)
    check_depth(rest, max_depth)
    params = decode_as(ResponsesRequest, rest)
    return _with_input(params, {name: fields[name] for name in fields if name not in _KNOWN}, input_, max_depth)


def _with_input(params: ResponsesRequest, unknown: dict[str, Raw], input_: Raw, max_depth: int) -> ParsedRequest:
    params.input = input_
    items = _read_input(input_)
    _check_input_depth(input_, items, max_depth - 1)
    return ParsedRequest(params, unknown, items)


def _check_input_depth(raw: Raw, items: Sequence[Item | Raw], limit: int) -> None:
    if not is_list(raw):
        check_depth(raw, limit)
    for item in items:
        if type(item) is Raw:
            check_depth(item, limit - 1)
        elif not item.is_read and (unread := item.unread) is not None:
            check_depth(unread, limit - 2)


def _read_input(raw: Raw) -> Sequence[Item | Raw]:
    return read_items(raw) if is_list(raw) else ()


class _KnownOnly(ResponsesRequest, forbid_unknown_fields=True):
    pass


_KNOWN = frozenset(ResponsesRequest.__struct_fields__)
_KNOWN_ONLY = msgspec.json.Decoder(_KnownOnly)


def parse_defaults(defaults: Mapping[str, Any]) -> ResponsesRequest:
    """Parameters that stand in for those a request leaves open. Raises InvalidRequest."""
    parsed = parse_request(msgspec.json.encode(defaults))
    for name in (*parsed.unknown, *(_NO_DEFAULTS & defaults.keys())):
        raise InvalidRequest(f"'{name}' is no parameter that can have a default.", param=name)
    return parsed.params


_NO_DEFAULTS = frozenset({"model", "input", "stream", "previous_response_id", "conversation", "background", "prompt"})


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
