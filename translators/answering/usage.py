"""`UsageSum`: the tokens that a response took, over all answers that went into it; estimated where nobody counted."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from translators.answering.counts import MAX_TOKENS, Counts
from translators.long_text import AnyText
from translators.schema.responses import InputTokensDetails, OutputTokensDetails, Usage
from translators.token_estimate import estimated_tokens, text_tokens


class UsageSum:
    """What the upstream said of an answer, count by count; `begin_again` puts it beside those before."""

    def __init__(self) -> None:
        self.said: Counts | None = None
        self._spent: Usage | None = None

    def take(self, said: Counts) -> None:
        """Another word on the answer, of which there may be one with every chunk."""
        self.said = said if self.said is None else self.said.updated(said)

    def spend(self, usage: Usage | None) -> None:
        """Adds what was spent otherwise."""
        self._spent = _sum(self._spent, usage)

    def begin_again(self) -> None:
        self._spent, self.said = self.total(), None

    @property
    def is_lacking(self) -> bool:
        """Whether the upstream left a count out. A prompt of no tokens is one that nobody counted."""
        said = self.said
        if said is None or (said.completion is None and said.total is None):
            return True
        return not said.prompt and not read_usage(said).input_tokens

    def estimate(self, body: bytes, written: Iterable[AnyText], thought: Iterable[AnyText]) -> None:
        """Fills in what was left out: for the request that had this body, and an answer with these texts."""
        said = self.said or Counts()
        reasoning = text_tokens(thought) if said.reasoning is None else said.reasoning
        self.said = msgspec.structs.replace(
            said,
            prompt=said.prompt if read_usage(said).input_tokens else estimated_tokens(body),
            completion=said.completion or text_tokens(written),
            total=None,
            reasoning=reasoning,
        )

    def total(self) -> Usage | None:
        return _sum(self._spent, None if self.said is None else read_usage(self.said))


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    return one or other if one is None or other is None else add_usage(one, other)


def read_usage(said: Counts) -> Usage:
    """Token counts in one form; counts that contradict each other are made consistent.

    xAI leaves reasoning out of `completion_tokens` but not out of the total, and may report more cached
    tokens than tokens.
    """
    prompt = _prompt(said) if said.cache_read or said.cache_creation else said.prompt or 0
    prompt, completion = min(prompt, MAX_TOKENS), said.completion
    if completion is not None and not said.total:
        completion += said.thoughts or 0
    if not prompt and said.total and completion is not None:
        prompt = max(said.total - completion, 0)
    output = min(max((said.total or 0) - prompt, completion or 0), MAX_TOKENS)
    cached, written = said.cached or said.cache_read, said.cache_write or said.cache_creation
    reasoning = said.reasoning or said.thoughts
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        total_tokens=prompt + output,
        input_tokens_details=InputTokensDetails(
            min(cached, prompt) if cached else 0, min(written, prompt) if written else 0
        ),
        output_tokens_details=OutputTokensDetails(min(reasoning, output) if reasoning else 0),
    )


def _prompt(said: Counts) -> int:
    """The tokens of the prompt with those that a cache gave or took, which Anthropic counts apart.

    Gateways hand its counts on as they are, or add them up themselves: the total tells, and a part that is larger than
    the whole (Portkey-AI/gateway#1211, envoyproxy/ai-gateway#1721, mozilla-ai/any-llm#814).
    """
    prompt, read, written = said.prompt or 0, said.cache_read or 0, said.cache_creation or 0
    if said.total is not None and said.completion is not None:
        apart = said.total - prompt - said.completion
        exactly = [missing for missing in (read + written, read, written) if missing and missing == apart]
        if exactly or 0 < read + written <= apart:
            return prompt + (exactly or [read + written])[0]
    return prompt + read + written if read + written > prompt else prompt


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
