"""`TextCalls`: calls of offered tools that a model wrote as text, made calls again.

Reported as TokenRhythm/opensquilla#985 and vllm-project/vllm#36435.
Only the forms that the dialect names, only tools that were offered, never in reasoning. What looks like a call and is
none stays text, to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from translators.answering.fragments import Fragment, Text, ToolArguments, ToolCall
from translators.answering.reading.filter import BESIDE_TEXT, MOST_SPACE, Filter, Lookout, could_begin
from translators.decode import is_json_object

FIRST_KEY = 1_000_000  # apart from the keys of the calls that came as such
_FIRST_BARE_KEY = 2 * FIRST_KEY  # one answer may hold calls of both filters
_MAX_HELD = 1 << 20


class Call(Struct, frozen=True):
    name: str
    arguments: str


class Form(Struct, frozen=True):
    """How one family of models writes its calls: where a block begins and ends, and what it says."""

    opener: str
    closer: str
    read: Callable[[str], list[Call]]


class TextCalls(Filter):
    ignores = BESIDE_TEXT

    def __init__(self, forms: Iterable[str], offered: frozenset[str]) -> None:
        self._forms = [form for name in sorted(forms) for form in FORMS.get(name, ())]
        self._openers = tuple(form.opener for form in self._forms)
        self._offered = offered
        self._text = ""
        self._lookout: Lookout | None = None  # for the end of a block that has begun
        self._made = 0

    def feed(self, fragment: Fragment) -> list[Fragment]:
        if not isinstance(fragment, Text):
            return [*self.flush(), fragment]
        if self._lookout is not None:
            if not self._lookout.add(fragment.text) and self._lookout.size < _MAX_HELD:
                return []
            self._text = self._whole_text()
        else:
            self._text += fragment.text
        return list(self._read())

    def _whole_text(self) -> str:
        lookout, self._lookout = self._lookout, None
        return self._text if lookout is None else lookout.take()

    def flush(self) -> list[Fragment]:
        text, self._text = self._whole_text(), ""
        if not text:
            return []
        begun = self._opens(text)
        if begun is not None:  # the closing tag may be missing at the very end
            at, form = begun
            made = self._make(form, text[at + len(form.opener) :])
            if made:
                said = text[:at].rstrip()
                return [Text(said), *made] if said else made
        if self._made and not text.strip():
            return []
        return [Text(text)]

    def _read(self) -> Iterator[Fragment]:
        while self._text:
            begun = self._opens(self._text)
            if begun is None:
                # White space waits, too: before and behind a call it says nothing.
                before = self._text[: len(self._text) - could_begin(self._text, self._openers)]
                endless = len(before) > MOST_SPACE and before[-MOST_SPACE:].isspace()
                sure = len(before if endless else before.rstrip())
                if sure:
                    yield Text(self._text[:sure])
                self._text = self._text[sure:]
                return
            at, form = begun
            start = at + len(form.opener)
            end = self._text.find(form.closer, start)
            if end < 0 and len(self._text) < _MAX_HELD:
                sure = len(self._text[:at].rstrip())
                if sure:
                    yield Text(self._text[:sure])
                self._lookout = Lookout((form.closer,))
                self._lookout.add(self._text[sure:])
                self._text = ""
                return
            cut = len(self._text) if end < 0 else end + len(form.closer)
            made = self._make(form, self._text[start:end]) if end >= 0 else []
            said = self._text[:at].rstrip() if made else self._text[:cut]
            if said:
                yield Text(said)
            yield from made
            self._text = self._text[cut:]

    def _opens(self, text: str) -> tuple[int, Form] | None:
        found = [(at, order) for order, form in enumerate(self._forms) if (at := text.find(form.opener)) >= 0]
        if not found:
            return None
        at, order = min(found)
        return at, self._forms[order]

    def _make(self, form: Form, body: str) -> list[Fragment]:
        calls = form.read(body)
        if not calls or any(call.name not in self._offered for call in calls):
            return []
        first_key = FIRST_KEY + self._made
        self._made += len(calls)
        return _fragments(calls, first_key)


class BareCall(Filter):
    """A call that had to be made, answered as bare JSON: the call itself or its arguments.

    SGLang answers a named choice so (sgl-project/sglang#38690).
    """

    ignores = BESIDE_TEXT

    def __init__(self, offered: frozenset[str]) -> None:
        self._offered = offered
        self._pieces: list[str] = []
        self._begun = False

    def feed(self, fragment: Fragment) -> list[Fragment]:
        if not isinstance(fragment, Text):
            return [*self.flush(), fragment]
        self._pieces.append(fragment.text)
        start = fragment.text.lstrip()
        if self._begun or not start:
            return []
        if start.startswith("{"):
            self._begun = True
            return []
        self.done = True
        return [Text("".join(self._pieces))]

    def flush(self) -> list[Fragment]:
        self.done = True
        text, self._pieces = "".join(self._pieces), []
        if not text:
            return []
        called = [call for call in _json_calls(text) if call.name in self._offered]
        if not called and len(self._offered) == 1 and is_json_object(text):
            called = [Call(next(iter(self._offered)), text.strip())]
        return _fragments(called, _FIRST_BARE_KEY) or [Text(text)]


def _fragments(calls: list[Call], first_key: int) -> list[Fragment]:
    out: list[Fragment] = []
    for key, call in enumerate(calls, first_key):
        out += [ToolCall(key, None, call.name), ToolArguments(key, call.arguments)]
    return out


# --- the forms -----------------------------------------------------------------------------------


class _Named(Struct):
    name: str
    arguments: Any = None
    parameters: Any = None


def _json_calls(body: str) -> list[Call]:
    """Hermes and Qwen: `{"name": …, "arguments": {…}}`."""
    text = body.strip().removeprefix("```json").strip("`").strip()
    try:
        said = msgspec.json.decode(text, type=_Named)
    except (msgspec.DecodeError, RecursionError):
        return _xml_functions(body)
    arguments = said.arguments if said.arguments is not None else said.parameters
    if type(arguments) is str:
        return [Call(said.name, arguments)]
    return [Call(said.name, msgspec.json.encode({} if arguments is None else arguments).decode())]


# A search for what is nowhere goes to the end of the text, and would from every opening: so the text is cut behind the
# last closing first, and what is between two marks has its longest.
_FUNCTION = re.compile(r"<function=([^>\s]{1,256})>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]{1,256})>\n?(.*?)\n?</parameter>", re.DOTALL)
_PARAMETER_END = re.compile(r"</parameter>")


def _find_all(pattern: re.Pattern[str], closing: re.Pattern[str], text: str) -> list[tuple[str, str]]:
    last = 0
    for found in closing.finditer(text):
        last = found.end()
    return pattern.findall(text, 0, last)


def _xml_functions(body: str) -> list[Call]:
    """Qwen3-Coder: `<function=name><parameter=key>value</parameter></function>`."""
    return [
        Call(name, _arguments(_find_all(_PARAMETER, _PARAMETER_END, inner))) for name, inner in _FUNCTION.findall(body)
    ]


_INVOKE = re.compile(r"invoke name=\"([^\"]{1,256})\"[^>]{0,256}>(.*?)(?:</[^<>]{0,64}invoke>|\Z)", re.DOTALL)
_NAMED_PARAMETER = re.compile(
    r"<[^<>]{0,64}parameter name=\"([^\"]{1,256})\"[^>]{0,256}>(.*?)</[^<>]{0,64}parameter>", re.DOTALL
)
_NAMED_PARAMETER_END = re.compile(r"</[^<>]{0,64}parameter>")


def _invocations(body: str) -> list[Call]:
    """`<invoke name="…"><parameter name="…">value</parameter></invoke>`, DeepSeek's DSML marks or not."""
    return [
        Call(name, _arguments(_find_all(_NAMED_PARAMETER, _NAMED_PARAMETER_END, inner)))
        for name, inner in _INVOKE.findall(body)
    ]


def _one_invocation(body: str) -> list[Call]:
    return _invocations(f'invoke name="{body}')


_KIMI = re.compile(
    r"<\|tool_call_begin\|>\s*(?:functions\.)?([\w.-]+?)(?::\d+)?\s*<\|tool_call_argument_begin\|>(.*?)<\|tool_call_end\|>",
    re.DOTALL,
)


_KIMI_END = re.compile(r"<\|tool_call_end\|>")


def _kimi_calls(body: str) -> list[Call]:
    return [Call(name, arguments.strip()) for name, arguments in _find_all(_KIMI, _KIMI_END, body)]


def _arguments(pairs: list[tuple[str, str]]) -> str:
    return msgspec.json.encode({name: _value(text) for name, text in pairs}).decode()


def _value(text: str) -> Any:
    """A parameter's value is JSON where it reads as JSON, else text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


FORMS: dict[str, tuple[Form, ...]] = {
    "tool_call_tags": (Form("<tool_call>", "</tool_call>", _json_calls),),
    "invoke_tags": (
        Form("<function_calls>", "</function_calls>", _invocations),
        Form('<invoke name="', "</invoke>", _one_invocation),
    ),
    "dsml": (Form("<\uff5cDSML\uff5cfunction_calls>", "</\uff5cDSML\uff5cfunction_calls>", _invocations),),
    "kimi_tokens": (Form("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", _kimi_calls),),
}
