"""`Problem`, `ConfigError`, and the `Report` that gathers every problem of one file.

A problem names the file, the line and the dotted key. The report keeps one problem a key: what follows from a
fault already told (an upstream that could not be read, a required key that was misspelt) is not told again.
"""

from __future__ import annotations

import json
import re

import msgspec

Path = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    key: str = ""
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(Exception):
    """The configuration cannot be used; `problems` says why, `str()` gives them a line each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Report:
    """Where the readers of one file put what they find, and where each key stands in it.

    A problem keeps the configuration from being used; a warning tells of what is allowed and probably not meant.
    """

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._lines: dict[Path, int] = {}
        self._spoilt: set[Path] = set()
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []

    def place(self, path: Path, line: int) -> None:
        """Remembers on which line the key `path` stands."""
        self._lines[path] = line

    def spoil(self, path: Path) -> None:
        """Counts what is at or below `path` as told."""
        self._spoilt.add(path)

    def is_spoilt(self, path: Path) -> bool:
        return any(path[:length] in self._spoilt for length in range(len(path) + 1))

    def has_spoilt_below(self, path: Path) -> bool:
        return any(spoilt[: len(path)] == path for spoilt in self._spoilt)

    def add(self, path: Path, message: str) -> None:
        """Notes a problem with the key `path`, unless it follows from one already told."""
        if not self.is_spoilt(path):
            self.add_at(self._line_of(path), path, message)

    def add_at(self, line: int | None, path: Path, message: str) -> None:
        """Notes a problem on a line known to the caller, in any case."""
        self.spoil(path)
        self._problems.append(Problem(message=message, key=dotted(path), file=self._file, line=line))

    def add_variable(self, name: str, message: str) -> None:
        """Notes a problem with an environment variable."""
        self._problems.append(Problem(message=message, key=name))

    def warn(self, path: Path, message: str) -> None:
        """Notes something about the key `path` that is probably not meant."""
        self._warnings.append(Problem(message=message, key=dotted(path), file=self._file, line=self._line_of(path)))

    def warn_of_variable(self, name: str, message: str) -> None:
        """Notes something about an environment variable that is probably not meant."""
        self._warnings.append(Problem(message=message, key=name))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return _in_order(self._warnings)

    def raise_if_any(self) -> None:
        if self._problems:
            raise ConfigError(_in_order(self._problems))

    def _line_of(self, path: Path) -> int | None:
        """Returns the line of a key, or of the nearest key around it that the file has."""
        known = (path[:length] for length in range(len(path), -1, -1))
        return next((self._lines[prefix] for prefix in known if prefix in self._lines), None)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def dotted(path: Path) -> str:
    """Writes a path as a reader knows it: `("models", "gpt-4.1", "drop_params", 0)` →
    `models."gpt-4.1".drop_params[0]`."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            name = step if _PLAIN_KEY.fullmatch(step) else json.dumps(step, ensure_ascii=False)
            shown += f".{name}" if shown else name
    return shown
