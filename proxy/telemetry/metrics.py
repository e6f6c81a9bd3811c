"""`Metrics`: what this process has done, counted once a request and once a response, in Prometheus' text format.

Every label has a bounded number of values: names of the configuration, words of the protocol, `other` for the rest.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from proxy.process.watchdog import LoopLag
from proxy.telemetry.observer import Ending, Kind, Observer
from proxy.upstream.health import Condition
from translators.report import Adaptation
from translators.schema.chat import ChatChunk, ChatRequest
from translators.schema.responses import Response, ResponsesRequest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_KNOWN = frozenset({*ResponsesRequest.__struct_fields__, *ChatRequest.__struct_fields__, *ChatChunk.__struct_fields__})
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = tuple[str, ...]


class _Family:
    """One counter or gauge by its labels."""

    def __init__(self, name: str, meaning: str, labels: Labels, kind: Literal["counter", "gauge"] = "counter") -> None:
        self.values: Counter[Labels] = Counter()
        self._kind = kind
        self._name = name
        self._meaning = meaning
        self._labels = labels

    def lines(self, process: str) -> Iterator[str]:
        yield f"# HELP {self._name} {self._meaning}"
        yield f"# TYPE {self._name} {self._kind}"
        for values, count in sorted(self.values.items()):
            pairs = [*zip(self._labels, values, strict=True), ("process", process)]
            shown = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in pairs)
            yield f"{self._name}{{{shown}}} {count}"


class Metrics(Observer):
    """Counts what began and what ended, and is told besides what each response came to."""

    def __init__(self) -> None:
        self.loop_lag = LoopLag()
        self._requests = _Family(
            "dragoman_requests_total",
            "What came in, refused or answered: requests, turns of WebSockets, background responses; by their ends.",
            ("kind", "route", "status"),
        )
        self._under_way = _Family("dragoman_under_way", "What came in and has not ended.", ("kind",), kind="gauge")
        self._responses = _Family(
            "dragoman_responses_total",
            "Responses, by how they ended; refused by the upstream or abandoned by the client, where none came.",
            ("upstream", "status"),
        )
        self._tokens = _Family(
            "dragoman_tokens_total",
            "Tokens, as upstreams count them; cached_input is a part of input, and reasoning one of output.",
            ("upstream", "kind"),
        )
        self._adaptations = _Family(
            "dragoman_adaptations_total",
            "What was dropped, ignored, changed or emulated in requests and answers, by the parameter it is about.",
            ("upstream", "action", "about"),
        )

    def began(self, kind: Kind) -> None:
        self._under_way.values[kind,] += 1

    def ended(self, ending: Ending) -> None:
        self._under_way.values[ending.kind,] -= 1
        self._requests.values[ending.kind, ending.route, str(ending.status)] += 1

    def count(self, upstream: str, status: str, response: Response, adaptations: Iterable[Adaptation]) -> None:
        """`status` is the response's own where it has ended."""
        self._responses.values[upstream, status] += 1
        for adaptation in adaptations:
            self._adaptations.values[upstream, adaptation.action, _about(adaptation.param)] += 1
        usage = response.usage
        if usage is not None:
            tokens = self._tokens.values
            tokens[upstream, "input"] += usage.input_tokens
            tokens[upstream, "cached_input"] += usage.input_tokens_details.cached_tokens
            tokens[upstream, "output"] += usage.output_tokens
            tokens[upstream, "reasoning"] += usage.output_tokens_details.reasoning_tokens

    def page(
        self,
        lessons: Mapping[Labels, int] = MappingProxyType({}),
        health: Mapping[str, Condition] = MappingProxyType({}),
    ) -> bytes:
        """`lessons` are those in force, by upstream and what each is about; `health` the conditions of upstreams."""
        process = str(os.getpid())
        learned = _Family(
            "dragoman_lessons",
            "What upstreams have refused, and are not sent for a time, by the parameter it is about.",
            ("upstream", "about"),
            kind="gauge",
        )
        for (upstream, about), count in lessons.items():
            learned.values[upstream, _about(about)] += count
        counted = (self._requests, self._under_way, self._responses, self._tokens, self._adaptations)
        families: list[_Family | LoopLag] = [*counted, *_calls(health), learned, self.loop_lag]
        return "".join(f"{line}\n" for family in families for line in family.lines(process)).encode()


def _calls(health: Mapping[str, Condition]) -> Iterator[_Family]:
    """What is known of upstreams by the calls to them."""
    ends = _Family(
        "dragoman_upstream_requests_total",
        "Requests to upstreams that have ended, by the status of the answer, or by what stands for one.",
        ("upstream", "code"),
    )
    under_way = _Family(
        "dragoman_upstream_under_way",
        "Requests to upstreams that have not ended, their answers included.",
        ("upstream",),
        kind="gauge",
    )
    failures = _Family(
        "dragoman_upstream_failures_in_a_row",
        "How many of the last requests to an upstream failed one after the other: with 5xx, or without a status.",
        ("upstream",),
        kind="gauge",
    )
    for name, condition in health.items():
        under_way.values[name,] = condition.under_way
        failures.values[name,] = condition.failures
        for code, count in condition.ends.items():
            ends.values[name, code] = count
    yield from (ends, under_way, failures)


def _about(param: str) -> str:
    """`input[3].content[0].detail` is about `input`. Names that a client made up are not told apart."""
    word = param.partition("[")[0].partition(".")[0]
    return word if word in _KNOWN else "other"
