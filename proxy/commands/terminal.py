"""What the commands print: results on standard output, everything else on standard error; colours on terminals only."""

from __future__ import annotations

import os
import sys
from typing import Literal, TextIO

Style = Literal["good", "bad", "warning", "dim", "strong"]

# ECMA-48, 8.3.117: select graphic rendition.
_CODES: dict[Style, str] = {"good": "32", "bad": "31", "warning": "33", "dim": "2", "strong": "1"}


def say(text: str, *, end: str = "\n") -> None:
    """Writes a piece of the result."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def complain(line: str) -> None:
    """Writes a line that is not part of the result."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def fail(message: str, *, status: int) -> int:
    """Writes why the command ends here, and returns its exit status."""
    complain(message)
    return status


def styled(text: str, style: Style, stream: TextIO) -> str:
    """Returns the text in colour where `stream` is a terminal that wants it (https://no-color.org)."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if has_colours(stream) else text


def has_colours(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
