"""A5: token counts in every spelling, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.drive import answer, delta
from tests.support.translation import Json, Run
from translators.answering.counts import MAX_TOKENS, read_counts
from translators.answering.usage import read_usage

HI = delta(content="hi")
STOP = delta("stop")


def used(*usages: Any) -> tuple[int, int, int, int, int, int]:
    """Input, cached, cache writes, output, reasoning, total, for an answer with these usages in chunks of their own."""
    usage = answer({}, HI, STOP, *({"choices": [], "usage": each} for each in usages)).response["usage"]
    cached, output = usage["input_tokens_details"], usage["output_tokens_details"]
    return (
        usage["input_tokens"],
        cached["cached_tokens"],
        cached["cache_write_tokens"],
        usage["output_tokens"],
        output["reasoning_tokens"],
        usage["total_tokens"],
    )


CACHE: Json = {"cache_read_input_tokens": 10536, "cache_creation_input_tokens": 0}


@pytest.mark.parametrize(
    ("usage", "meant"),
    [
        # Portkey-AI/gateway#1211: the prompt without the cached tokens, which the total holds.
        (
            {"prompt_tokens": 368, "completion_tokens": 19, "total_tokens": 10923, **CACHE},
            (10904, 10536, 0, 19, 0, 10923),
        ),
        # The same, added up by a gateway.
        (
            {"prompt_tokens": 10904, "completion_tokens": 19, "total_tokens": 10923, **CACHE},
            (10904, 10536, 0, 19, 0, 10923),
        ),
        # A total without the cached tokens: a part is larger than the whole.
        (
            {"prompt_tokens": 368, "completion_tokens": 19, "total_tokens": 387, **CACHE},
            (10904, 10536, 0, 19, 0, 10923),
        ),
        # Anthropic's own.
        (
            {"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 20},
            (33, 10, 20, 5, 0, 38),
        ),
        # What was written was left out alone.
        (
            {
                "prompt_tokens": 110,
                "completion_tokens": 5,
                "total_tokens": 135,
                "cache_read_input_tokens": 10,
                "cache_creation_input_tokens": 20,
            },
            (130, 10, 20, 5, 0, 135),
        ),
        # The Responses API's own.
        (
            {
                "input_tokens": 9,
                "output_tokens": 5,
                "total_tokens": 14,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 2},
            },
            (9, 4, 0, 5, 2, 14),
        ),
        # Gemini's own, in which thoughts are no part of the answer.
        (
            {
                "promptTokenCount": 9,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 7,
                "cachedContentTokenCount": 4,
                "totalTokenCount": 21,
            },
            (9, 4, 0, 12, 7, 21),
        ),
        ({"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 7}, (9, 0, 0, 12, 7, 21)),
        # xAI: the reasoning is in the total alone.
        (
            {
                "prompt_tokens": 307,
                "completion_tokens": 26,
                "total_tokens": 560,
                "completion_tokens_details": {"reasoning_tokens": 227},
            },
            (307, 0, 0, 253, 227, 560),
        ),
        # DashScope counts what it cached inside of the prompt.
        (
            {
                "prompt_tokens": 30,
                "completion_tokens": 5,
                "total_tokens": 35,
                "prompt_tokens_details": {"cached_tokens": 10, "cache_creation_input_tokens": 20},
            },
            (30, 10, 20, 5, 0, 35),
        ),
        ({"completion_tokens": 5, "total_tokens": 14}, (9, 0, 0, 5, 0, 14)),
        ({"prompt_tokens": "9", "completion_tokens": "5", "total_tokens": 14.0}, (9, 0, 0, 5, 0, 14)),
        # One odd count leaves the others as they are.
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": []}},
            (9, 0, 0, 5, 0, 14),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": []}, (9, 0, 0, 5, 0, 14)),
        ({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": {}}, (9, 0, 0, 5, 0, 14)),
    ],
)
def test_a5_every_spelling_means_the_same(usage: Json, meant: tuple[int, ...]) -> None:
    assert used(usage) == meant


@pytest.mark.parametrize(
    "usages",
    [
        [{"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}, dict.fromkeys(("prompt_tokens",), 0)],
        [
            {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
            {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        ],
        [{"prompt_tokens": 9, "total_tokens": 9}, {"completion_tokens": 5}],
        [{"input_tokens": 9, "output_tokens": 1}, {"output_tokens": 5}],
        [
            {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
            {"prompt_tokens": 9, "completion_tokens": 5},
        ],
        [{"total_tokens": 14}, {"prompt_tokens": 9}],
        [{"prompt_tokens": 9, "completion_tokens": 5}, None, {}, "odd"],
    ],
)
def test_a5_counts_come_together_from_several_chunks(usages: list[Any]) -> None:
    assert used(*usages) == (9, 0, 0, 5, 0, 14)


@pytest.mark.parametrize(
    ("usage", "at"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 5, "made_up": 3}, "usage.made_up"),
        ({"prompt_tokens": 9, "completion_tokens": [1]}, "usage.completion_tokens"),
        ({"prompt_tokens": 9, "prompt_tokens_details": 3}, "usage.prompt_tokens_details"),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"made_up": 3}}, "usage.prompt_tokens_details.made_up"),
        ([3], "usage"),
    ],
)
def test_what_is_no_count_is_told(usage: Any, at: str) -> None:
    run = Run().feed(HI, STOP, {"choices": [], "usage": usage})
    run.finish()
    assert at in [adaptation.param for adaptation in run.stream.adaptations]


def test_costs_durations_and_kinds_of_tokens_are_nothing_to_tell_of() -> None:
    said = {"prompt_tokens": 9, "cost": 0.1, "is_byok": True, "queue_time": 1.5, "prompt_cache_miss_tokens": 9}
    assert read_counts(said)[1] == []


COUNTS = st.one_of(st.integers(), st.floats(), st.text(max_size=3), st.none(), st.booleans(), st.just({}))
NAMES = st.sampled_from(
    [
        *("prompt_tokens", "input_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens"),
        *("cache_read_input_tokens", "cache_creation_input_tokens", "thoughtsTokenCount", "prompt_tokens_details", "x"),
    ]
)


@given(st.recursive(st.dictionaries(NAMES, COUNTS), lambda inner: st.dictionaries(NAMES, inner | COUNTS)))
def test_any_usage_gives_counts_that_agree(said: Json) -> None:
    counts, _ = read_counts(said)
    usage = read_usage(counts)
    assert 0 <= usage.input_tokens <= MAX_TOKENS
    assert 0 <= usage.output_tokens <= MAX_TOKENS
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens_details.cached_tokens <= usage.input_tokens
    assert usage.output_tokens_details.reasoning_tokens <= usage.output_tokens
