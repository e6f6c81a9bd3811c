"""The events of a response stream, one struct each; the struct's tag is the event's `type`.

Field order is the order on the wire. Every event carries its `sequence_number`; only `stream` sets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from translators.long_text import AnyText
from translators.schema.responses import Response


class Event(Struct, tag_field="type", frozen=True):
    sequence_number: int


class ResponseCreated(Event, tag="response.created", frozen=True):
    response: Response


class ResponseQueued(Event, tag="response.queued", frozen=True):
    response: Response


class ResponseInProgress(Event, tag="response.in_progress", frozen=True):
    response: Response


class ResponseCompleted(Event, tag="response.completed", frozen=True):
    response: Response


class ResponseIncomplete(Event, tag="response.incomplete", frozen=True):
    response: Response


class ResponseFailed(Event, tag="response.failed", frozen=True):
    response: Response


class OutputItemAdded(Event, tag="response.output_item.added", frozen=True):
    output_index: int
    item: Any


class OutputItemDone(Event, tag="response.output_item.done", frozen=True):
    output_index: int
    item: Any


class ContentPartAdded(Event, tag="response.content_part.added", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    part: Any


class ContentPartDone(Event, tag="response.content_part.done", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    part: Any


class OutputTextDelta(Event, tag="response.output_text.delta", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    delta: AnyText
    logprobs: list[Any]


class OutputTextDone(Event, tag="response.output_text.done", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    text: AnyText
    logprobs: list[Any]


class OutputTextAnnotationAdded(Event, tag="response.output_text.annotation.added", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    annotation_index: int
    annotation: Any


class RefusalDelta(Event, tag="response.refusal.delta", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    delta: str


class RefusalDone(Event, tag="response.refusal.done", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    refusal: AnyText


class ReasoningTextDelta(Event, tag="response.reasoning_text.delta", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    delta: AnyText


class ReasoningTextDone(Event, tag="response.reasoning_text.done", frozen=True):
    item_id: str
    output_index: int
    content_index: int
    text: AnyText


class ReasoningSummaryPartAdded(Event, tag="response.reasoning_summary_part.added", frozen=True):
    item_id: str
    output_index: int
    summary_index: int
    part: Any


class ReasoningSummaryPartDone(Event, tag="response.reasoning_summary_part.done", frozen=True):
    item_id: str
    output_index: int
    summary_index: int
    part: Any


class ReasoningSummaryTextDelta(Event, tag="response.reasoning_summary_text.delta", frozen=True):
    item_id: str
    output_index: int
    summary_index: int
    delta: AnyText


class ReasoningSummaryTextDone(Event, tag="response.reasoning_summary_text.done", frozen=True):
    item_id: str
    output_index: int
    summary_index: int
    text: AnyText


class FunctionCallArgumentsDelta(Event, tag="response.function_call_arguments.delta", frozen=True):
    item_id: str
    output_index: int
    delta: AnyText


class FunctionCallArgumentsDone(Event, tag="response.function_call_arguments.done", frozen=True):
    item_id: str
    output_index: int
    name: str
    arguments: AnyText


class CustomToolCallInputDelta(Event, tag="response.custom_tool_call_input.delta", frozen=True):
    item_id: str
    output_index: int
    delta: AnyText


class CustomToolCallInputDone(Event, tag="response.custom_tool_call_input.done", frozen=True):
    item_id: str
    output_index: int
    input: AnyText


class ImageGenerationCallInProgress(Event, tag="response.image_generation_call.in_progress", frozen=True):
    output_index: int
    item_id: str


class ImageGenerationCallGenerating(Event, tag="response.image_generation_call.generating", frozen=True):
    output_index: int
    item_id: str


class ImageGenerationCallCompleted(Event, tag="response.image_generation_call.completed", frozen=True):
    output_index: int
    item_id: str


class ShellCallCommandAdded(Event, tag="response.shell_call_command.added", frozen=True):
    output_index: int
    command_index: int
    command: str


class ShellCallCommandDelta(Event, tag="response.shell_call_command.delta", frozen=True):
    output_index: int
    command_index: int
    delta: str


class ShellCallCommandDone(Event, tag="response.shell_call_command.done", frozen=True):
    output_index: int
    command_index: int
    command: str


class DeltaRun(Struct, frozen=True):
    """Delta events that follow one another, the first of them numbered `sequence_number`.

    They are `model` but for their numbers and their `deltas`. Made so, a hundred of them cost little more than one.
    """

    sequence_number: int
    model: Event
    deltas: list[str]

    def singles(self) -> Iterator[Event]:
        for number, delta in enumerate(self.deltas, self.sequence_number):
            yield msgspec.structs.replace(self.model, sequence_number=number, delta=delta)


AnyEvent = Event | DeltaRun


def one_by_one(events: Iterable[AnyEvent]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, DeltaRun):
            yield from event.singles()
        else:
            yield event
