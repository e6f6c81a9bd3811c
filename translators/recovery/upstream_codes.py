"""The codes of errors as data: what backends call what went wrong, in any case of letters, and what it means.

A `Meaning` is the status and the code that clients act upon. A code that stands nowhere here passes as it is.
"""

from __future__ import annotations

import re

from msgspec import Struct

from translators.errors import LONGEST_CODE


class Meaning(Struct, frozen=True):
    """The status and code that clients act upon."""

    status: int
    code: str


CONTEXT_LENGTH = Meaning(400, "context_length_exceeded")
RATE_LIMIT = Meaning(429, "rate_limit_exceeded")
QUOTA = Meaning(429, "insufficient_quota")
OVERLOADED = Meaning(503, "server_is_overloaded")
UNAUTHORIZED = Meaning(401, "invalid_api_key")
INVALID = Meaning(400, "invalid_value")

# Codes and types whose meaning is theirs whatever the status that came with them.
MEANING_OF_CODE: dict[str, Meaning] = {
    "context_length_exceeded": CONTEXT_LENGTH,
    "exceed_context_size_error": CONTEXT_LENGTH,  # llama-server
    "rate_limit_exceeded": RATE_LIMIT,
    "rate_limit_error": RATE_LIMIT,  # Anthropic
    "insufficient_quota": QUOTA,
    "overloaded_error": OVERLOADED,  # Anthropic
    "server_is_overloaded": OVERLOADED,
    "slow_down": Meaning(503, "slow_down"),
    "invalid_api_key": UNAUTHORIZED,
    "api_key_invalid": UNAUTHORIZED,  # Gemini, with 400
    "authentication_error": UNAUTHORIZED,  # Anthropic
    "unauthenticated": UNAUTHORIZED,  # Google's own word for 401
}

# Statuses of errors that came without one, in a stream or under a success: by types, and by Google's words.
STATUS_OF_WORD: dict[str, int] = {
    "invalid_request_error": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "not_found": 404,
    "resource_exhausted": 429,
    "unavailable": 503,
    "deadline_exceeded": 504,
}

CODE_OF_STATUS: dict[int, str] = {
    401: "invalid_api_key",
    402: "insufficient_quota",
    404: "not_found",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    503: "server_is_overloaded",
}

# MiniMax's own numbers, sent with HTTP 200.
BASE_RESP: dict[int, Meaning] = {
    1002: RATE_LIMIT,
    1004: UNAUTHORIZED,
    1008: QUOTA,
    1039: CONTEXT_LENGTH,
    2013: INVALID,
}

# What `response.error.code` may say: OpenAI's list, and the codes that Codex acts upon beside it. It tries again after
# any other.
FAILURE_CODES = frozenset(
    {
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
        "data_residency_mismatch",
        "bio_policy",
        "cyber_policy",
        "misalignment_policy_violation",
        "vector_store_timeout",
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_content_policy_violation",
        "invalid_image_mode",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
        "context_length_exceeded",
        "insufficient_quota",
        "usage_not_included",
        "server_is_overloaded",
        "slow_down",
    }
)
# What says that the request itself is refused for what it is about, in new words, too.
_is_policy = re.compile(r"[a-z0-9_.]*polic(?:y|ies)(?:_[a-z0-9_]+)?").fullmatch


def is_policy(code: str) -> bool:
    """Whether a code, in lower case, is the refusal of a subject, which asking again will not change."""
    return len(code) <= LONGEST_CODE and _is_policy(code) is not None
