"""`shell`: commands run by the client; its calls come back as `shell_call` items.

A shell in a container would have to be run by somebody else, and nobody does.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from translators.schema import chat
from translators.tools.map import ToolName
from translators.tools.tool import Offering, Tool

SHELL = ToolName("shell", None, "shell")
_DESCRIPTION = "Runs shell commands on the user's machine, one after the other, and returns their outputs."
_PARAMETERS = Raw(
    b'{"type":"object","properties":{'
    b'"commands":{"type":"array","items":{"type":"string"},"description":"One shell line each."},'
    b'"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer"}},'
    b'"required":["commands"]}'
)


class Skill(Struct):
    name: str
    description: str = ""
    path: str = ""


class Environment(Struct):
    type: str = "local"
    skills: list[Skill] | None = None


class ShellTool(Tool):
    only = SHELL

    environment: Environment | None = None

    def declare(self, into: Offering, at: str) -> None:
        environment = self.environment or Environment()
        if environment.type != "local":
            into.report.dropped(at, f"there is no shell in an environment of type '{environment.type}' here")
            return
        listed = "".join(f"\n- {skill.name} ({skill.path}): {skill.description}" for skill in environment.skills or ())
        description = f"{_DESCRIPTION}\n\nSkills, each described by the SKILL.md at its path:{listed}" if listed else ""
        into.offer(chat.Function(SHELL.name, description or _DESCRIPTION, _PARAMETERS), SHELL, at)
