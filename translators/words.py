"""`bare(word)`: the words of many backends, as tables compare them."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1024)  # an upstream says the same few with every answer
def bare(word: str) -> str:
    """Small letters and digits alone, so that `MAX_TOKENS` is `maxTokens`."""
    return "".join(filter(str.isalnum, word.lower()))
