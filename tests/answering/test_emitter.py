"""The emitter numbers every event once, whichever way it goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translators.emitter import Emitter, OpenRun
from translators.schema.events import DeltaRun, OutputTextDelta, RefusalDelta, one_by_one

MODEL = OutputTextDelta(0, "msg_1", 0, 0, "", [])
STEPS = st.lists(
    st.one_of(
        st.just(None),  # an event that is emitted
        st.lists(st.text(), min_size=1, max_size=3),  # a run
        st.integers(1, 5),  # so many pass by
    ),
    max_size=12,
)


@given(STEPS)
def test_every_number_is_given_once_and_in_order(steps: list[list[str] | int | None]) -> None:
    out, text = Emitter(), list[str]()
    run = OpenRun(MODEL, text)
    given: list[int] = []
    for step in steps:
        if step is None:
            out.emit(RefusalDelta, "msg_1", 0, 0, "no")
            [event] = out.take()
            assert not isinstance(event, DeltaRun)
            given.append(event.sequence_number)
        elif isinstance(step, list):
            out.emit_run(run, step)
            given += [event.sequence_number for event in one_by_one([*out.take(), out.go_on(run, step)])]
        elif step == 1:
            given.append(next(out.numbers))
        else:
            first = out.passed(step)
            given += range(first, first + step)
    assert given == list(range(len(given)))
    assert text == [delta for step in steps if isinstance(step, list) for delta in [*step, *step]]


def test_what_takes_the_place_of_the_last_event_has_its_number() -> None:
    out = Emitter()
    out.passed(3)
    out.emit(RefusalDelta, "msg_1", 0, 0, "no")
    assert out.again(RefusalDelta, "msg_1", 0, 0, "yes").sequence_number == 3


def test_where_nobody_hears_the_text_is_kept_all_the_same() -> None:
    out, text = Emitter(heard=False), list[str]()
    out.emit_run(OpenRun(MODEL, text), ["so", " then"])
    assert (out.take(), text) == ([], ["so", " then"])
