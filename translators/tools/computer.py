"""`computer` and `computer_use_preview`: actions on a screen that the client carries out (`computer_call` items)."""

from __future__ import annotations

from msgspec import Raw

from translators.schema import chat
from translators.tools.map import ToolName
from translators.tools.tool import Offering, Tool

COMPUTER = ToolName("computer", None, "computer")
COMPUTER_PREVIEW = ToolName("computer_use_preview", None, "computer")
_ACTION = (
    '{"type":"object","properties":{"type":{"type":"string","enum":["click","double_click","drag","keypress","move",'
    '"screenshot","scroll","type","wait"]},"x":{"type":"integer"},"y":{"type":"integer"},'
    '"button":{"type":"string","enum":["left","right","wheel","back","forward"]},'
    '"path":{"type":"array","items":{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}},'
    '"required":["x","y"]}},"keys":{"type":"array","items":{"type":"string"}},'
    '"scroll_x":{"type":"integer"},"scroll_y":{"type":"integer"},"text":{"type":"string"}},"required":["type"]}'
)
_MANY = Raw(
    f'{{"type":"object","properties":{{"actions":{{"type":"array","items":{_ACTION}}}}},"required":["actions"]}}'.encode()
)
_ONE = Raw(f'{{"type":"object","properties":{{"action":{_ACTION}}},"required":["action"]}}'.encode())
_DESCRIPTION = "Controls the user's computer. A screenshot of the result follows. x and y are pixels from the top left."


class ComputerTool(Tool):
    only = COMPUTER

    def declare(self, into: Offering, at: str) -> None:
        into.offer(chat.Function(COMPUTER.name, _DESCRIPTION, _MANY), COMPUTER, at)


class ComputerPreviewTool(Tool):
    """The earlier form: one action to a call, on a screen whose size is told."""

    only = COMPUTER_PREVIEW

    display_width: int | None = None
    display_height: int | None = None
    environment: str | None = None

    def declare(self, into: Offering, at: str) -> None:
        description = _DESCRIPTION
        if self.display_width and self.display_height:
            description += f" The screen is {self.display_width} by {self.display_height} pixels."
        if self.environment:
            description += f" It shows: {self.environment}."
        into.offer(chat.Function(COMPUTER_PREVIEW.name, description, _ONE), COMPUTER_PREVIEW, at)
