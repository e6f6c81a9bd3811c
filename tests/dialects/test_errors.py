"""Every shape in which a backend says that something went wrong, and every spelling of a full context."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.translation import encode
from translators.recovery.upstream_errors import error_in_chunk, read_error
from translators.wire.chunks import parse_chunk

# Backend, HTTP status, body → status, code, a part of the message.
SHAPES: list[tuple[str, int, Any, tuple[int, str, str]]] = [
    ("openai", 400, {"error": {"message": "no", "type": "t", "param": "p", "code": "c"}}, (400, "c", "no")),
    (
        "azure",
        400,
        {"error": {"message": "filtered", "code": "content_filter", "innererror": {"code": "x"}}},
        (400, "content_filter", "filtered"),
    ),
    ("ollama", 404, {"error": {"message": "model not found", "type": "not_found_error"}}, (404, "not_found", "model")),
    (
        "groq",
        400,
        {"error": {"message": "bad call", "code": "tool_use_failed", "failed_generation": "<f>"}},
        (400, "tool_use_failed", "bad call"),
    ),
    ("together as text", 500, {"error": "broken"}, (500, "server_error", "broken")),
    (
        "vllm",
        400,
        {"error": {"message": "bad", "type": "BadRequestError", "param": None, "code": 400}},
        (400, "", "bad"),
    ),
    ("glm", 400, {"error": {"code": "1210", "message": "bad"}}, (400, "", "bad")),
    (
        "openrouter",
        502,
        {"error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": '{"error":"boom"}'}}},
        (502, "server_error", "boom"),
    ),
    (
        "mistral",
        422,
        {"object": "error", "message": {"detail": [{"loc": ["body", "x"], "msg": "Extra inputs"}]}, "code": None},
        (422, "", "Extra inputs"),
    ),
    (
        "mistral bare",
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body"], "msg": "Extra"}]},
        (422, "", "Extra"),
    ),
    ("sglang", 400, {"object": "error", "message": "no", "type": "BadRequest", "code": 400}, (400, "", "no")),
    (
        "cerebras",
        400,
        {"message": "no", "type": "invalid", "param": "x", "code": "wrong_api_format"},
        (400, "wrong", "no"),
    ),
    (
        "gemini",
        400,
        [{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT", "details": []}}],
        (400, "", "no"),
    ),
    ("xai", 400, {"code": "Client specified an invalid argument", "error": "no"}, (400, "", "no")),
    ("tgi", 422, {"error": "Input validation error", "error_type": "validation"}, (422, "", "Input")),
    ("databricks", 400, {"error_code": "BAD_REQUEST", "message": "no"}, (400, "BAD_REQUEST", "no")),
    ("perplexity", 400, {"error": {"code": 400, "message": "no", "type": "invalid"}}, (400, "", "no")),
    (
        "nim",
        400,
        {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "no", "requestId": "r"},
        (400, "", "no"),
    ),
    (
        "nim too",
        400,
        {"message": "Validation: Unsupported parameter(s): x", "type": "t", "code": 400},
        (400, "", "Unsup"),
    ),
    (
        "minimax",
        200,
        {"base_resp": {"status_code": 1008, "status_msg": "balance"}},
        (429, "insufficient_quota", "balance"),
    ),
    ("fastapi", 404, {"detail": "Not Found"}, (404, "not_found", "Not Found")),
]


@pytest.mark.parametrize(("status", "body", "expected"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
def test_each_shape_is_read(status: int, body: Any, expected: tuple[int, str, str]) -> None:
    error = read_error(status, encode(body))
    assert error.status == expected[0]
    assert (error.code or "").startswith(expected[1])
    assert expected[2] in error.message


IN_A_STREAM: list[Any] = [
    {"error": {"message": "boom", "type": "server_error"}},
    {"error": "boom", "code": "x"},
    {"object": "error", "message": "boom", "code": 500},
    [{"error": {"code": 500, "message": "boom"}}],
    {"id": "g", "choices": [], "error": {"code": 502, "message": "boom"}},
    {"base_resp": {"status_code": 1000, "status_msg": "boom"}},
    {"error": "boom", "error_type": "generation"},
]


@pytest.mark.parametrize("chunk", IN_A_STREAM)
def test_an_error_in_a_stream_is_one(chunk: Any) -> None:
    error = error_in_chunk(parse_chunk(encode(chunk)))
    assert error is not None
    assert "boom" in error.message
    assert error.status >= 500


OVERFLOWS = [
    "Error code context_length_exceeded",
    "type: exceed_context_size_error",
    "This model's maximum context length is 8192 tokens. However, you requested 9000",
    "exceeds the model's maximum context length of 8,192",
    "This model's maximum prompt length is 131072 but the request contains 150000 tokens",
    "Please reduce the length of the messages or completion.",
    "the request exceeds the available context size, try increasing it",
    "Trying to keep the first 9000 tokens when context the overflows; it is greater than the context length",
    "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "The input token count (2000000) exceeds the maximum number of tokens allowed",
    "Prompt contains 40000 tokens and is too large for model with 32768 maximum context length",
    "invalid params, context window exceeds limit",
    "Your request exceeded model token limit: 262144",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "request_too_large",
    "Please reduce it. Current length is 9000 while limit is 8192",
    "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
    "`inputs` must have less than 4096 tokens. Given: 5000",
    "Requested tokens (9000) exceed context window of 8192",
    "prompt too long; exceeded max context length by 12 tokens",
    "input exceeds maximum context length",
    "the input length exceeds the context length",
    "Your input exceeds the context window of this model.",
    "Input is too long for requested model.",
    "The input exceeds the maximum allowed input length",
    "Range of input length: maximum input length is 129024",
]


@pytest.mark.parametrize("message", OVERFLOWS)
def test_a_full_context_in_each_spelling(message: str) -> None:
    error = read_error(400, encode({"error": {"message": message}}))
    assert (error.status, error.code) == (400, "context_length_exceeded")


def test_an_empty_413_is_a_full_context() -> None:
    assert read_error(413, b"").code == "context_length_exceeded"


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit reached: prompt is too long for your tokens per minute",
        "Too many requests: reduce the length of the messages",
        "ThrottlingException: input is too long for requested model",
    ],
)
def test_a_limit_of_rates_is_none_of_context(message: str) -> None:
    error = read_error(429, encode({"error": {"message": message}}))
    assert (error.status, error.code) == (429, "rate_limit_exceeded")


HINTS: list[tuple[Any, str | None, str | None]] = [
    ({"message": "Rate limit reached. Please try again in 1m2.5s."}, None, "63"),
    ({"message": "Rate limit reached. Please try again in 250ms."}, None, "1"),
    ({"message": "Too many requests. Please retry after 20 seconds."}, None, "20"),
    ({"message": "rate limit", "details": [{"@type": "x"}, {"retryDelay": "13.4s"}]}, None, "14"),
    ({"message": "rate limit; try again in 9s"}, "5", "5"),
    ({"message": "rate limit"}, None, "5"),
]


@pytest.mark.parametrize(("said", "header", "expected"), HINTS)
def test_how_long_to_wait(said: Any, header: str | None, expected: str | None) -> None:
    assert read_error(429, encode({"error": said}), retry_after=header).retry_after == expected


def test_a_long_user_is_no_long_prompt() -> None:
    body = {
        "error": {
            "message": "Invalid 'user': string too long. Expected maximum length 64",
            "code": "string_above_max_length",
        }
    }
    assert read_error(400, json.dumps(body).encode()).code == "string_above_max_length"
