"""Codes of errors, as data: what they mean before a stream and within it, in any case of letters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.drive import answer, delta
from tests.support.translation import encode
from translators.answering.ending import OVERFLOWN, unfinished
from translators.recovery.upstream_errors import error_in_chunk, read_error
from translators.wire.chunks import parse_chunk

POLICIES = [
    "bio_policy",
    "cyber_policy",
    "misalignment_policy_violation",
    "image_content_policy_violation",
    "content_policy_violation",
    "some_new_policy",
]


def _said(code: Any, **more: Any) -> dict[str, Any]:
    return {"error": {"message": "Told so.", "code": code, **more}}


@pytest.mark.parametrize("code", POLICIES)
@pytest.mark.parametrize("spelled", [str, str.upper])
def test_a_refused_subject_keeps_its_code(code: str, spelled: Any) -> None:
    """Codex asks again after `server_error`."""
    for status, kept in ((400, 400), (403, 403), (500, 400)):
        error = read_error(status, encode(_said(spelled(code))))
        assert (error.status, error.code) == (kept, code)
    in_chunk = error_in_chunk(parse_chunk(encode(_said(spelled(code)))))
    assert in_chunk is not None
    assert (in_chunk.status, in_chunk.code) == (400, code)
    found = answer({}, delta(content="a"), {"choices": [], **_said(spelled(code))}, said_done=False)
    assert found.response["error"] == {"code": code, "message": "Told so."}


def test_a_type_may_say_it() -> None:
    assert read_error(400, encode(_said(None, type="cyber_policy"))).code == "cyber_policy"


@pytest.mark.parametrize("code", ["image_too_large", "invalid_image_url", "data_residency_mismatch"])
def test_the_codes_of_a_response_stay(code: str) -> None:
    found = answer({}, {"choices": [], **_said(code)}, said_done=False)
    assert found.response["error"]["code"] == code


def test_a_code_that_a_response_cannot_have_is_told_in_words() -> None:
    found = answer({}, {"choices": [], **_said("engine_on_fire")}, said_done=False)
    assert found.response["error"] == {"code": "server_error", "message": "Told so. (code: engine_on_fire)"}


WORDS: list[tuple[int, Any, int, str]] = [
    (200, _said("RATE_LIMIT_EXCEEDED"), 429, "rate_limit_exceeded"),
    (200, _said("429"), 429, "rate_limit_exceeded"),
    (200, _said(None, type="overloaded_error"), 503, "server_is_overloaded"),
    (200, _said(None, type="invalid_request_error"), 400, "upstream_error"),
    (200, _said(None, status="RESOURCE_EXHAUSTED"), 429, "rate_limit_exceeded"),
    (200, _said(None, status="UNAUTHENTICATED"), 401, "invalid_api_key"),
    (
        400,
        _said(400, status="INVALID_ARGUMENT", message="API key not valid. Pass a valid one."),
        401,
        "invalid_api_key",
    ),
    (400, _said("Context_Length_Exceeded"), 400, "context_length_exceeded"),
    (402, _said(402), 402, "insufficient_quota"),
    (413, {"error": "Request body too large (max 1MB)"}, 413, "request_too_large"),
    (413, {"error": {"message": "max 1MB"}}, 413, "request_too_large"),
]


@pytest.mark.parametrize(("status", "body", "meant", "code"), WORDS)
def test_words_and_statuses(status: int, body: Any, meant: int, code: str) -> None:
    error = read_error(status, encode(body))
    assert (error.status, error.code) == (meant, code)


def test_a_page_of_413_is_no_full_context() -> None:
    error = read_error(413, b"<html>413 Request Entity Too Large</html>")
    assert (error.status, error.code) == (413, "request_too_large")


def test_an_answer_that_fills_the_window_is_the_clients_matter() -> None:
    """GLM's finish reason."""
    assert unfinished(OVERFLOWN).status == 400
    found = answer({}, delta("model_context_window_exceeded", content="a"))
    assert found.response["error"]["code"] == "context_length_exceeded"
