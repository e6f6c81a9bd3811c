"""What stands behind a compaction, and what one would stand for.

A compaction item sums up all that is before it (`behind_compaction`). With `context_management`, a request that has
grown past its threshold is summarised up to the turn that has to be answered (`window_of`). Tokens are estimated from
the bytes that would go upstream, which needs no tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from translators.decode import decode_as, is_null
from translators.history.outline import outline_of
from translators.history.raw_items import join_items, split_input
from translators.schema.responses import NULL, ResponsesRequest
from translators.token_estimate import estimated_tokens

_TRIGGER = Raw(b'{"type":"compaction_trigger"}')


class _Management(Struct):
    type: Literal["compaction"]
    compact_threshold: Annotated[int, Meta(ge=1000)] | None = None


class Window(Struct, frozen=True):
    """All items of a request, and how many of them a summary would stand for."""

    items: Sequence[Raw]
    covered: int

    def to_summarise(self, params: ResponsesRequest) -> ResponsesRequest:
        """The request for the summary: of everything, since what follows is built on it alone."""
        return _alone(params, [*self.items, _TRIGGER], text=None, max_output_tokens=None, top_logprobs=None)

    def compacted(self, params: ResponsesRequest, summary: object) -> ResponsesRequest:
        """The request with the compaction item in the place of what it covers."""
        return _alone(params, [Raw(msgspec.json.encode(summary)), *self.items[self.covered :]])


def threshold_of(params: ResponsesRequest) -> int | None:
    """The least `compact_threshold` of `context_management`, in tokens. Raises InvalidRequest."""
    if is_null(params.context_management):
        return None
    rules = decode_as(list[_Management], params.context_management, "context_management")
    thresholds = [rule.compact_threshold for rule in rules if rule.compact_threshold is not None]
    return min(thresholds, default=None)


def is_over(threshold: int, body: bytes) -> bool:
    return estimated_tokens(body) > threshold


def behind_compaction(items: list[Raw]) -> list[Raw]:
    """The items from the last compaction item on, which stands for what was before it; all where there is none."""
    for index in range(len(items) - 1, -1, -1):
        if outline_of(items[index]).type == "compaction":
            return items[index:]
    return items


def window_of(params: ResponsesRequest, history: Sequence[Raw]) -> Window | None:
    """The window of a request that goes on from `history`.

    None where nothing could be summarised: all of it is the turn that has to be answered.
    """
    items = [*history, *split_input(params.input)]
    covered = _turn_start(items)
    return Window(items, covered) if covered else None


def _turn_start(items: Sequence[Raw]) -> int:
    """The place where the open turn begins: the last messages, or the last outputs with the calls that they answer."""
    start = len(items)
    answered = False
    while start:
        item = outline_of(items[start - 1])
        kind = item.kind
        is_output = kind.endswith("_output")
        if not (is_output or (kind == "message" and item.role != "assistant")):
            break
        answered = answered or is_output
        start -= 1
    while answered and start and outline_of(items[start - 1]).kind not in ("message", "compaction"):
        start -= 1
    return start


def _alone(params: ResponsesRequest, items: Sequence[Raw], **changes: object) -> ResponsesRequest:
    return msgspec.structs.replace(
        params,
        input=Raw(join_items(items)),
        previous_response_id=None,
        conversation=NULL,
        context_management=NULL,
        **changes,
    )
