"""Reads a Dockerfile and its .dockerignore, as far as needed here: no heredoc, no ONBUILD, no COPY pattern."""

import fnmatch
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Instruction:
    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments, from either form: `["a", "b"]` or `a b`."""
        if self.text.startswith("["):
            words: list[str] = json.loads(self.text)
            return words
        return shlex.split(self.text)


@dataclass(frozen=True)
class Stage:
    base: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)

    def named(self, name: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.name == name]


def parse_dockerfile(text: str) -> list[Stage]:
    stages: list[Stage] = []
    defaults: dict[str, str] = {}
    for instruction in _parse_instructions(text):
        if instruction.name == "FROM":
            base, *name = expand(instruction.text, defaults).split()
            stages.append(Stage(base, name[1] if name else None))
        elif stages:
            stages[-1].instructions.append(instruction)
        else:
            defaults.update(parse_assignments(instruction))
    return stages


def parse_assignments(instruction: Instruction) -> dict[str, str]:
    """The names and values of an ARG or ENV; an ARG without a default has none."""
    pairs = (word.partition("=") for word in instruction.words)
    return {name: value for name, equals, value in pairs if equals}


def expand(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables[found[1] or found[2]], text)


def is_ignored(path: PurePosixPath, dockerignore: str) -> bool:
    """The last pattern that matches the path, or a folder it lies in, decides."""
    ignored = False
    candidates = [str(path), *map(str, path.parents)][: len(path.parts)]
    for line in dockerignore.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keep = pattern.startswith("!")
        if any(_matches(candidate, pattern.removeprefix("!")) for candidate in candidates):
            ignored = not keep
    return ignored


def _matches(path: str, pattern: str) -> bool:
    anywhere = pattern.removeprefix("**/")
    if anywhere != pattern:
        return fnmatch.fnmatchcase(PurePosixPath(path).name, anywhere)
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def _parse_instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    instructions = []
    for logical in "\n".join(lines).replace("\\\n", "").splitlines():
        name, _, rest = logical.strip().partition(" ")
        flags = {}
        while found := re.match(r"\s*--([\w-]+)=(\S+)\s*", rest):
            flags[found[1]] = found[2]
            rest = rest[found.end() :]
        instructions.append(Instruction(name.upper(), flags, rest.strip()))
    return instructions
