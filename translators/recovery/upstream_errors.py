"""What backends say when something goes wrong, in all their shapes, as one `UpstreamError`.

`read_error` takes an HTTP answer, `error_in_chunk` a chunk of a stream that began well. The patterns are
gathered from the servers' own messages; an error that is the client's fault is told with a 4xx.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
from msgspec import Struct

from translators.errors import UpstreamError
from translators.recovery.retry_after import retry_after_in
from translators.recovery.upstream_codes import (
    BASE_RESP,
    CODE_OF_STATUS,
    CONTEXT_LENGTH,
    INVALID,
    MEANING_OF_CODE,
    OVERLOADED,
    QUOTA,
    RATE_LIMIT,
    STATUS_OF_WORD,
    UNAUTHORIZED,
    Meaning,
    is_policy,
)
from translators.schema import chat

# For a rate limit that does not say when it ends: without any time Codex gives up (farion1231/cc-switch#7460).
DEFAULT_RETRY_SECONDS = "5"
_HINT_BYTES = 1 << 14
# As much of a message is looked at: patterns that look ahead take quadratic time.
_READ_CHARACTERS = 1 << 12

_OVERFLOW = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|maximum prompt length is"
    r"|reduce the length of the messages|exceeds the available context size|greater than the context length"
    r"|longer than the model'?s context length|input token count.*exceeds the maximum"
    r"|too large for model with \d+ maximum|context window exceeds limit|exceeded model token limit"
    r"|prompt is too long|prompt too long|request_too_large|current length is \d+ while limit is \d+"
    r"|inputs` (?:tokens \+|must have less than)|exceed context window|input length exceeds the context"
    r"|exceeds the context window|input is too long for requested model|exceeds the maximum allowed input length"
    r"|maximum input length is",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_HINT = 86_400
_TYPE_WORD = re.compile(r"[a-z0-9_.]+")
_LIMITED = re.compile(r"rate.?limit|too many requests|throttl", re.IGNORECASE)
_QUOTA = re.compile(r"insufficient.?(?:quota|balance|credit)|exceeded your current quota", re.IGNORECASE)
_OVERLOADED = re.compile(r"overloaded|at capacity|loading model", re.IGNORECASE)
# Gemini's word for a key that it does not know, with 400.
_BAD_KEY = re.compile(r"api key not valid|api_key_invalid", re.IGNORECASE)
# llama.cpp answers 500 for these mistakes of the client (fixtures/llamacpp-error-*).
_CLIENTS_FAULT = re.compile(
    r"image input is not supported|audio input is not supported|failed to parse tool call arguments", re.IGNORECASE
)


class Said(Struct):
    """The union of the fields in which backends put an error; any of them may hold anything."""

    error: Any = None
    message: Any = None
    msg: Any = None
    detail: Any = None
    title: Any = None
    type: Any = None
    error_type: Any = None
    param: Any = None
    code: Any = None
    error_code: Any = None
    metadata: Any = None
    raw: Any = None
    base_resp: Any = None
    status: Any = None
    status_code: Any = None
    status_msg: Any = None
    details: Any = None


class _RetryInfo(Struct):
    """Gemini's hint, one of several kinds of details."""

    retryDelay: str


