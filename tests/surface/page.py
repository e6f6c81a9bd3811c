"""`page()`: docs/coverage.md, from the rows that the code gives."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from tests.surface.answers import UNKNOWN, AnswerRow, answer_rows, count_rows, finish_rows
from tests.surface.outcome import FULL, Row, rows
from translators.dialects import PRESETS

HEAD = f"""# Coverage

What becomes of everything that the Responses API has. This page is made from the code by `make coverage`: each row of a
request is what the translation did with a request that uses it, and a test fails when page and code differ.

- **direct**: it travels to the upstream under its own name.
- **transformed**: it travels in the form that Chat Completions has for it.
- **emulated**: Dragoman does it itself.
- **reported**: it has no effect, and the answer's `x-dragoman-adapted` header and the log say so. With
  `on_unsupported: refuse`, what would change the answer's meaning is refused instead.
- **refused**: the request is answered with an error that names it.
- **unsaid**: the upstream does it anyway, or must not be told.

The second column holds for an upstream that takes what OpenAI's own API takes (the `{FULL}` dialect); the third says
for how many of the {len(PRESETS)} dialects it is otherwise. [backends.md](backends.md) tells what each backend takes.
"""
ANSWERS = """## Answers of upstreams

What becomes of every field of a Chat answer, streamed or whole.

- **read**: the response holds what it says.
- **left out**: it says nothing of the answer.
- **reported**: it has no place in a response. `x-dragoman-adapted` says so, as a header of a plain answer and as a
  comment at the end of a stream; log and metrics say it. A field of a wrong type is reported, too, and the rest
  of the answer is read. What holds nothing (null, false, 0, an empty text, list or object) is passed over.
"""
LEVEL_TITLES = {
    "chunk": "The chunk, or the whole answer",
    "choice": "The choice",
    "delta": "The delta, or the message",
    "tool call": "A tool call",
    "function": "The function of a call",
    "error": "An error within an answer",
}
TITLES = {
    "parameters": "Parameters of `POST /v1/responses`",
    "input items": "Input items",
    "output items": "Output items",
    "tools": "Tools",
    "tool_choice": "Forms of `tool_choice`",
    "include": "Values of `include`",
    "events": "Events",
}


def page() -> str:
    asked = (_section(title, list(found)) for title, found in groupby(rows(), lambda row: row.section))
    answered = (_fields(level, list(found)) for level, found in groupby(answer_rows(), lambda row: row.level))
    return "\n".join([HEAD, *asked, ANSWERS, *answered, _counts(), _finishes()])


def _section(section: str, found: list[Row]) -> str:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(row.outcome for row in found).most_common())
    lines = [f"## {TITLES[section]}", "", f"{len(found)}: {counts}.", ""]
    elsewhere = any(row.elsewhere for row in found)
    lines += ["| name | what happens |" + (" otherwise |" if elsewhere else "") + " how |"]
    lines += ["|---|---|" + ("---|" if elsewhere else "") + "---|"]
    for row in found:
        cells = [f"`{row.name}`", row.outcome, *([row.elsewhere] if elsewhere else []), _cell(row.note)]
        lines.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    return "\n".join([*lines, ""])


def _fields(level: str, found: list[AnswerRow]) -> str:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(row.outcome for row in found).most_common())
    lines = [
        f"### {LEVEL_TITLES[level]}",
        "",
        f"{len(found)}: {counts}.",
        "",
        "| field | what happens | how |",
        "|---|---|---|",
    ]
    for row in found:
        name = row.name if row.name == UNKNOWN else f"`{row.name}`"
        lines.append(f"| {name} | {row.outcome} |" + (f" {_cell(row.note)} |" if row.note else " |"))
    return "\n".join([*lines, ""])


def _counts() -> str:
    lines = [
        "### Usage",
        "",
        "Compared without regard to case and punctuation. Costs and durations are left out; counts that",
    ]
    lines += ["nobody knows or that cannot be true are reported.", "", "| count | spelled | how |", "|---|---|---|"]
    for count, spelled, note in count_rows():
        words = ", ".join(f"`{word}`" for word in spelled.split())
        lines.append(f"| {count} | {words} |" + (f" {note} |" if note else " |"))
    return "\n".join([*lines, ""])


def _finishes() -> str:
    lines = [
        "### Finish reasons",
        "",
        "Compared likewise. Any other is completed, and reported.",
        "",
        "| the response | words |",
        "|---|---|",
    ]
    for ending, words in finish_rows():
        lines.append(f"| {ending} | {', '.join(f'`{word}`' for word in words)} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
