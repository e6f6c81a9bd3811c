"""`shortened`: a history without its oldest turns, for `truncation: "auto"`.

Whole turns go, from the front. What stays is every message of the system's and the developer's, and the last turn with
whatever calls are open in it. Sizes are in bytes of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Raw, Struct

from translators.history.outline import Outline, outline_of

# "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens" (OpenAI, vLLM, DeepSeek),
# "the request exceeds the available context size (8192 tokens)" (llama.cpp), "input length 9001 exceeds … 8192".
_LIMIT = re.compile(r"(?:context (?:length|size|window)|maximum)[^0-9]{0,40}(\d{3,9})", re.IGNORECASE)
_ASKED = re.compile(r"(?:requested|resulted in|has|length|prompt contains)[^0-9]{0,40}(\d{3,9})", re.IGNORECASE)


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
