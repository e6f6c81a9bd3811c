"""`rows()`: what becomes of every name of the API, found out by translating a request that uses it.

`direct`: it travels under its own name. `transformed`: it travels in another form. `emulated`: the bridge does it.
`reported`: it has no effect, and the client is told so. `refused`: the request is. `unsaid`: the upstream does it
anyway, or must not be told. Of what is sent back: `sent`, `never sent`.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import proxy
import translators
from tests.support.translation import translate
from tests.surface.notes import DIRECT_ITEMS, DONE_BY_THE_SHELL, NOTES
from tests.surface.samples import sample
from translators.asking.translate import Translation
from translators.dialects import PRESETS
from translators.errors import InvalidRequest
from translators.schema import events

Json = dict[str, Any]
NAMES: dict[str, list[str]] = json.loads((Path(__file__).parent / "names.json").read_text())
FULL = "openai"
"""The preset that takes the most: what happens there is what happens at best."""
WORDS = {"dropped": "reported", "ignored": "reported", "changed": "transformed", "emulated": "emulated"}


@dataclass(frozen=True)
class Row:
    section: str
    name: str
    outcome: str
    elsewhere: str
    note: str


def rows() -> Iterator[Row]:
    items, sent = _tags_of_items(), _events_sent()
    for section, names in NAMES.items():
        for name in names:
            if section == "output items":
                yield _sent(section, name, name in items)
            elif section == "events":
                yield _sent(section, name, name in sent)
            else:
                yield _requested(section, name)


def _sent(section: str, name: str, sent: bool) -> Row:
    return Row(section, name, "sent" if sent else "never sent", "", NOTES[section].get(name, ""))


def _requested(section: str, name: str) -> Row:
    if name in DONE_BY_THE_SHELL[section]:
        outcome, said = DONE_BY_THE_SHELL[section][name]
        return Row(section, name, outcome, "", said)
    found = {preset: _outcome(section, name, preset) for preset in (FULL, *PRESETS)}
    outcome, said = next((what for what in found.values() if what[0] != "unsaid"), ("unsaid", ""))
    others = Counter(word for word, _ in found.values() if word != outcome)
    elsewhere = ", ".join(f"{word} {count}" for word, count in sorted(others.items()))
    return Row(section, name, outcome, elsewhere, NOTES[section].get(name) or said)


def _outcome(section: str, name: str, preset: str) -> tuple[str, str]:
    used, unused = sample(section, name)
    try:
        translation = translate(used, preset)
    except InvalidRequest as error:
        return "refused", error.message
    said = _adaptation(section, name, translation, preset, unused)
    if said is not None:
        return said
    body, before = msgspec.json.decode(translation.body()), _body(unused, preset)
    if section == "parameters" and name in body and body[name] == used[name]:
        return "direct", ""
    if section in ("input items", "tools") and name in DIRECT_ITEMS:
        return "direct", ""
    if section == "tool_choice" and name not in ("allowed_tools",) and body.get("tool_choice") == used["tool_choice"]:
        return "direct", ""
    return ("transformed" if body != before else "unsaid"), ""


def _adaptation(section: str, name: str, translation: Translation, preset: str, unused: Json) -> tuple[str, str] | None:
    """What the bridge itself said of this use, as against the request without it."""
    before = {str(adaptation) for adaptation in _translated(unused, preset)}
    said = [adaptation for adaptation in translation.adaptations if str(adaptation) not in before]
    for word in ("reported", "emulated", "transformed"):
        for adaptation in said:
            if WORDS[adaptation.action] == word:
                return word, adaptation.reason
    return None


def _translated(request: Json, preset: str) -> list[Any]:
    try:
        return list(translate(request, preset).adaptations)
    except InvalidRequest:
        return []


def _body(request: Json, preset: str) -> Json:
    try:
        body: Json = msgspec.json.decode(translate(request, preset).body())
    except InvalidRequest:
        return {}
    return body


def _tags_of_items() -> set[str]:
    """The types of the structs that stand for output items."""
    folder = Path(*translators.__path__) / "items"
    return {tag for name, tag in _tags(folder) if name.startswith("Output")}


def _events_sent() -> set[str]:
    """The types of the event structs that some code makes, and of those that the shell has of its own."""
    named: set[str] = set()
    for package in (translators, proxy):
        for node in _nodes(Path(*package.__path__)):
            if isinstance(node, ast.Attribute):
                named.add(node.attr)
            elif isinstance(node, ast.Name):
                named.add(node.id)
    made = {kind for name, kind in vars(events).items() if name in named and isinstance(kind, type)}
    core = {str(kind.__struct_config__.tag) for kind in made if issubclass(kind, events.Event)}
    return core | {tag for _, tag in _tags(Path(*proxy.__path__))}


def _tags(folder: Path) -> Iterator[tuple[str, str]]:
    for node in _nodes(folder):
        if isinstance(node, ast.ClassDef):
            for word in node.keywords:
                if word.arg == "tag" and isinstance(word.value, ast.Constant):
                    yield node.name, str(word.value.value)


def _nodes(folder: Path) -> Iterator[ast.AST]:
    for path in sorted(folder.rglob("*.py")):
        if path.name != "events.py":
            yield from ast.walk(ast.parse(path.read_text()))
