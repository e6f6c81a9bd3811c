"""The states of a response and what moves it from one to the next, as tables.

Two machines stand one within the other. The outer one is the response's life (`LIFE`):

                     ┌───────── begin_answer ─────────┐
                     ▼                                │
    MADE ─ start ─▶ ANSWERING ─ end_answer ─▶ BETWEEN ┘
                     │  ▲                       │
                     │  └ feed, keep_alive      └ finish ─▶ ENDED
                     └ fail, end_without_output ─▶ ENDED

A response is made of one or more answers of the model, and most of exactly one. BETWEEN answers it is decided what
follows (`turns.after`): nothing, or the next answer. An answer that fails before it has said anything ends as well, and
leaves its place to another attempt, if there is one. Whatever its answers were, a response is created once and ends
once (S1, S16); behind ENDED no step gives an event.

The inner one is what is open within an answer when a fragment comes (`TRANSITIONS`). Something visible opens its item
and its part, and closes what spoke before, part first: so deltas only go to open items (S5) and parts nest (S7). A call
stays open to the end of its answer, since backends interleave calls with anything; so what comes beside one neither
closes it nor waits for it. How an answer ends decides how what is open is closed (`CLOSING`, `ENDINGS`).

The names of events stand without `response.` before them.
"""

from __future__ import annotations

from enum import Enum


class Life(Enum):
    """How far a response has come."""

    MADE = "made"
    ANSWERING = "answering"
    BETWEEN = "between answers"
    ENDED = "ended"


# From a state by a step of `ResponseStream` to the state after it. A step that is not in it is never made by a shell.
# What is fed may be the failure of the answer, too: then the response is ENDED, or BETWEEN where the answer had said
# nothing, since another may take its place.
LIFE: dict[tuple[Life, str], Life] = {
    (Life.MADE, "begin_answer"): Life.MADE,  # translated anew before anybody has heard of it
    (Life.MADE, "start"): Life.ANSWERING,
    (Life.MADE, "end_answer"): Life.BETWEEN,
    (Life.MADE, "finish"): Life.ENDED,
    (Life.MADE, "fail"): Life.ENDED,
    (Life.ANSWERING, "begin_answer"): Life.ANSWERING,  # translated anew before anything of an answer came
    (Life.ANSWERING, "keep_alive"): Life.ANSWERING,
    (Life.ANSWERING, "feed"): Life.ANSWERING,
    (Life.ANSWERING, "end_answer"): Life.BETWEEN,
    (Life.ANSWERING, "finish"): Life.ENDED,
    (Life.ANSWERING, "end_without_output"): Life.ENDED,
    (Life.ANSWERING, "fail"): Life.ENDED,
    (Life.BETWEEN, "keep_alive"): Life.BETWEEN,
    (Life.BETWEEN, "feed"): Life.BETWEEN,  # what an upstream says behind the failure of its answer
    (Life.BETWEEN, "end_answer"): Life.BETWEEN,
    (Life.BETWEEN, "begin_answer"): Life.ANSWERING,
    (Life.BETWEEN, "finish"): Life.ENDED,
    (Life.BETWEEN, "fail"): Life.ENDED,
    (Life.ENDED, "keep_alive"): Life.ENDED,
    (Life.ENDED, "end_answer"): Life.ENDED,
    (Life.ENDED, "feed"): Life.ENDED,
    (Life.ENDED, "finish"): Life.ENDED,
    (Life.ENDED, "fail"): Life.ENDED,
}


_CLOSE_TEXT = ("output_text.done", "content_part.done")
_CLOSE_REFUSAL = ("refusal.done", "content_part.done")
_CLOSE_REASONING = ("reasoning_text.done", "content_part.done")
_DONE = ("output_item.done",)
_ITEM = ("output_item.added",)
_OPEN_TEXT = ("content_part.added", "output_text.delta")
_OPEN_REFUSAL = ("content_part.added", "refusal.delta")
_OPEN_REASONING = ("output_item.added", "content_part.added", "reasoning_text.delta")
_OPEN_ANNOTATION = ("content_part.added", "output_text.annotation.added")
_OPEN_CALL = ("output_item.added", "function_call_arguments.delta")

# What is open within an answer, and what comes → the events that this gives.
TRANSITIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("nothing", "text"): _ITEM + _OPEN_TEXT,
    ("nothing", "refusal"): _ITEM + _OPEN_REFUSAL,
    ("nothing", "reasoning"): _OPEN_REASONING,
    ("nothing", "annotation"): _ITEM + _OPEN_ANNOTATION,
    ("nothing", "call"): _OPEN_CALL,
    ("text", "text"): ("output_text.delta",),
    ("text", "refusal"): _CLOSE_TEXT + _OPEN_REFUSAL,
    ("text", "reasoning"): _CLOSE_TEXT + _DONE + _OPEN_REASONING,
    ("text", "annotation"): ("output_text.annotation.added",),
    ("text", "call"): _CLOSE_TEXT + _DONE + _OPEN_CALL,
    ("refusal", "text"): _CLOSE_REFUSAL + _OPEN_TEXT,
    ("refusal", "refusal"): ("refusal.delta",),
    ("refusal", "reasoning"): _CLOSE_REFUSAL + _DONE + _OPEN_REASONING,
    ("refusal", "annotation"): _CLOSE_REFUSAL + _OPEN_ANNOTATION,
    ("refusal", "call"): _CLOSE_REFUSAL + _DONE + _OPEN_CALL,
    ("reasoning", "text"): _CLOSE_REASONING + _DONE + _ITEM + _OPEN_TEXT,
    ("reasoning", "refusal"): _CLOSE_REASONING + _DONE + _ITEM + _OPEN_REFUSAL,
    ("reasoning", "reasoning"): ("reasoning_text.delta",),
    ("reasoning", "annotation"): _CLOSE_REASONING + _DONE + _ITEM + _OPEN_ANNOTATION,
    ("reasoning", "call"): _CLOSE_REASONING + _DONE + _OPEN_CALL,
    # A call stays open: its arguments may come interleaved with anything.
    ("call", "text"): _ITEM + _OPEN_TEXT,
    ("call", "refusal"): _ITEM + _OPEN_REFUSAL,
    ("call", "reasoning"): _OPEN_REASONING,
    ("call", "annotation"): _ITEM + _OPEN_ANNOTATION,
    ("call", "call"): _OPEN_CALL,
    ("call", "arguments"): ("function_call_arguments.delta",),
}

# What is open when the response ends → the events that close it. A call that is not whole gets none: clients run a
# tool at its `done`.
CLOSING: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "text": _CLOSE_TEXT + _DONE,
    "refusal": _CLOSE_REFUSAL + _DONE,
    "reasoning": _CLOSE_REASONING + _DONE,
    "call": ("function_call_arguments.done", *_DONE),
    "cut call": (),
}

# How the last answer ends → the terminal event.
ENDINGS: dict[str, str] = {
    "stop": "completed",
    "length": "incomplete",
    "filter": "incomplete",
    "error": "failed",
    "breaks off": "failed",
}
