"""Estimates of tokens: four bytes each, and media by the piece."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from translators.usage import BYTES_PER_TOKEN, MEDIA_TOKENS, estimated_tokens

PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from([b" ", b'"', b"\xc3\xa4", b"word"]),
    st.integers(1020, 1030).map(lambda length: b"A+/9" * (length // 4) + b"=" * (length % 4)),
)


@given(st.lists(PIECES, max_size=8).map(b"".join))
def test_media_are_the_runs_of_base64_that_no_word_is_as_long_as(body: bytes) -> None:
    text, media = re.subn(rb"[A-Za-z0-9+/=]{1024,}", b"", body)
    assert estimated_tokens(body) == -(-len(text) // BYTES_PER_TOKEN) + media * MEDIA_TOKENS
