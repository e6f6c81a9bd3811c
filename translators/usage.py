"""`UsageSum`: the tokens that a response took, over all answers that went into it; estimated where nobody counted.

An estimate takes four bytes for a token, as `context_management` does, and every image or file for as many as a
picture has: its bytes say nothing of its tokens.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from translators.report import Adaptation
from translators.schema import chat
from translators.schema.responses import InputTokensDetails, OutputTokensDetails, Usage

# Far beyond any window or bill; and two of them together still fit the 32 bits in which some clients read a count.
MAX_TOKENS = 1_000_000_000
UNBELIEVABLE = Adaptation(
    "changed", "usage", f"the upstream counted below 0 or above {MAX_TOKENS}: taken as not counted"
)

AnyUsage = TypeVar("AnyUsage", bound=Struct)


def believable(said: AnyUsage) -> AnyUsage:
    """The same usage, without the counts that cannot be true; `said` itself where all of them can."""
    changed: dict[str, Any] = {}
    for name in said.__struct_fields__:
        count = getattr(said, name)
        if isinstance(count, Struct):
            details = believable(count)
            if details is not count:
                changed[name] = details
        elif isinstance(count, int) and not 0 <= count <= MAX_TOKENS:
            changed[name] = None
    return msgspec.structs.replace(said, **changed) if changed else said


class UsageSum:
    """The upstream's last word on an answer counts; `begin_again` puts it beside those before."""

    def __init__(self) -> None:
        self.said: chat.Usage | None = None
        self._spent: Usage | None = None

    def spend(self, usage: Usage | None) -> None:
        """Adds what was spent otherwise."""
        self._spent = _sum(self._spent, usage)

    def begin_again(self) -> None:
        self._spent, self.said = self.total(), None

    @property
    def is_lacking(self) -> bool:
        """Whether the upstream left a count out. A prompt of no tokens is one that nobody counted."""
        said = self.said
        return said is None or not said.prompt_tokens or (said.completion_tokens is None and said.total_tokens is None)

    def estimate(self, body: bytes, written: Iterable[str], thought: Iterable[str]) -> None:
        """Fills in what was left out: for the request that had this body, and an answer with these texts."""
        said = self.said or chat.Usage()
        details = said.completion_tokens_details or chat.CompletionTokensDetails(reasoning_tokens=_tokens(thought))
        self.said = msgspec.structs.replace(
            said,
            prompt_tokens=said.prompt_tokens or estimated_tokens(body),
            completion_tokens=said.completion_tokens or _tokens(written),
            total_tokens=None,
            completion_tokens_details=details,
        )

    def total(self) -> Usage | None:
        return _sum(self._spent, None if self.said is None else read_usage(self.said))


BYTES_PER_TOKEN = 4
MEDIA_TOKENS = 1000
# Every letter of base64 as one, and all else as another: a pattern would take twenty times as long to find the media.
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/=").encode())
_OUTLINE = bytes(0x61 if byte in _BASE64 else 0x20 for byte in range(256))
_MEDIA = b"a" * 1024  # no words are so long


def estimated_tokens(body: bytes) -> int:
    """Of a request's body."""
    outline = body.translate(_OUTLINE)
    text, media, end = len(body), 0, 0
    while (start := outline.find(_MEDIA, end)) >= 0:
        end = outline.find(b" ", start)
        if end < 0:
            end = len(outline)
        text -= end - start
        media += 1
    return -(-text // BYTES_PER_TOKEN) + media * MEDIA_TOKENS


def _tokens(texts: Iterable[str]) -> int:
    return -(-sum(len(text.encode(errors="surrogatepass")) for text in texts) // BYTES_PER_TOKEN)


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    return one or other if one is None or other is None else add_usage(one, other)


_NO_PROMPT_DETAILS = chat.PromptTokensDetails()
_NO_COMPLETION_DETAILS = chat.CompletionTokensDetails()


def read_usage(said: chat.Usage) -> Usage:
    """Token counts in one form; counts that contradict each other are made consistent.

    xAI leaves reasoning out of `completion_tokens` but not out of the total, and may report more cached
    tokens than tokens.
    """
    prompt = said.prompt_tokens or 0
    total = max(said.total_tokens or 0, prompt + (said.completion_tokens or 0))
    details = said.prompt_tokens_details or said.prompt_token_details or _NO_PROMPT_DETAILS
    cached = details.cached_tokens or said.prompt_cache_hit_tokens or said.cached_tokens or said.num_cached_tokens or 0
    written = details.cache_write_tokens or details.created_cache_tokens or 0
    completion_details = said.completion_tokens_details or _NO_COMPLETION_DETAILS
    reasoning = completion_details.reasoning_tokens or said.reasoning_tokens or 0
    output = total - prompt
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        total_tokens=total,
        input_tokens_details=InputTokensDetails(min(cached, prompt), written),
        output_tokens_details=OutputTokensDetails(min(reasoning, output)),
    )


def add_usage(one: Usage, other: Usage) -> Usage:
    """What two answers took together."""
    cached, more = one.input_tokens_details, other.input_tokens_details
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.total_tokens + other.total_tokens,
        InputTokensDetails(
            cached.cached_tokens + more.cached_tokens, cached.cache_write_tokens + more.cache_write_tokens
        ),
        OutputTokensDetails(one.output_tokens_details.reasoning_tokens + other.output_tokens_details.reasoning_tokens),
    )
