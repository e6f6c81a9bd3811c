"""`Truncation`: `truncation: "auto"`, which leaves out a history's oldest turns rather than be refused.

What does not fit is known by the model's context window where somebody tells it, else by the upstream's refusal. That
is something else than compaction: what is left out is not summarised, and stays in the store.

Whole turns go, from the front. What stays is every message of the system's and the developer's, and the last turn with
whatever calls are open in it. Sizes are in bytes of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from translators.asking.inline import may_hold_media
from translators.asking.parse import ParsedRequest
from translators.asking.translate import Translation
from translators.errors import UpstreamError
from translators.history.outline import Outline, outline_of
from translators.history.raw_items import join_items, split_input
from translators.recovery.upstream_codes import CONTEXT_LENGTH
from translators.report import Adaptation
from translators.schema.responses import NULL
from translators.token_estimate import BYTES_PER_TOKEN, estimated_tokens

# "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens" (OpenAI, vLLM, DeepSeek),
# "the request exceeds the available context size (8192 tokens)" (llama.cpp), "input length 9001 exceeds … 8192".
_LIMIT = re.compile(r"(?:context (?:length|size|window)|maximum)[^0-9]{0,40}(\d{3,9})", re.IGNORECASE)
_ASKED = re.compile(r"(?:requested|resulted in|has|length|prompt contains)[^0-9]{0,40}(\d{3,9})", re.IGNORECASE)


_MAX_REFUSALS = 8
"""So often may an upstream refuse what is left; each time at least a turn less is sent, mostly half as much."""
_SHARE_AFTER_REFUSAL = 0.5  # where the refusal does not say how much too long it was
_MARGIN = 0.95  # for what is estimated
_SHARE_FOR_ANSWER = 1 / 8  # of the window, where the request does not say how long its answer may be


class Truncation:
    """The items of one request, fewer each time that they turn out to be too many."""

    def __init__(self, parsed: ParsedRequest, past: Sequence[Raw]) -> None:
        self._parsed = parsed
        self._items: Sequence[Raw] = [*past, *split_input(parsed.params.input)]
        self._left_out = 0
        self._refusals = 0

    @property
    def adaptation(self) -> Adaptation:
        total = self._left_out + len(self._items)
        return Adaptation(
            "changed", "truncation", f"left out the oldest {self._left_out} of {total} items, as too long"
        )

    def to_fit(self, translation: Translation, window: int) -> ParsedRequest | None:
        """The request that fits into a window of so many tokens; None where this one does, or nothing can go.

        The size of an image or a document in tokens is not that of its bytes: where there are some, the upstream has to
        say what is too long.
        """
        if may_hold_media(translation.chat):
            return None
        wanted = translation.params.max_output_tokens
        room = window - min(window // 2, int(window * _SHARE_FOR_ANSWER) if wanted is None else wanted)
        asked = estimated_tokens(translation.body())
        return None if asked <= room else self._shorten(self._size() - BYTES_PER_TOKEN * (asked - room))

    def after(self, error: UpstreamError) -> ParsedRequest | None:
        """The request to send in place of one that was refused; None where it was not for its length."""
        if error.code != CONTEXT_LENGTH.code or self._refusals == _MAX_REFUSALS:
            return None
        self._refusals += 1
        share = share_that_fits(error.message) or _SHARE_AFTER_REFUSAL
        return self._shorten(share * _MARGIN * self._size())

    def _size(self) -> int:
        return sum(len(bytes(item)) for item in self._items)

    def _shorten(self, room: float) -> ParsedRequest | None:
        left: Shortened | None = shortened(self._items, int(room))
        if left is None:
            return None
        self._items = left.items
        self._left_out += left.left_out
        params = msgspec.structs.replace(
            self._parsed.params, input=Raw(join_items(self._items)), previous_response_id=None, conversation=NULL
        )
        return msgspec.structs.replace(
            ParsedRequest.of(params), unknown=self._parsed.unknown, resent=self._parsed.resent
        )


class Shortened(Struct, frozen=True):
    """`items` are what is left of a history, `left_out` the number of those that are not."""

    items: Sequence[Raw]
    left_out: int


def shortened(items: Sequence[Raw], room: int) -> Shortened | None:
    """The longest rest of a history that takes at most `room` bytes, else its last turn; None where no turn can go.

    Takes time linear in the number of items.
    """
    outlines = [outline_of(item) for item in items]
    starts = turn_starts(outlines)[1:]
    if not starts:
        return None
    kept = sum(len(bytes(item)) for item, outline in zip(items, outlines, strict=True) if outline.instructs)
    # The size of what is no instruction behind each start, found from the end.
    left, sizes = 0, {}
    for index in range(len(items) - 1, -1, -1):
        left += 0 if outlines[index].instructs else len(bytes(items[index]))
        sizes[index] = left
    start = next((start for start in starts if kept + sizes[start] <= room), starts[-1])
    instructions = [item for item, outline in zip(items[:start], outlines[:start], strict=True) if outline.instructs]
    rest = [*instructions, *items[start:]]
    return Shortened(rest, len(items) - len(rest))


def turn_starts(outlines: Sequence[Outline]) -> list[int]:
    """Where the user begins to speak: each message of the user's that does not follow another."""
    return [
        index for index, outline in enumerate(outlines) if outline.asks and (index == 0 or not outlines[index - 1].asks)
    ]


def share_that_fits(refusal: str) -> float | None:
    """How much of what was asked fits, by the words of a refusal; None where it does not tell both numbers."""
    limit, asked = _LIMIT.search(refusal), None
    if limit is not None:
        numbers = [int(number) for number in _ASKED.findall(refusal) if int(number) > int(limit[1])]
        asked = max(numbers, default=None)
    return None if limit is None or asked is None else int(limit[1]) / asked
