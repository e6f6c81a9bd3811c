"""`apply_patch`: one change to one file, made by the client; its calls come back as `apply_patch_call` items.

The format of `diff` is that of https://developers.openai.com/api/docs/guides/tools-apply-patch.
"""

from __future__ import annotations

from msgspec import Raw

from translators.schema import chat
from translators.tools.map import ToolName
from translators.tools.tool import Offering, Tool

APPLY_PATCH = ToolName("apply_patch", None, "apply_patch")
_DESCRIPTION = (
    "Creates, updates or deletes one file. `diff` is in the V4A format, without a header: for update_file, hunks that "
    "begin with a line `@@` (optionally followed by the class or function they are in) and hold lines that begin with "
    "a space (context), `-` (removed) or `+` (added); for create_file, the whole file with `+` before every line."
)
_PARAMETERS = Raw(
    b'{"type":"object","properties":{"operation":{"type":"object","properties":{'
    b'"type":{"type":"string","enum":["create_file","update_file","delete_file"]},'
    b'"path":{"type":"string"},'
    b'"diff":{"type":"string","description":"Left out for delete_file."}},'
    b'"required":["type","path"]}},"required":["operation"]}'
)


class ApplyPatchTool(Tool):
    only = APPLY_PATCH

    def declare(self, into: Offering, at: str) -> None:
        into.offer(chat.Function(APPLY_PATCH.name, _DESCRIPTION, _PARAMETERS), APPLY_PATCH, at)
