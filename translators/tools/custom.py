"""`custom` tools: free text, offered as a function with one string that holds the whole input.

A grammar is told to the model in the description; whether the input keeps to it is checked when it is whole. Without a
required string models call such a tool with nothing (diegosouzapw/OmniRoute#4862).
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Raw, Struct

from translators.decode import decode_as
from translators.schema import chat
from translators.tools.function import required_name
from translators.tools.grammar import MAX_GRAMMARS, Grammar
from translators.tools.map import ToolName
from translators.tools.tool import Offering, Tool

INPUT = "input"
_RAW_TEXT = (
    "The tool's input is raw text: give all of it, unchanged and without any fence around it, "
    f"as the one string `{INPUT}`."
)
_SYNTAXES = {"lark": "Lark grammar", "regex": "regular expression"}


class NestedGrammar(Struct):
    syntax: Literal["lark", "regex"]
    definition: str


class CustomFormat(Struct):
    """Flat as in Responses, or with `grammar` as in Chat Completions."""

    type: Literal["text", "grammar"] = "text"
    syntax: Literal["lark", "regex"] | None = None
    definition: str | None = None
    grammar: NestedGrammar | None = None

    def read(self, at: str) -> Grammar | None:
        if self.type == "text":
            return None
        if self.grammar is not None:
            return Grammar(self.grammar.syntax, self.grammar.definition, f"{at}.grammar")
        fields = decode_as(NestedGrammar, Raw(msgspec.json.encode({"syntax": self.syntax, **self._given()})), at)
        return Grammar(fields.syntax, fields.definition, at)

    def _given(self) -> dict[str, str]:
        return {} if self.definition is None else {"definition": self.definition}


class CustomTool(Tool):
    name: str | None = None
    description: str | None = None
    format: CustomFormat | None = None
    defer_loading: bool | None = None

    nests = True

    def declare(self, into: Offering, at: str) -> None:
        self._declare(into, at, None)

    def declare_member(self, into: Offering, at: str, namespace: str, description: str | None) -> None:
        if not into.defers(self.defer_loading, namespace, description):
            self._declare(into, at, namespace)

    def _declare(self, into: Offering, at: str, namespace: str | None) -> None:
        name = required_name(self.name, at)
        grammar = None if self.format is None else self.format.read(f"{at}.format")
        if into.defers(self.defer_loading, name, self.description):
            return
        tool = ToolName(name, namespace, "custom")
        into.offer(chat.Function(name, _description(self.description, grammar), _PARAMETERS), tool, at)
        if grammar is not None and into.check_grammars:
            grammar.check_size()
            into.tools.grammars.setdefault(tool, grammar)
            if len(into.tools.grammars) > MAX_GRAMMARS:
                raise grammar.refusal(f"no more than {MAX_GRAMMARS} tools of a request may have a grammar")


_PARAMETERS = Raw(
    msgspec.json.encode(
        {
            "type": "object",
            "properties": {INPUT: {"type": "string", "description": "The whole input of the tool, as raw text."}},
            "required": [INPUT],
            "additionalProperties": False,
        }
    )
)


def _description(said: str | None, grammar: Grammar | None) -> str:
    parts = [said, _RAW_TEXT] if said else [_RAW_TEXT]
    if grammar is not None:
        parts.append(f"It must match this {_SYNTAXES[grammar.syntax]}:\n{grammar.definition}")
    return "\n\n".join(parts)
