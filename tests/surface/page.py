"""`page()`: docs/coverage.md, from the rows that the code gives."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

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
    return "\n".join(
        [HEAD, *(_section(title, list(found)) for title, found in groupby(rows(), lambda row: row.section))]
    )


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


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
