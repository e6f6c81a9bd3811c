"""`closed(text)`: the beginning of a JSON object, ended where it breaks off; by that it tells what was cut.

A call that a limit of length cuts leaves such a beginning; anything else that is no JSON was written so.
"""

from __future__ import annotations

import re
import string

from translators.decode import is_json_object

# A string, perhaps without its end, or a bracket: what decides where a text stands when it breaks off.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?P<end>"?)|[{}\[\]]', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_OF_LITERALS = "-+." + string.digits + string.ascii_letters
_WHOLE_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+")
# At the end of a string: the first half of a surrogate pair, some of an escape, or both.
_CUT_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*+)(?:\\u[dD][89abAB][0-9a-fA-F]{2})?+(?:\\u[0-9a-fA-F]{0,3})?+\Z")
_SPACE = " \t\n\r"
_DEEPEST = 1000  # no reader of JSON takes more
_ENDS = {"{": "}", "[": "]"}


def closed(text: str) -> str | None:
    """`text` with its open string and brackets closed, without what cannot be ended; None for no such beginning.

    Line ends that stand bare inside strings are escaped. Takes linear time.
    """
    if not text.lstrip(_SPACE).startswith("{"):
        return None
    if _CONTROL.search(text):
        text = _TOKEN.sub(lambda token: _CONTROL.sub(_escaped, token[0]), text)
    brackets: list[str] = []
    last = None  # the last token, and the last string
    spoken = None
    for token in _TOKEN.finditer(text):
        last, char = token, text[token.start()]
        if char == '"':
            spoken = token
        elif char in _ENDS:
            brackets.append(char)
            if len(brackets) > _DEEPEST:
                return None
        elif not brackets or _ENDS[brackets.pop()] != char:
            return None
        if not brackets:
            return None  # a whole object, whatever follows
    assert last is not None, "it begins with a bracket"
    if last is spoken and not last["end"]:
        kept = text[: last.start()].rstrip(_SPACE)
        if not _is_key(kept, brackets):
            kept += _CUT_ESCAPE.sub(r"\1", last[0]) + '"'
    else:
        kept = _without_half(text.rstrip(_SPACE), spoken, brackets)
    found = kept.removesuffix(",") + "".join(_ENDS[bracket] for bracket in reversed(brackets))
    return found if is_json_object(found) else None


def _is_key(before: str, brackets: list[str]) -> bool:
    """Whether a string behind `before` is the key of a member."""
    return brackets[-1] == "{" and before[-1:] in ("{", ",")


def _without_half(text: str, spoken: re.Match[str] | None, brackets: list[str]) -> str:
    """`text` without a literal that could still go on, such as `tru`, and without a key that has no value yet."""
    before = text.rstrip(_OF_LITERALS)
    literal = text[len(before) :]
    if literal and not _WHOLE_LITERAL.fullmatch(literal):
        if not _may_go_on(literal):
            return text  # no JSON, however it went on
        text = before.rstrip(_SPACE)
    if spoken is not None and spoken.end() >= len(text.removesuffix(":").rstrip(_SPACE)):
        before = text[: spoken.start()].rstrip(_SPACE)
        if _is_key(before, brackets):
            return before
    return text


def _may_go_on(literal: str) -> bool:
    if any(word.startswith(literal) for word in ("true", "false", "null")):
        return True
    return _WHOLE_LITERAL.fullmatch(literal + "0") is not None


def _escaped(control: re.Match[str]) -> str:
    return f"\\u{ord(control[0]):04x}"
