"""`local_shell`: one command, run by the client; its calls come back as `local_shell_call` items.

A user's own function of that name stays a function (diegosouzapw/OmniRoute#5256).
"""

from __future__ import annotations

from msgspec import Raw

from translators.schema import chat
from translators.tools.map import ToolName
from translators.tools.tool import Offering, Tool

LOCAL_SHELL = ToolName("local_shell", None, "local_shell")
_DESCRIPTION = "Runs one command on the user's machine and returns its output."
_PARAMETERS = Raw(
    b'{"type":"object","properties":{'
    b'"command":{"type":"array","items":{"type":"string"},"description":"The program and its arguments; '
    b'for a shell line: [\\"bash\\",\\"-lc\\",\\"the line\\"]."},'
    b'"working_directory":{"type":"string"},'
    b'"env":{"type":"object","additionalProperties":{"type":"string"}},'
    b'"timeout_ms":{"type":"integer"},"user":{"type":"string"}},'
    b'"required":["command"]}'
)


class LocalShellTool(Tool):
    only = LOCAL_SHELL

    def declare(self, into: Offering, at: str) -> None:
        into.offer(chat.Function(LOCAL_SHELL.name, _DESCRIPTION, _PARAMETERS), LOCAL_SHELL, at)
