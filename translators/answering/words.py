"""`bare(word)`: the words of many backends, as tables compare them."""

from __future__ import annotations


def bare(word: str) -> str:
    """Small letters and digits alone, so that `MAX_TOKENS` is `maxTokens`."""
    return "".join(filter(str.isalnum, word.lower()))
