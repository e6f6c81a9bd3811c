"""`read_counts(said)`: the token counts of an answer in every spelling, each read by itself.

OpenAI, Anthropic, Gemini, DeepSeek, Kimi, Mistral, vLLM, SGLang, Bedrock's gateways: the tables below hold their words,
compared without regard to case and punctuation. One odd count leaves the others as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from translators.report import Adaptation
from translators.wire.payload import UNKNOWN, says_something
from translators.words import bare

# Far beyond any window or bill; and two of them together still fit the 32 bits in which some clients read a count.
MAX_TOKENS = 1_000_000_000
UNBELIEVABLE = Adaptation(
    "changed", "usage", f"the upstream counted below 0 or above {MAX_TOKENS}: taken as not counted"
)
_MAX_ODD = 16
_MAX_NAME = 64
_DETAILS, _BESIDE = "details", "beside"


class Counts(Struct):
    """What an upstream said of its tokens; None where it said nothing.

    `cache_read` and `cache_creation` are Anthropic's, which `prompt` may leave out; `cached` and `cache_write` are
    parts of it. `thoughts` is Gemini's, which `completion` leaves out; `reasoning` is a part of it.
    """

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    cache_read: int | None = None
    cache_creation: int | None = None
    reasoning: int | None = None
    thoughts: int | None = None

    def updated(self, later: Counts) -> Counts:
        """These counts after another word on the same answer, in which zeros take nothing back."""
        said = {name: count for name in self.__struct_fields__ if (count := getattr(later, name))}
        both = msgspec.structs.replace(self, **said)
        told = "prompt" in said or "completion" in said
        if told and "total" not in said and both.prompt is not None and both.completion is not None:
            both.total = None  # it was the total of the earlier counts
        for name in self.__struct_fields__:
            if getattr(both, name) is None:
                setattr(both, name, getattr(later, name))
        return both


# Each count in the words of everybody.
SPELLINGS: dict[str, str] = {
    "prompt": "prompt_tokens input_tokens prompt_token_count input_token_count",
    "completion": "completion_tokens output_tokens candidates_token_count completion_token_count output_token_count"
    " generated_tokens",
    "total": "total_tokens total_token_count",
    "cached": "cached_tokens num_cached_tokens prompt_cache_hit_tokens cached_content_token_count cached_prompt_tokens",
    "cache_write": "cache_write_tokens created_cache_tokens",
    "cache_read": "cache_read_input_tokens cache_read_input_token_count",
    "cache_creation": "cache_creation_input_tokens cache_write_input_tokens cache_write_input_token_count",
    "reasoning": "reasoning_tokens",
    "thoughts": "thoughts_token_count",
}


def _table(spellings: Mapping[str, str]) -> dict[str, str]:
    return {bare(word): meaning for meaning, words in spellings.items() for word in words.split()}


_WORDS = _table(SPELLINGS)
# Inside of the objects below; what is about the prompt there is a part of it.
_WORDS_OF_DETAILS = _WORDS | _table(
    {
        "cached": "cache_read_input_tokens",
        "cache_write": "cache_creation_input_tokens cache_creation_tokens",
        "reasoning": "thinking_tokens",
    }
)
_WORDS_FOR_DETAILS = frozenset(
    map(
        bare,
        (
            *("prompt_tokens_details", "prompt_token_details", "input_tokens_details", "input_token_details"),
            *("completion_tokens_details", "completion_token_details"),
            *("output_tokens_details", "output_token_details"),
        ),
    )
)
# Money, durations, searches, and tokens by kind: parts of what is counted above, or no tokens.
_WORDS_BESIDE = frozenset(
    map(
        bare,
        (
            *("cost", "cost_details", "cost_in_usd_ticks", "is_byok", "service_tier", "inference_geo"),
            *("queue_time", "prompt_time", "completion_time", "total_time"),
            *("num_sources_used", "num_search_queries", "citation_tokens", "search_context_size", "server_tool_use"),
            *("prompt_cache_miss_tokens", "cache_creation", "cache_type", "tool_use_prompt_token_count"),
            *("text_tokens", "image_tokens", "audio_tokens", "video_tokens", "file_tokens"),
            *("accepted_prediction_tokens", "rejected_prediction_tokens", "prompt_audio_seconds"),
        ),
    )
)


_COUNTS = frozenset(Counts.__struct_fields__)


def read_counts(said: Any, at: str = "usage") -> tuple[Counts, list[Adaptation]]:
    """The counts in what an upstream calls its usage, and what of it could not be read."""
    reading = _Reading()
    if type(said) is dict:
        reading.read(said, at)
    elif said is not None:
        reading.leave_out(at, "it should be an object")
    return Counts(**reading.counts), reading.odd


class _Reading:
    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.odd: list[Adaptation] = []

    def read(self, said: Mapping[str, Any], at: str, *, details: bool = False) -> None:
        counts = self.counts
        for name, value in said.items():
            if value is None:
                continue
            meaning = _meaning(name, details=details)
            if meaning in _COUNTS:
                if type(value) is int and 0 <= value <= MAX_TOKENS and meaning not in counts:
                    counts[meaning] = value  # as nearly all come
                else:
                    self._take(meaning, value, at, name)
            elif meaning == _DETAILS and type(value) is dict:
                self.read(value, f"{at}.{name[:_MAX_NAME]}", details=True)
            elif meaning != _BESIDE and says_something(value):
                self.leave_out(f"{at}.{name[:_MAX_NAME]}", "it should be an object" if meaning == _DETAILS else UNKNOWN)

    def _take(self, meaning: str, value: Any, at: str, name: str) -> None:
        """Of several spellings of one count the first that is not zero counts."""
        count = value if type(value) is int else _whole(value)
        if count is None:
            self.leave_out(f"{at}.{name[:_MAX_NAME]}", "it is no count")
        elif not 0 <= count <= MAX_TOKENS:
            self._tell(UNBELIEVABLE)
        elif meaning not in self.counts or not self.counts[meaning]:
            self.counts[meaning] = count

    def leave_out(self, at: str, reason: str) -> None:
        self._tell(Adaptation("dropped", at, reason))

    def _tell(self, adaptation: Adaptation) -> None:
        if len(self.odd) < _MAX_ODD:
            self.odd.append(adaptation)


@lru_cache(maxsize=512)  # upstreams say the same few words with every answer, some with every chunk
def _meaning(name: str, *, details: bool) -> str:
    """The count that a name stands for, `_DETAILS`, `_BESIDE`, or "" for a name that nobody knows."""
    word = bare(name[:_MAX_NAME])
    if details:
        return _WORDS_OF_DETAILS.get(word) or (_BESIDE if word in _WORDS_BESIDE else "")
    if word in _WORDS_FOR_DETAILS:
        return _DETAILS
    return _WORDS.get(word) or (_BESIDE if word in _WORDS_BESIDE else "")


def _whole(value: Any) -> int | None:
    """A count that came as a number with a fraction, or as digits."""
    if type(value) is str and len(value) <= _MAX_NAME:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) is not float or value != value:
        return None
    return int(min(max(value, -1.0), 2.0 * MAX_TOKENS))
