"""The raw input of a custom tool out of the JSON that a model puts around it.

`InputReader` decodes `{"input": "…"}` while it arrives, cut anywhere; what has another form is unwrapped as
a whole at the end. `readings(text)` gives the ways to read an input that models like to dress up: fences,
heredocs, `{"patch": …}`, `{"command": […]}` (farion1231/cc-switch#3669).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from translators.tools.custom import INPUT

_OPENING = ("{", f'"{INPUT}"', ":", '"')
_SPACE = re.compile(r"\s*")
_MOST_SPACE = 4096  # around the input's string: whoever writes more of it writes no JSON
_PLAIN = re.compile(r'[^"\\]+')
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"} | {char: char for char in '"\\/'}
_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_UNFINISHED_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_UNFINISHED_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?")
# The keys under which models put a whole input when they do not keep to the one they were given.
_KEYS = (INPUT, "patch", "code", "content", "text", "command", "cmd", "arguments")
_FENCED = re.compile(r"\s*```[^\n`]*\n(.*?)\n?[ \t]{0,64}```\s*", re.DOTALL)
_HEREDOC = re.compile(r"\s*(?:\w+\s+)?<<-?\s*(['\"]?)(\w+)\1\n(.*?)\n?\2\s*", re.DOTALL)


class InputReader:
    """`feed` gives what became certain, `close` the rest."""

    def __init__(self) -> None:
        self._state: Literal["opening", "inside", "behind", "other"] = "opening"
        self._rest = ""
        self._other: list[str] = []  # what has another form, to its end

    @property
    def ended(self) -> bool:
        """Whether the end of the input was seen."""
        return self._state == "behind"

    @property
    def is_inside(self) -> bool:
        """Whether the input goes on."""
        return self._state == "inside"

    def feed(self, delta: str) -> str:
        if self._state == "behind":
            return ""
        if self._state == "other":
            self._other.append(delta)
            return ""
        self._rest += delta
        if self._state == "opening":
            self._open()
            if self._state == "opening" and len(self._rest) > _MOST_SPACE:
                self._state = "other"
        return self._decode(at_end=False) if self._state == "inside" else ""

    def close(self) -> str:
        """Returns what is left of an input that ended, or all of one that never had the expected form."""
        if self._state == "inside":
            return self._decode(at_end=True)
        return "" if self._state == "behind" else unwrapped("".join([self._rest, *self._other]))

    def _open(self) -> None:
        rest = self._rest
        for token in _OPENING:
            rest = rest.lstrip()
            if not rest.startswith(token):
                if not token.startswith(rest):  # else it is cut here
                    self._state = "other"
                return
            rest = rest[len(token) :]
        self._state, self._rest = "inside", rest

    def _decode(self, *, at_end: bool) -> str:
        text, out, at = self._rest, [], 0
        while at < len(text):
            if plain := _PLAIN.match(text, at):
                out.append(plain[0])
                at = plain.end()
            elif text[at] == '"':
                space = _SPACE.match(text, at + 1)
                behind = text[space.end() : space.end() + 1] if space else ""
                if not behind and not at_end and len(text) - at < _MOST_SPACE:
                    break
                if not behind or behind in "},":
                    self._state, at = "behind", len(text)
                else:  # a quote that should have been escaped: nothing else may follow the end of a string
                    out.append('"')
                    at += 1
            elif not at_end and (_UNFINISHED_ESCAPE.fullmatch(text, at) or _UNFINISHED_PAIR.fullmatch(text, at)):
                break
            else:
                piece, at = _escape(text, at)
                out.append(piece)
        self._rest = text[at:]
        return "".join(out)


def _escape(text: str, at: int) -> tuple[str, int]:
    """Returns the character that the escape at `at` stands for, and where it ends; a wrong escape stands for itself."""
    unit = _UNICODE_ESCAPE.match(text, at)
    if unit is None:
        char = text[at + 1 : at + 2]
        return _SIMPLE_ESCAPES.get(char, f"\\{char}" if char else ""), at + 2
    code = int(unit[1], 16)
    if 0xD800 <= code < 0xDC00 and (second := _UNICODE_ESCAPE.match(text, unit.end())):
        low = int(second[1], 16)
        if 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), second.end()
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code), unit.end()


def unwrapped(arguments: str) -> str:
    """Returns the input in arguments of any form: `{"patch": …}`, `{"command": […]}`, a JSON string, or bare text."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return arguments
    found = _text_in(value)
    return arguments if found is None else found


def _text_in(value: Any) -> str | None:
    if type(value) is str:
        return value
    if type(value) is list:  # ["apply_patch", "…"], ["bash", "-lc", "…"]
        return _text_in(value[-1]) if value else ""
    if type(value) is dict:
        if not value:
            return ""
        for key in _KEYS:
            if key in value:
                return _text_in(value[key])
        if len(value) == 1:
            return _text_in(next(iter(value.values())))
    return None


def readings(text: str) -> Iterator[str]:
    """Yields `text`, then `text` out of a Markdown fence, then out of a heredoc, as far as there is one."""
    yield text
    if fenced := _FENCED.fullmatch(text):
        yield fenced[1]
    if heredoc := _HEREDOC.fullmatch(text):
        yield heredoc[3]
