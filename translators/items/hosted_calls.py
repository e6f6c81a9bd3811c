"""Calls that a server ran itself, in a history that comes from elsewhere.

Where an item holds what came out of the call, both are replayed as a call and its output; else it says
nothing that the model could use, and is reported.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from translators.decode import compact, is_null
from translators.items.item import Item
from translators.messages.builder import SEE_BELOW, MessageBuilder
from translators.messages.pieces import Call, Output
from translators.schema import chat
from translators.schema.responses import NULL
from translators.tools import ToolMap
from translators.tools.repair import as_object


class HostedCall(Item):
    """Subclasses say what was called with what (`call`), and what came of it (`outcome`), if anything."""

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        outcome = self.outcome(into, at)
        if outcome is None:
            into.report.ignored(at, "the item does not hold what came out of the call")
            return
        name, arguments = self.call()
        call_id = self.id or into.unnamed_call()
        text, mended = as_object(arguments if type(arguments) is str else msgspec.json.encode(arguments).decode())
        if mended:
            into.report.changed(f"{at}.arguments", mended)
        into.add_call(Call(call_id, tools.chat_name(name), text, at))
        outcome.call_id = call_id
        into.add_output(outcome)

    def call(self) -> tuple[str, Any]:
        raise NotImplementedError

    def outcome(self, into: MessageBuilder, at: str) -> Output | None:
        raise NotImplementedError


class WebSearchCall(HostedCall):
    action: Raw = NULL

    def outcome(self, into: MessageBuilder, at: str) -> Output | None:
        return None


class FileSearchCall(HostedCall):
    queries: list[str] | None = None
    results: Raw = NULL

    def call(self) -> tuple[str, Any]:
        return "file_search", {"queries": self.queries or []}

    def outcome(self, into: MessageBuilder, at: str) -> Output | None:
        return None if is_null(self.results) else Output(None, at, compact(self.results))


class CodeInterpreterCall(HostedCall):
    code: str | None = None
    container_id: str | None = None
    outputs: Raw = NULL

    def call(self) -> tuple[str, Any]:
        return "code_interpreter", {"code": self.code or ""}

    def outcome(self, into: MessageBuilder, at: str) -> Output | None:
        return None if is_null(self.outputs) else Output(None, at, compact(self.outputs))


class ImageGenerationCall(HostedCall):
    result: str | None = None
    revised_prompt: str | None = None
    output_format: str | None = None
    action: str | None = None
    background: str | None = None
    error: Raw = NULL
    quality: str | None = None
    size: str | None = None

    def call(self) -> tuple[str, Any]:
        return "image_generation", {"prompt": self.revised_prompt or ""}

    def outcome(self, into: MessageBuilder, at: str) -> Output | None:
        if not self.result or "data" not in into.dialect.images:
            return None
        url = f"data:image/{self.output_format or 'png'};base64,{self.result}"
        return Output(None, at, SEE_BELOW, [chat.ImagePart(chat.ImageUrl(url))])


class McpCall(HostedCall):
    name: str
    server_label: str
    arguments: str = "{}"
    output: str | None = None
    error: Raw = NULL
    approval_request_id: str | None = None

    def call(self) -> tuple[str, Any]:
        return f"mcp__{self.server_label}__{self.name}", self.arguments or "{}"

    def outcome(self, into: MessageBuilder, at: str) -> Output | None:
        if self.output is not None:
            return Output(None, at, self.output)
        return None if is_null(self.error) else Output(None, at, f"Error: {compact(self.error)}")


class Unplayable(Item):
    """An item of a hosted tool that has no words for the model."""

    def replay(self, into: MessageBuilder, tools: ToolMap, at: str) -> None:
        into.report.ignored(at, "nothing here runs the tool it belongs to")


class McpListTools(Unplayable):
    server_label: str | None = None
    tools: Raw = NULL
    error: Raw = NULL


class McpApprovalRequest(Unplayable):
    name: str | None = None
    server_label: str | None = None
    arguments: str | None = None


class McpApprovalResponse(Unplayable):
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None


class Program(Unplayable):
    call_id: str | None = None
    code: str | None = None
    fingerprint: str | None = None


class ProgramOutput(Unplayable):
    call_id: str | None = None
    result: str | None = None
