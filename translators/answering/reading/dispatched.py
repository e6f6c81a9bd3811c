"""`Dispatched`: calls of a function that stands for others, as calls of those; they are whole at the answer's end."""

from __future__ import annotations

import msgspec

from translators.answering.fragments import CallExtra, Fragment, ToolArguments, ToolCall
from translators.answering.reading.filter import BESIDE_CALLS, Filter
from translators.decode import is_string
from translators.tools.dispatch import DispatchedCall
from translators.tools.repair import repaired


class Dispatched(Filter):
    ignores = BESIDE_CALLS - {CallExtra}  # one may be for a call that is held here

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._calls: dict[int, ToolCall] = {}
        self._arguments: dict[int, list[str]] = {}

    def feed(self, fragment: Fragment) -> list[Fragment]:
        if isinstance(fragment, ToolCall) and fragment.name in self._names:
            self._calls[fragment.key] = fragment
            self._arguments[fragment.key] = []
            return []
        if isinstance(fragment, ToolArguments) and fragment.key in self._calls:
            self._arguments[fragment.key].append(fragment.delta)
            return []
        if isinstance(fragment, CallExtra) and fragment.key in self._calls:
            self._calls[fragment.key] = msgspec.structs.replace(self._calls[fragment.key], extra=fragment.extra)
            return []
        return [fragment]

    def flush(self) -> list[Fragment]:
        out: list[Fragment] = []
        for key, call in self._calls.items():
            text = "".join(self._arguments[key])
            name, arguments = _meant(text)
            out.append(msgspec.structs.replace(call, name=name or call.name))
            out.append(ToolArguments(key, arguments))
        self._calls = {}
        return out


def _meant(text: str) -> tuple[str | None, str]:
    """The tool and its arguments; of what has another form, no tool and all of it."""
    try:
        call = msgspec.json.decode(repaired(text), type=DispatchedCall)
        inner = call.arguments
        return call.tool, msgspec.json.decode(inner, type=str) if is_string(inner) else bytes(inner).decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None, text
