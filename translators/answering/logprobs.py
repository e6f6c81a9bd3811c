"""Log probabilities of Chat Completions as the Responses API shapes them."""

from __future__ import annotations

from msgspec import Struct

from translators.schema import chat


class TopLogprob(Struct, frozen=True):
    token: str
    bytes: list[int]
    logprob: float


class Logprob(TopLogprob, frozen=True):
    top_logprobs: list[TopLogprob]


def response_logprobs(tokens: list[chat.TokenLogprob] | None) -> list[Logprob]:
    return [
        Logprob(
            token.token,
            token.bytes or [],
            token.logprob,
            [TopLogprob(top.token, top.bytes or [], top.logprob) for top in token.top_logprobs or ()],
        )
        for token in tokens or ()
    ]
