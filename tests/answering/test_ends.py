"""A4: how an answer ended, in anybody's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.asked import SPOKEN, USAGE, asked, of
from tests.support.chat_backend import sse_answer
from tests.support.drive import Stream, answer, delta
from translators.answering.ending import ending_of
from translators.wire.finish_reasons import is_finish

Json = dict[str, Any]
HI = delta(content="partial")
LENGTH = ("incomplete", {"reason": "max_output_tokens"})
FILTERED = ("incomplete", {"reason": "content_filter"})
FAILED = ("failed", None)
COMPLETED = ("completed", None)


@pytest.mark.parametrize(
    ("meant", "words"),
    [
        (LENGTH, "MAX_TOKENS LENGTH length incomplete max_output_tokens maxTokens Max-Tokens FINISH_REASON_MAX_TOKENS"),
        (FILTERED, "SAFETY RECITATION PROHIBITED_CONTENT BLOCKLIST SPII refusal guardrail_intervened content_filtered"),
        (FILTERED, "content-filter CONTENT_FILTER contentFilter IMAGE_SAFETY sensitive"),
        (FAILED, "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL timeout cancelled CANCELED error abort"),
        (FAILED, "model_context_window_exceeded insufficient_system_resource"),
        (COMPLETED, "STOP end_turn END_TURN tool_use TOOL_CALLS stop_sequence eos eos_token COMPLETE function_call"),
    ],
)
def test_a4_the_words_of_others(meant: tuple[str, Json | None], words: str) -> None:
    for word in words.split():
        stream = Stream({})
        response = stream.feed(HI, delta(word)).finish().response
        assert (response["status"], response["incomplete_details"]) == meant, word
        assert not [told for told in stream.inner.adaptations if "finish_reason" in told.param]


@pytest.mark.parametrize("word", ["repetition", "pause_turn", "whatever it is " * 100, "7"])
def test_a4_a_reason_that_nobody_knows_is_completed_and_told(word: str) -> None:
    stream = Stream({})
    assert stream.feed(HI, delta(word)).finish().response["status"] == "completed"
    [told] = [told for told in stream.inner.adaptations if "finish_reason" in told.param]
    assert word[:60] in told.reason
    assert len(told.reason) < 200


@pytest.mark.parametrize("nothing", ["", "null", "None", None, 0, False])
def test_what_says_nothing_ends_nothing(nothing: Any) -> None:
    odd = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": nothing}]}
    assert answer({}, odd, odd, delta("length")).response["status"] == "incomplete"
    stream = Stream({}).feed(odd)
    assert stream.finish(said_done=False).response["status"] == "failed"


@given(st.text())
def test_letters_and_punctuation_make_no_difference(word: str) -> None:
    assert ending_of(word) == ending_of(word.lower()) == ending_of(word.upper().lower())
    assert is_finish(word) or ending_of(word) is None


@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "timeout"])
async def test_a4_an_answer_that_was_spoilt_is_asked_for_again(tmp_path: Path, word: str) -> None:
    spoilt = sse_answer([delta(reasoning_content="hm"), delta(word), USAGE])
    async with asked(tmp_path, spoilt, SPOKEN) as (found, requests):
        response = of(found)
        assert response["status"] == "completed"
        assert response["output"][-1]["content"][0]["text"] == "Yes."
        assert len(requests) == 2
    async with asked(tmp_path, spoilt, spoilt) as (found, requests):
        response = of(found)
        assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
        assert len(requests) == 2
    async with asked(tmp_path, sse_answer([delta(content="a"), delta(word), USAGE])) as (found, requests):
        assert of(found)["status"] == "failed"  # what has gone out cannot be taken back
        assert len(requests) == 1