def read_error(status: int, body: bytes, *, retry_after: str | None = None) -> UpstreamError:
    """The error in an HTTP answer; `status` is the upstream's, 200 for an error under a success."""
    try:
        said = _said(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        said = None
    retry_after = retry_after or retry_after_in(body[:_HINT_BYTES].decode(errors="replace"))
    if said is None:
        # Cerebras says no more of a full context.
        said = Said(code=CONTEXT_LENGTH.code) if status == 413 and not body.strip() else Said()
        return _error(status, f"The upstream answered {status} without an error message.", said, retry_after)
    return _error(status, _message(said) or f"The upstream answered {status}.", _inner(said), retry_after)


def error_in_chunk(chunk: chat.ChatChunk) -> UpstreamError | None:
    """The error a chunk carries, or None."""
    if chunk.error is None and chunk.base_resp is None and (chunk.choices is not None or chunk.message is None):
        return None
    said = Said(error=chunk.error, message=chunk.message, code=chunk.code, base_resp=chunk.base_resp, type=chunk.object)
    inner = _inner(said)
    if chunk.error is None and chunk.base_resp is not None and inner.status_code in (0, None):
        return None  # MiniMax reports its success, too
    return _error(
        200, _message(said) or "The upstream reported an error in its answer.", inner, retry_after_in(_message(said))
    )


def _said(value: Any) -> Said | None:
    if type(value) is list and value:  # Gemini wraps its error in an array
        value = value[0]
    if type(value) is str:
        return Said(message=value)
    return msgspec.convert(value, Said) if type(value) is dict else None


def _inner(said: Said) -> Said:
    """The innermost object that speaks of the error."""
    for nested in (said.error, said.base_resp):
        if type(nested) is dict:
            return msgspec.convert(nested, Said)
    return said


def _message(said: Said) -> str:
    inner = _inner(said)
    hidden = _said(inner.metadata) if type(inner.metadata) is dict else None
    candidates = (
        hidden.raw if hidden is not None else None,  # OpenRouter: what the provider behind it said
        inner.message,
        inner.msg,
        inner.status_msg,
        said.error,
        inner.detail,
        inner.title,
        said.message,
    )
    for candidate in candidates:
        text = _text(candidate)
        if text:
            return text
    return ""


def _text(value: Any) -> str:
    """What a message field says: text, or the lists and objects of validation errors."""
    if type(value) is str:
        return value
    if type(value) is list:
        return "; ".join(filter(None, (_text(member) for member in value)))
    if type(value) is dict:
        said = msgspec.convert(value, Said)
        return next(filter(None, (_text(field) for field in (said.message, said.msg, said.detail))), "")
    return ""


def _error(status: int, message: str, said: Said, retry_after: str | None) -> UpstreamError:
    code = said.code if said.code is not None else said.error_code
    kind = said.type if type(said.type) is str else said.error_type
    words = [word.lower() for word in (code, kind, said.status) if type(word) is str]
    meaning = _meaning(status, f"{message[:_READ_CHARACTERS]} {code} {kind}", words, said)
    return UpstreamError(
        message,
        status=meaning.status,
        type=kind if _says_something(kind) and meaning.status == status else _type_of(meaning.status),
        code=meaning.code,
        param=said.param if type(said.param) is str else None,
        retry_after=retry_after or _wait(message, said, meaning),
    )


def _hint(message: str, details: Any) -> str | None:
    """How long to wait, in whole seconds, where the body says so and no header did."""
    for detail in details if type(details) is list else ():
        try:
            return _seconds(float(msgspec.convert(detail, _RetryInfo).retryDelay.removesuffix("s")))
        except (msgspec.ValidationError, ValueError):
            continue
    return retry_after_in(message)


def _seconds(delay: float) -> str | None:
    return str(math.ceil(delay)) if 0 <= delay <= _LONGEST_HINT else None


def _meaning(status: int, text: str, words: list[str], said: Said) -> Meaning:
    """`words` are what it calls itself, in lower case."""
    if type(said.status_code) is int and said.status_code in BASE_RESP:
        known = BASE_RESP[said.status_code]
        return CONTEXT_LENGTH if known is INVALID and _OVERFLOW.search(text) else known
    if status < 400:
        status = _own_status(said.code, words)
    policy = next(filter(is_policy, words), None)
    if policy is not None:
        return Meaning(status if 400 <= status < 500 else 400, policy)
    for word in words:
        if word in MEANING_OF_CODE:
            return MEANING_OF_CODE[word]
    if _QUOTA.search(text):
        return QUOTA
    if _LIMITED.search(text):
        return RATE_LIMIT
    if _OVERFLOW.search(text):
        return CONTEXT_LENGTH
    if _BAD_KEY.search(text):
        return UNAUTHORIZED
    if status >= 500 and _CLIENTS_FAULT.search(text):
        return INVALID
    if status >= 500 and _OVERLOADED.search(text):
        return OVERLOADED
    return Meaning(status, _code(status, said))


def _own_status(code: Any, words: list[str]) -> int:
    """The status of an error that came under a success."""
    if type(code) is str and code.isdecimal():
        code = int(code[:4])
    if type(code) is int and 400 <= code < 600:
        return code
    return next((STATUS_OF_WORD[word] for word in words if word in STATUS_OF_WORD), 502)


def _code(status: int, said: Said) -> str:
    """Its own code, where that is a word; else what its status says."""
    code = said.code if said.code is not None else said.error_code
    if type(code) is str and code and not code.isdigit():
        return code
    return CODE_OF_STATUS.get(status) or ("server_error" if status >= 500 else "upstream_error")


def _wait(message: str, said: Said, meaning: Meaning) -> str | None:
    """How long to wait, in seconds, where the headers did not say; every rate limit has an answer."""
    hint = _hint(message, said.details) if meaning.status in (429, 503) else None
    if hint is None and meaning.status == 429 and meaning is not QUOTA:
        return DEFAULT_RETRY_SECONDS
    return hint


def _says_something(kind: Any) -> bool:
    """Types are words such as `server_error`; a class or a phrase of HTTP (vLLM's `BadRequestError`) is the status."""
    return type(kind) is str and kind != "error" and _TYPE_WORD.fullmatch(kind) is not None


def _type_of(status: int) -> str:
    return "server_error" if status >= 500 else "invalid_request_error"
