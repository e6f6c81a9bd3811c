"""`configuration_update`: reasoning and text options that hold from here on."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from translators.items.item import Item
from translators.messages.builder import MessageBuilder
from translators.schema.responses import ReasoningOptions, ResponsesRequest, TextOptions
from translators.tools import ToolMap

Options = TypeVar("Options", ReasoningOptions, TextOptions)


class ConfigurationUpdate(Item):
    acts = True
    reasoning: ReasoningOptions | None = None
    text: TextOptions | None = None

    def configure(self, params: ResponsesRequest) -> ResponsesRequest:
        """Returns the parameters with what the update names; what it leaves open stays as it was."""
        return msgspec.structs.replace(
            params, reasoning=_updated(params.reasoning, self.reasoning), text=_updated(params.text, self.text)
        )

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        """Adds nothing: an update says nothing to the model."""


def _updated(old: Options | None, new: Options | None) -> Options | None:
    if old is None or new is None:
        return new or old
    given = {name: value for name, value in msgspec.structs.asdict(new).items() if value is not None}
    return msgspec.structs.replace(old, **given)
