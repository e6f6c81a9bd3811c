"""How much of a request and of an upstream's answer is taken: over it is an error that says which limit, never a part.

The two that a configuration may set are in `AnswerLimits`; the others are far beyond what clients send and models say,
and only there so that nothing takes more memory, or time, than its bytes explain.
"""

from __future__ import annotations

from msgspec import Struct

from translators.errors import InvalidRequest, UpstreamProtocolError

ANSWER_TOO_LARGE = "answer_too_large"
"""The code of a response that failed for any of these limits."""

MAX_REQUEST_ITEMS = 32_768
"""Items of a request with those that it goes on from: a million tokens of window hold as many of thirty tokens each."""

MAX_TOOLS = 4_096
"""Tools of a request, those within namespaces and those that were found counted: thirty times what backends take."""

MAX_ITEMS = 10_000
"""Messages, thoughts and calls of one response: each costs some kilobytes."""

MAX_MENDED_BYTES = 1 << 20
"""Of a payload that is no JSON as it stands and may become some: to look for what is wrong takes up to 0.2 seconds a
megabyte, and all streams wait for it. Longer ones are pictures, which hold no halves of letters."""

MAX_CALLS = 2_000
"""Calls of one answer: agents make a few dozen at once, and a client has to run each."""


class AnswerLimits(Struct, frozen=True):
    """In bytes, of the body after it was inflated.

    `event` is what has come of one event whose end has not: the longest known are pictures of some 20 MB in base64.
    `answer` is everything: a server that repeats itself in every chunk takes 300 bytes for a token, so that this is
    four hundred thousand tokens, three times what any model says in one answer.
    """

    event: int = 32 << 20
    answer: int = 128 << 20


DEFAULT_LIMITS = AnswerLimits()


def too_many_request_items(count: int) -> InvalidRequest:
    return InvalidRequest(
        f"The request has {count} items, with those that it goes on from; {MAX_REQUEST_ITEMS} are taken.",
        param="input",
        code="too_many_items",
    )


def too_many_tools() -> InvalidRequest:
    message = f"The request has more than {MAX_TOOLS} tools."
    return InvalidRequest(message, param="tools", code="too_many_tools")


def event_too_large(limit: int) -> UpstreamProtocolError:
    return _too_large(f"An event of the upstream's answer is larger than the limit of {limit} bytes (max_event_bytes).")


def answer_too_large(limit: int) -> UpstreamProtocolError:
    return _too_large(f"The upstream's answer is larger than the limit of {limit} bytes (max_answer_bytes).")


def too_large_to_mend() -> UpstreamProtocolError:
    return _too_large(
        "The upstream sent something that is not JSON, and it is larger than the limit"
        f" of {MAX_MENDED_BYTES} bytes up to which that can be mended."
    )


def too_many_items() -> UpstreamProtocolError:
    return _too_large(f"The upstream's answer has more than {MAX_ITEMS} items.")


def too_many_calls() -> UpstreamProtocolError:
    return _too_large(f"The upstream's answer has more than {MAX_CALLS} calls.")


def _too_large(message: str) -> UpstreamProtocolError:
    return UpstreamProtocolError(message, code=ANSWER_TOO_LARGE)
