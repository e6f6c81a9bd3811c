"""`Truncation`: `truncation: "auto"`, which leaves out a history's oldest turns rather than be refused.

What does not fit is known by the model's context window where somebody tells it, else by the upstream's refusal. That
is something else than compaction: what is left out is not summarised, and stays in the store.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from proxy.state.items import join_items, split_input
from translators.answering.usage import estimated_tokens
from translators.asking.inline import may_hold_media
from translators.asking.translate import ParsedRequest, Translation
from translators.errors import UpstreamError
from translators.history.truncation import Shortened, share_that_fits, shortened
from translators.recovery.upstream_codes import CONTEXT_LENGTH
from translators.report import Adaptation
from translators.schema.responses import NULL

_MAX_REFUSALS = 8
"""So often may an upstream refuse what is left; each time at least a turn less is sent, mostly half as much."""
_SHARE_AFTER_REFUSAL = 0.5  # where the refusal does not say how much too long it was
_BYTES_PER_TOKEN = 4  # as `estimated_tokens` has it
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
        return None if asked <= room else self._shorten(self._size() - _BYTES_PER_TOKEN * (asked - room))

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
