"""Token counts: estimated, four bytes each and media by the piece; and never what cannot be true."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies.plain import odd_usages
from tests.support.translation import Json, Run
from translators.answering.counts import MAX_TOKENS, UNBELIEVABLE
from translators.token_estimate import BYTES_PER_TOKEN, MEDIA_TOKENS, estimated_tokens

PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from([b" ", b'"', b"\xc3\xa4", b"word"]),
    st.integers(1020, 1030).map(lambda length: b"A+/9" * (length // 4) + b"=" * (length % 4)),
)


@given(st.lists(PIECES, max_size=8).map(b"".join))
def test_media_are_the_runs_of_base64_that_no_word_is_as_long_as(body: bytes) -> None:
    text, media = re.subn(rb"[A-Za-z0-9+/=]{1024,}", b"", body)
    assert estimated_tokens(body) == -(-len(text) // BYTES_PER_TOKEN) + media * MEDIA_TOKENS


def used(usage: Json) -> tuple[Json, list[Any]]:
    """The counts of a response whose upstream said these, and what was reported."""
    run = Run().feed({"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}], "usage": usage})
    return run.finish().response["usage"], run.stream.adaptations


@given(odd_usages())
def test_no_count_is_below_zero_or_beyond_belief(usage: Json) -> None:
    counted, _ = used(usage)
    counts = [counted[name] for name in ("input_tokens", "output_tokens", "total_tokens")]
    assert 0 <= min(counts) <= max(counts) <= 2 * MAX_TOKENS < 2**31
    assert counted["input_tokens"] + counted["output_tokens"] == counted["total_tokens"]


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -5, "completion_tokens": 3},
        {"prompt_tokens": 5, "completion_tokens": 10**18, "total_tokens": 10**18 + 5},
        {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": -1}},
    ],
)
def test_what_cannot_be_true_is_reported_and_taken_as_not_counted(usage: Json) -> None:
    counted, adaptations = used(usage)
    assert UNBELIEVABLE in adaptations
    assert counted["input_tokens"] > 0
    assert counted["output_tokens"] in (1, 3)
    assert counted["input_tokens_details"]["cached_tokens"] == 0


def test_what_can_be_true_stays_as_it_is() -> None:
    counted, adaptations = used({"prompt_tokens": MAX_TOKENS, "completion_tokens": 3})
    assert (counted["input_tokens"], counted["output_tokens"], adaptations) == (MAX_TOKENS, 3, [])
