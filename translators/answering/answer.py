"""`Answer`: what one answer of the upstream has come to so far, and at its end whether it can stand as the response's.

Most responses have one. Another begins where the model is asked again (see `turns`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Raw

from translators.answering.counts import Counts
from translators.answering.ending import COMPLETED, CUT_BY_LENGTH, TOOL_NOT_ALLOWED, Ending, unfinished
from translators.answering.fragments import Text
from translators.answering.turns import EndedAnswer
from translators.answering.usage import UsageSum
from translators.asking.read_items import decode_item
from translators.asking.structured import AnswerForm
from translators.asking.tail import RejectedCall, RejectedCalls, Tail
from translators.asking.translate import Translation
from translators.errors import BridgeError, UpstreamError, UpstreamProtocolError, bounded
from translators.items.call_writer import CallWriter
from translators.items.compaction import CompactionWriter
from translators.items.message import MessageWriter
from translators.items.reasoning import ReasoningWriter
from translators.items.refused_call import RefusedCallWriter
from translators.items.writer import ItemWriter
from translators.long_text import encode_json
from translators.recovery.upstream_codes import CONTEXT_LENGTH
from translators.report import Adaptation, Report, Told

_ESTIMATED = Adaptation("emulated", "usage", "the upstream left counts out: four bytes were taken for a token")
_CUT_SUMMARY = Adaptation("changed", "compaction", "the summary was cut at its longest, and is taken as it is")


class Answer:
    """To `translation`. `items` are those that were opened, `calls` all calls by their keys."""

    def __init__(self, translation: Translation) -> None:
        self.items: list[ItemWriter] = []
        self.calls: dict[int, CallWriter] = {}
        self.call_ids: set[str] = set()
        # Calls that have not gone out and may be whole since they were last looked at.
        self._changed: dict[CallWriter, None] = {}
        self.ending: Ending | None = None
        self.unsaid = False  # whether it held something for people that no response has a place for
        self.images: set[str] = set()  # their contents
        self.afterthought: ReasoningWriter | None = None  # for its end: what the backend wants back, and said late
        self._unchecked: list[CallWriter] = []
        self.blank: list[Text] = []  # white space that waits for something visible
        self.usage: Counts | None = None
        self._translation = translation

    def __repr__(self) -> str:
        ended = "under way" if self.ending is None else self.ending.status
        return f"Answer({len(self.items)} items, {len(self.calls)} calls, {ended})"

    def end(self, *, said_done: bool) -> EndedAnswer:
        """What it has come to, when all of it has arrived and nothing is left to be checked."""
        ending = self._how_ended(said_done=said_done)
        if ending is None:
            return EndedAnswer(None, _broken_off())
        reported: list[Adaptation] = []
        if ending is CUT_BY_LENGTH and self._is_summary:
            ending = COMPLETED  # what there is of it is worth more to its reader than none
            reported.append(_CUT_SUMMARY)
        fault = self._fault(ending)
        if fault is None and self._translation.form is not None:
            fault = self._misfit(ending, self._translation.form, reported)
        rejected: Sequence[RejectedCall] = ()
        if self.calls:
            rejected = self._rejected(ending)
        elif self.ending is None and not self.items:
            fault = _broken_off()  # its end is all that there was
        silent = not (self.unsaid or self.blank) and self.is_blank
        return EndedAnswer(ending, fault, silent, rejected, reported=reported)

    def _how_ended(self, *, said_done: bool) -> Ending | None:
        """An upstream that said it is done may leave the reason out.

        Where a call was cut, its length limit ended the answer, whatever reason stands there: vLLM says `tool_calls`
        all the same (vllm-project/vllm#53269).
        """
        ending = self.ending or (COMPLETED if said_done else None)
        if ending is COMPLETED and self.calls and any(map(self._is_cut, self.calls.values())):
            return CUT_BY_LENGTH
        return ending

    def _is_cut(self, call: CallWriter) -> bool:
        """Certain where the arguments break off; where they are merely wrong, or not there, if all tokens were used."""
        if call.whole:
            return False
        if call.is_cut:
            return True
        translation = self._translation
        limit = translation.params.max_output_tokens or translation.dialect.always_max_tokens
        written = self.usage.completion if self.usage is not None else None
        if limit is None or written is None or written < limit:
            return False
        return bool(call.arguments_text.strip()) or translation.needs_arguments(call.tool)

    @property
    def says_nothing(self) -> bool:
        """Whether nothing has come of it: no item, no call, and nothing that no response has a place for."""
        return not (self.items or self.calls or self.unsaid)

    @property
    def is_blank(self) -> bool:
        """Whether it holds thoughts and white space at most: then that is what the model said."""
        if self.calls:
            return False
        others = [item for item in self.items if type(item) is not ReasoningWriter]
        return not others

    @property
    def _is_summary(self) -> bool:
        """Whether it is what was asked for to stand for a longer text."""
        return self._translation.compacts and any(type(item) is CompactionWriter for item in self.items)

    def _rejected(self, ending: Ending) -> Sequence[RejectedCall]:
        """Its calls, if one of them breaks its grammar or none is allowed, and none has gone out yet."""
        calls = self.calls.values()
        if ending is not COMPLETED or any(call.opened for call in calls):
            return ()
        if not self._is_refused and all(call.problem is None for call in calls):
            return ()
        return tuple(
            RejectedCall(
                call.call_id,
                call.tool,
                call.arguments_text,
                call.problem,
                allowed=type(call) is not RefusedCallWriter,
                extra=call.extra,
            )
            for call in calls
        )

    def turn(self, rejected: Sequence[RejectedCall]) -> Tail:
        """All that the model said: its items as a client would send them again, and the calls that cannot stand."""
        report = Report()
        writers = self.items if self.afterthought is None else [*self.items, self.afterthought]
        raws = [Raw(encode_json(writer.snapshot("completed"))) for writer in writers]
        items = [decode_item(raw, "answer", report) for raw in raws]
        calls = RejectedCalls(rejected, self._translation.chat.model, self._translation.dialect.name)
        return (*(item for item in items if item is not None), calls)

    @property
    def refused(self) -> list[RefusedCallWriter]:
        """Its calls of tools that the request does not allow."""
        return [call for call in self.calls.values() if type(call) is RefusedCallWriter]

    @property
    def _is_refused(self) -> bool:
        """Whether it has calls, and all of tools that the request does not allow."""
        return bool(self.calls) and all(type(call) is RefusedCallWriter for call in self.calls.values())

    def begin_call(self, key: int, call: CallWriter) -> None:
        call.place = len(self.calls)
        self.calls[key] = call
        self.call_ids.add(call.call_id)
        if call.grammar is not None:
            self._unchecked.append(call)

    def call(self, key: int) -> CallWriter:
        """The call whose arguments go on."""
        call = self.calls[key]
        if not call.opened:
            self._changed[call] = None
        return call

    def unchecked(self, *, all_arrived: bool) -> list[CallWriter]:
        """The calls whose inputs have to be checked and have not been: those that are whole, in the end all."""
        return [call for call in self._unchecked if call.check is not None and (all_arrived or call.whole)]

    def judge(self, found: Iterable[tuple[CallWriter, Sequence[str | None]]]) -> None:
        """Takes what is wrong with the readings of each input; nothing where nobody could tell."""
        for call, problems in found:
            call.judge(problems)
            self._changed[call] = None
        self._unchecked = [call for call in self._unchecked if call.check is not None]

    def held_back(self) -> Iterator[CallWriter]:
        """The calls that are whole and have not gone out; one that was not is asked again when more of it has come."""
        changed, self._changed = self._changed, {}
        for call in sorted(changed, key=lambda call: call.place) if len(changed) > 1 else changed:
            if not call.opened and call.whole and call.readable and call.problem is None:
                yield call

    def _fault(self, ending: Ending) -> BridgeError | None:
        """Why an answer that has ended so is none."""
        if self._translation.compacts and not self._is_summary:
            why = " within the longest that it may be (summary_tokens)" if ending is CUT_BY_LENGTH else ""
            return UpstreamError(f"The model gave no summary{why}.", code="server_error")
        if ending.status == "failed":
            return unfinished(ending)
        if ending is CUT_BY_LENGTH and not self.items and self.usage and self.usage.completion == 0:
            # Some say so instead of refusing a prompt that fills the whole window.
            return UpstreamError(
                "The prompt leaves no room for an answer.",
                status=CONTEXT_LENGTH.status,
                type="invalid_request_error",
                code=CONTEXT_LENGTH.code,
            )
        return self._fault_of_calls() if self.calls and ending.status == "completed" else None

    def _fault_of_calls(self) -> BridgeError | None:
        if self._is_refused:
            name = bounded(next(iter(self.calls.values())).tool.name)
            return UpstreamError(
                f"The model called '{name}', which 'tool_choice' does not allow.", code=TOOL_NOT_ALLOWED
            )
        for call in self.calls.values():
            if type(call) is not RefusedCallWriter and not call.readable:
                name = call.tool.name
                return UpstreamProtocolError(f"The model called '{name}' with arguments that cannot be read.")
        return None

    def _misfit(self, ending: Ending, form: AnswerForm, reported: list[Adaptation]) -> BridgeError | None:
        """An answer without the wanted form is reported, or is an error where nothing may be lost."""
        if ending is not COMPLETED or (self.calls and form.tool is None):
            return None
        messages = [item for item in self.items if type(item) is MessageWriter]
        if any(message.refused for message in messages):
            return None  # a refusal has no form
        fault = form.misfit("".join(message.said for message in messages))
        if fault is None:
            return None
        if form.refuse:
            return UpstreamError(f"The upstream's answer is not in the wanted form: {fault}.", code="server_error")
        reported.append(Adaptation("dropped", "text.format", f"the answer does not fit: {fault}"))
        return None

    def estimate(self, usage: UsageSum, told: Told) -> None:
        """Fills in the counts that the upstream left out. Codex compacts by them (zai-org/feedback#93)."""
        translation = self._translation
        if not (translation.estimate_usage and usage.is_lacking):
            return
        unseen = [call.written for call in self.calls.values() if not call.opened]
        thoughts = [item.written for item in self.items if type(item) is ReasoningWriter]
        usage.estimate(translation.body(), [*(item.written for item in self.items), *unseen], thoughts)
        told.add(_ESTIMATED)


def _broken_off() -> UpstreamProtocolError:
    return UpstreamProtocolError("The upstream's answer ended before it was finished.", code="server_error")
