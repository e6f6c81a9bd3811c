"""`StreamCheck` reads the events of one response and asserts S1-S10 and S13 as it goes.

Every assertion names its invariant and the event. One exception to S3: a call that the length limit or a failure cut
short gets neither its text's done event nor `output_item.done`, and stands in the output as incomplete
(`ItemKind.can_be_cut`). Which events an item has is data, in `tests/support/grammar.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from tests.support.grammar import ITEM_KINDS, OBJECT, TEXT, WHOLE, Fields, ItemKind, Json, Parts, Run
from tests.support.response_shape import check_fields, check_item, check_part, check_response

# What may come next, by the start events seen so far.
STARTS = ("response.created", "response.queued", "response.in_progress")
START_ORDER: dict[tuple[str, ...], tuple[str, ...]] = {
    (): STARTS[:1],
    STARTS[:1]: STARTS[1:],
    STARTS[:2]: STARTS[2:],
}
TERMINALS = {f"response.{status}": status for status in ("completed", "incomplete", "failed")}
INCOMPLETE_REASONS = ("max_output_tokens", "content_filter")
MAY_CHANGE = {"status", "model", "output", "usage", "error", "incomplete_details", "completed_at", "service_tier"}
IDENTITY = ("type", "id", "call_id", "name", "role", "namespace")

Reader = Callable[[Json], None]


@dataclass(eq=False)
class TextState:
    """A text while it streams: its deltas, and the whole once its done event said it."""

    deltas: list[str] = field(default_factory=list)
    logprobs: list[Json] = field(default_factory=list)
    annotations: list[Json] = field(default_factory=list)
    whole: str | None = None

    @property
    def joined(self) -> str:
        return "".join(self.deltas)


@dataclass(eq=False)
class PartState:
    type: str
    text: TextState = field(default_factory=TextState)
    done: Json | None = None


@dataclass(eq=False)
class ItemState:
    """An item from its added event on; `done` is the item as its done event showed it."""

    added: Json
    kind: ItemKind
    parts: dict[str, list[PartState]]
    texts: dict[str, TextState]
    steps: list[str] = field(default_factory=list)
    commands: list[TextState] = field(default_factory=list)
    done: Json | None = None

    def open_parts(self) -> list[PartState]:
        return [part for parts in self.parts.values() for part in parts if part.done is None]


class StreamCheck:
    """Reads the events of one response in order; `terminal` is the response its last event carried."""

    def __init__(self) -> None:
        self.read_events = 0
        self.starts: tuple[str, ...] = ()
        self.created: Json = {}
        self.items: list[ItemState] = []
        self.terminal: Json | None = None
        self.event: Json = {}
        self.readers = self._readers()

    def _readers(self) -> dict[str, Reader]:
        readers: dict[str, Reader] = {
            "response.output_item.added": self._read_item_added,
            "response.output_item.done": self._read_item_done,
            "response.output_text.annotation.added": self._read_annotation,
            "response.shell_call_command.added": self._read_command,
            "response.shell_call_command.delta": self._read_command,
            "response.shell_call_command.done": self._read_command,
        }
        readers |= dict.fromkeys(STARTS, self._read_start) | dict.fromkeys(TERMINALS, self._read_terminal)
        for kind in ITEM_KINDS.values():
            readers |= {name: self._read_step for step in kind.steps for name in step}
            for run in kind.runs:
                readers |= self._run_readers(run, None)
            for parts in kind.parts:
                readers[f"{parts.event}.added"] = self._read_part_added
                readers[f"{parts.event}.done"] = self._read_part_done
                for run in parts.runs.values():
                    readers |= self._run_readers(run, parts)
        return readers

    def _run_readers(self, run: Run, parts: Parts | None) -> dict[str, Reader]:
        return {
            f"{run.event}.delta": partial(self._read_delta, run, parts),
            f"{run.event}.done": partial(self._read_text_done, run, parts),
        }

    def read(self, event: Json) -> None:
        self.event = event
        self._shape("S14", {"type": TEXT, "sequence_number": WHOLE})
        number = event["sequence_number"]
        self.holds("S2", number == self.read_events, f"sequence_number {number}, expected {self.read_events}")
        self.read_events += 1
        self.holds("S1", self.terminal is None, "an event after the terminal one")
        reader = self.readers.get(event["type"])
        self.holds("grammar", reader is not None, "no such event type")
        if event["type"] not in STARTS:
            self.holds("S1", "response.in_progress" in self.starts, "before response.in_progress")
        assert reader is not None
        reader(event)

    def holds(self, invariant: str, condition: bool, message: str) -> None:
        place = f"event {self.event.get('sequence_number')} ({self.event.get('type')})"
        assert condition, f"{invariant} at {place}: {message}"

    def same(self, invariant: str, found: object, expected: object, what: str) -> None:
        self.holds(invariant, found == expected, f"{what} is {found!r}, expected {expected!r}")

    def _shape(self, invariant: str, fields: Fields) -> None:
        check_fields(self.event, fields, f"{invariant} at event {self.read_events}")

    def _read_start(self, event: Json) -> None:
        name = event["type"]
        # Once it has begun, a repeated in_progress is a keep-alive.
        if name not in self.starts or name != "response.in_progress":
            self.holds("S1", name in START_ORDER.get(self.starts, ()), f"after {self.starts}")
            self.starts = (*self.starts, name)
        self._shape("S1", {"response": OBJECT})
        response = event["response"]
        check_response(response, event["type"])
        self.created = self.created or response
        self._check_echo(response)
        statuses = ("in_progress",) if name == "response.in_progress" else ("in_progress", "queued")
        self.holds("S9", response["status"] in statuses, f"status {response['status']!r}")
        # An object that was emitted and then changed shows its later state here.
        for nothing in ("output", "usage", "error", "incomplete_details", "completed_at"):
            self.holds("S10", not response[nothing], f"{nothing} is already {response[nothing]!r}")

    def _check_echo(self, response: Json) -> None:
        for name in (self.created.keys() | response.keys()) - MAY_CHANGE:
            self.same("R8", response.get(name), self.created.get(name), f"response.{name}")

    def _read_item_added(self, event: Json) -> None:
        self._shape("S3", {"output_index": WHOLE, "item": OBJECT})
        item = event["item"]
        check_item(item, "S3 item")
        self.same("S4", event["output_index"], len(self.items), "output_index")
        for key in ("id", "call_id"):
            taken = [state.added.get(key) for state in self.items if key in state.added]
            self.holds("S5", item.get(key) not in taken or key not in item, f"{key} {item.get(key)!r} is in use")
        kind = ITEM_KINDS[item["type"]]
        self.holds("S10", item.get("status", "in_progress") == "in_progress", f"item.status {item.get('status')!r}")
        parts: dict[str, list[PartState]] = {family.key: [] for family in kind.parts}
        texts = {run.key: TextState() for run in kind.runs}
        for name in (*parts, *texts):
            self.holds("S10", not item.get(name), f"item.{name} is already {item.get(name)!r}")
        self.items.append(ItemState(item, kind, parts, texts))

    def _open_item(self, with_id: bool = True) -> ItemState:
        self._shape("S5", {"output_index": WHOLE, **({"item_id": TEXT} if with_id else {})})
        index = self.event["output_index"]
        self.holds("S5", 0 <= index < len(self.items), f"no item was added at output_index {index}")
        item = self.items[index]
        if with_id:
            self.same("S3", self.event["item_id"], item.added["id"], "item_id")
        self.holds("S5", item.done is None, "its item is already done")
        return item

    def _part(self, item: ItemState, parts: Parts) -> PartState:
        self._shape("S7", {parts.index: WHOLE})
        self.holds("grammar", parts in item.kind.parts, f"no such part in a {item.added['type']}")
        position = self.event[parts.index]
        known = item.parts[parts.key]
        self.holds("S7", 0 <= position < len(known), f"no part was added at {parts.index} {position}")
        part = known[position]
        self.holds("S7", part.done is None, "its part is already done")
        return part

    def _family(self, item: ItemState) -> Parts:
        event = self.event["type"].rpartition(".")[0]
        families = [parts for parts in item.kind.parts if parts.event == event]
        self.holds("grammar", len(families) == 1, f"no such part in a {item.added['type']}")
        return families[0]

    def _read_part_added(self, event: Json) -> None:
        item = self._open_item()
        parts = self._family(item)
        self._shape("S7", {parts.index: WHOLE, "part": OBJECT})
        check_part(event["part"], parts.runs, "S7 part")
        self.holds("S7", not item.open_parts(), "the part before it is still open")
        known = item.parts[parts.key]
        self.same("S7", event[parts.index], len(known), parts.index)
        run = parts.runs[event["part"]["type"]]
        for name in (run.key, "annotations", "logprobs"):
            self.holds("S10", not event["part"].get(name), f"part.{name} is already {event['part'].get(name)!r}")
        known.append(PartState(event["part"]["type"]))

    def _text(self, run: Run, parts: Parts | None) -> TextState:
        item = self._open_item()
        if parts is None:
            self.holds("grammar", run in item.kind.runs, f"no such text in a {item.added['type']}")
            text = item.texts[run.key]
        else:
            part = self._part(item, parts)
            self.holds("S7", parts.runs.get(part.type) is run, f"its part is a {part.type}")
            text = part.text
        self.holds("S6", text.whole is None, "its text is already done")
        return text

    def _read_delta(self, run: Run, parts: Parts | None, event: Json) -> None:
        text = self._text(run, parts)
        self._shape("S13", {"delta": TEXT, **run.delta_fields})
        self.holds("S13", bool(event["delta"]), "an empty delta")
        text.deltas.append(event["delta"])
        text.logprobs.extend(event.get("logprobs", ()))

    def _read_annotation(self, event: Json) -> None:
        self._shape("S7", {"content_index": WHOLE, "annotation_index": WHOLE, "annotation": OBJECT})
        item = self._open_item()
        family = next((parts for parts in item.kind.parts if "output_text" in parts.runs), None)
        self.holds("grammar", family is not None, f"no annotations in a {item.added['type']}")
        assert family is not None
        text = self._part(item, family).text
        self.same("S7", event["annotation_index"], len(text.annotations), "annotation_index")
        text.annotations.append(event["annotation"])

    def _read_text_done(self, run: Run, parts: Parts | None, event: Json) -> None:
        text = self._text(run, parts)
        self._shape("S6", {run.key: TEXT, **run.done_fields})
        self.same("S6", event[run.key], text.joined, run.key)
        self.same("S6", _tokens(event.get("logprobs", [])), _tokens(text.logprobs), "logprobs")
        if "name" in run.done_fields:
            self.same("S6", event["name"], self.items[event["output_index"]].added["name"], "name")
        text.whole = event[run.key]

    def _read_part_done(self, event: Json) -> None:
        item = self._open_item()
        parts = self._family(item)
        self._shape("S7", {parts.index: WHOLE, "part": OBJECT})
        part = self._part(item, parts)
        check_part(event["part"], parts.runs, "S7 part")
        self.same("S7", event["part"]["type"], part.type, "part.type")
        run = parts.runs[part.type]
        self.holds("S7", part.text.whole is not None, f"before {run.event}.done")
        self.same("S6", event["part"][run.key], part.text.joined, f"part.{run.key}")
        self.same("S6", event["part"].get("annotations", []), part.text.annotations, "part.annotations")
        self.same("S6", _tokens(event["part"].get("logprobs", [])), _tokens(part.text.logprobs), "part.logprobs")
        part.done = event["part"]

    def _read_step(self, event: Json) -> None:
        item = self._open_item()
        self.holds("grammar", len(item.steps) < len(item.kind.steps), f"no such step in a {item.added['type']}")
        self.holds("grammar", event["type"] in item.kind.steps[len(item.steps)], f"after {item.steps}")
        item.steps.append(event["type"])

    def _read_command(self, event: Json) -> None:
        item = self._open_item(with_id=False)
        self.holds("grammar", item.kind.commands, f"no commands in a {item.added['type']}")
        self._shape("S7", {"command_index": WHOLE})
        step = event["type"].rpartition(".")[2]
        if step == "added":
            self.same("S7", event["command_index"], len(item.commands), "command_index")
            item.commands.append(TextState())
            return
        self.holds("S7", event["command_index"] == len(item.commands) - 1, "no such command is open")
        text = item.commands[-1]
        self.holds("S6", text.whole is None, "its command is already done")
        if step == "delta":
            self.holds("S13", bool(event["delta"]), "an empty delta")
            text.deltas.append(event["delta"])
        else:
            self.same("S6", event["command"], text.joined, "command")
            text.whole = event["command"]

    def _read_item_done(self, event: Json) -> None:
        self._shape("S3", {"item": OBJECT})
        item = self._open_item(with_id=False)
        done = event["item"]
        check_item(done, "S3 item")
        for key in IDENTITY:
            self.same("S3", done.get(key), item.added.get(key), f"item.{key}")
        self.holds("S7", not item.open_parts(), "a part is still open")
        for name, parts in item.parts.items():
            self.same("S6", done.get(name, []), [part.done for part in parts], f"item.{name}")
        for name, text in item.texts.items():
            self.holds("S6", text.whole is not None, f"before the done event of its {name}")
            self.same("S6", done.get(name), text.joined, f"item.{name}")
        if item.kind.commands:
            self.same("S6", done["action"]["commands"], [text.whole for text in item.commands], "action.commands")
        statuses = ("completed", "failed") if item.kind.can_be_cut else ("completed", "incomplete", "failed")
        self.holds("S9", done.get("status", "completed") in statuses, f"item.status {done.get('status')!r}")
        if done.get("status", "completed") == "completed":
            self.same("grammar", len(item.steps), len(item.kind.steps), "number of steps")
        item.done = done

    def _read_terminal(self, event: Json) -> None:
        self._shape("S1", {"response": OBJECT})
        response = event["response"]
        check_response(response, event["type"])
        self.same("S9", response["status"], TERMINALS[event["type"]], "response.status")
        self._check_echo(response)
        self._check_details(response)
        self.same("S8", len(response["output"]), len(self.items), "number of output items")
        for index, (final, item) in enumerate(zip(response["output"], self.items, strict=True)):
            self._check_final(final, item, response["status"], f"output[{index}]")
        self.terminal = response

    def _check_details(self, response: Json) -> None:
        status = response["status"]
        self.same("S9", response["error"] is not None, status == "failed", "having an error")
        self.same("S9", response["incomplete_details"] is not None, status == "incomplete", "having details")
        self.same("S9", response["completed_at"] is not None, status == "completed", "having completed_at")
        if status == "incomplete":
            reason = response["incomplete_details"]["reason"]
            self.holds("S9", reason in INCOMPLETE_REASONS, f"reason {reason!r}")

    def _check_final(self, final: Json, item: ItemState, status: str, where: str) -> None:
        self.same("S4", final["id"], item.added["id"], f"{where}.id")
        if item.done is not None:
            self.same("S8", final, item.done, where)
        else:
            self._check_cut(final, item, status, where)
        if status == "completed":
            allowed = ("completed", "failed")
            self.holds("S9", final.get("status", "completed") in allowed, f"{where}.status {final.get('status')!r}")

    def _check_cut(self, final: Json, item: ItemState, status: str, where: str) -> None:
        cut = item.kind.can_be_cut and status != "completed"
        self.holds("S3", cut, f"{where} ({item.added['type']}) was added but never done")
        for key in IDENTITY:
            self.same("S3", final.get(key), item.added.get(key), f"{where}.{key}")
        self.same("S3", final["status"], "incomplete", f"{where}.status, of a call without output_item.done,")
        for name, text in item.texts.items():
            self.holds("S3", text.whole is None, f"{where}.{name} was done, its item never")
            self.same("S6", final[name], text.joined, f"{where}.{name}")


def _tokens(logprobs: Iterable[Json]) -> list[tuple[str, float]]:
    """What a delta's logprobs and a part's have in common: only the part's carry bytes."""
    return [(entry["token"], entry["logprob"]) for entry in logprobs]
