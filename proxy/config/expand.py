"""`${NAME}` and `${NAME:-default}` in a string give the variable's value, `$$` a dollar; any other `$` is itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

_DOLLAR = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:(?!\$\{)[^}])*))?\}|(?P<unfinished>\{))"
)


def expand(text: str, environ: Mapping[str, str]) -> tuple[str, bool]:
    """The text with its variables filled in, and whether it named any. Raises ValueError naming those not set."""
    matches = list(_DOLLAR.finditer(text))
    if any(match["unfinished"] for match in matches):
        raise ValueError("`${` must begin `${NAME}` or `${NAME:-default}`, one not inside the other; `$$` gives a `$`")
    names = [match["name"] for match in matches if match["name"]]
    missing = [match["name"] for match in matches if match["name"] and _value(match, environ) is None]
    if missing:
        raise ValueError(f"environment variable {', '.join(dict.fromkeys(missing))} is not set")
    return _DOLLAR.sub(lambda match: "$" if match["escaped"] else _value(match, environ) or "", text), bool(names)


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str | None:
    """Returns the variable's value; as in a shell, the default stands in for one that is not set or empty."""
    value = environ.get(match["name"])
    return match["default"] if match["default"] is not None and not value else value
