"""`closed(text)`: the beginning of a JSON object, ended where it breaks off; by that it tells what was cut.

A call that a limit of length cuts leaves such a beginning, whatever its finish reason says (vllm-project/vllm#53269);
anything else that is no JSON was written so.
"""

from __future__ import annotations

import re
import string

from msgspec import Struct

from translators.decode import is_json_object

LONGEST = 1 << 19
"""Characters that are looked at: more than the answer of any model, and a fraction of a second of the event loop."""

# What decides where a text stands when it breaks off: escapes one by one, the ends of strings, brackets.
_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
# The rest of a string in one step, however many escapes it has; possessive, so that no place to come back to is kept.
_TO_END_OF_STRING = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x20)} | {9: "\\t", 10: "\\n", 13: "\\r"}
_OF_LITERALS = "-+." + string.digits + string.ascii_letters
_WHOLE_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+")
_CUT_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{0,3}\Z")
_FIRST_HALF = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
_SPACE = " \t\n\r"
_DEEPEST = 1000  # no reader of JSON takes more
_ENDS = {"{": "}", "[": "]"}


class _Place(Struct):
    """Where a text breaks off: in which brackets, in the string that began at `inside`, behind which last string."""

    brackets: list[str]
    inside: int | None = None
    last: tuple[int, int] | None = None


def closed(text: str) -> str | None:
    """Returns `text` with its open string and brackets closed, without what cannot be ended; None for no such
    beginning, and for one of more than LONGEST characters.

    Line ends that stand bare inside strings are escaped. Takes linear time, and memory for little more than the text.
    """
    if len(text) > LONGEST or not text.lstrip(_SPACE).startswith("{"):
        return None
    if _CONTROL.search(text):
        text = _with_escapes(text)
    place = _place_at_end(text)
    if place is None:
        return None
    if place.inside is not None:
        kept = text[: place.inside].rstrip(_SPACE)
        if not _is_key(kept, place):
            kept += _without_cut_escape(text[place.inside :]) + '"'
    else:
        kept = _without_half(text.rstrip(_SPACE), place)
    found = kept.removesuffix(",") + "".join(_ENDS[bracket] for bracket in reversed(place.brackets))
    return found if is_json_object(found) else None


def _place_at_end(text: str) -> _Place | None:
    """Returns where in an object the text ends; None for no beginning of an object, and for a whole one."""
    place = _Place([])
    at = -1
    while (mark := _MARK.search(text, at + 1)) is not None:
        at = mark.start()
        char = mark[0]
        if char == '"':
            ended = _end_of_string(text, at + 1)
            if text[ended : ended + 1] != '"':
                place.inside = at
                return place if place.brackets else None
            place.last = (at, ended + 1)
            at = ended
        elif len(char) == 2:  # an escape, which outside of strings is no JSON
            at += 1
        elif char in _ENDS:
            place.brackets.append(char)
        elif not place.brackets or _ENDS[place.brackets.pop()] != char:
            return None
        if not place.brackets or len(place.brackets) > _DEEPEST:
            return None
    return place


def _end_of_string(text: str, start: int) -> int:
    """Returns where the quotation mark stands that ends a string, or where the text breaks off within it."""
    found = _TO_END_OF_STRING.match(text, start)
    return start if found is None else found.end()


def _with_escapes(text: str) -> str:
    """Returns `text` with the control characters inside its strings escaped."""
    pieces: list[str] = []
    done, inside = 0, False
    for mark in _MARK.finditer(text):
        if mark[0] == '"':
            piece = text[done : mark.end()]
            pieces.append(piece.translate(_ESCAPES) if inside else piece)
            done, inside = mark.end(), not inside
    rest = text[done:]
    return "".join([*pieces, rest.translate(_ESCAPES) if inside else rest])


def _is_key(before: str, place: _Place) -> bool:
    """Tells whether a string behind `before` is the key of a member."""
    return place.brackets[-1] == "{" and before[-1:] in ("{", ",")


def _without_cut_escape(spoken: str) -> str:
    """Returns an open string without an escape that breaks off, and without the first half of a surrogate pair before
    it.
    """
    if not _is_escaped(spoken, len(spoken)):
        for cut in (_CUT_ESCAPE, _FIRST_HALF):
            found = cut.search(spoken, max(0, len(spoken) - 6))
            if found is not None and not _is_escaped(spoken, found.start()):
                spoken = spoken[: found.start()]
        return spoken
    spoken = spoken[:-1]
    half = _FIRST_HALF.search(spoken, max(0, len(spoken) - 6))
    return spoken[: half.start()] if half is not None and not _is_escaped(spoken, half.start()) else spoken


def _is_escaped(spoken: str, at: int) -> bool:
    """Tells whether the character at `at` stands behind a backslash that is one."""
    before = at
    while before and spoken[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1


def _without_half(text: str, place: _Place) -> str:
    """Returns `text` without a literal that could go on, such as `tru`, and without a key that has no value yet."""
    before = text.rstrip(_OF_LITERALS)
    literal = text[len(before) :]
    if literal and not _WHOLE_LITERAL.fullmatch(literal):
        if not _may_go_on(literal):
            return text  # no JSON, however it went on
        text = before.rstrip(_SPACE)
    if place.last is not None and place.last[1] >= len(text.removesuffix(":").rstrip(_SPACE)):
        before = text[: place.last[0]].rstrip(_SPACE)
        if _is_key(before, place):
            return before
    return text


def _may_go_on(literal: str) -> bool:
    if any(word.startswith(literal) for word in ("true", "false", "null")):
        return True
    return _WHOLE_LITERAL.fullmatch(literal + "0") is not None
