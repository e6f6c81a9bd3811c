"""`make fuzz` in small: a few hundred cases, each the same with every run, and what the fuzzer itself promises."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import through_core
from tests.fuzz.__main__ import HANGS_AFTER, Session, fault_of, shrunk
from tests.fuzz.case import FuzzCase
from tests.fuzz.mutate import chunked, mutate_json, written
from tests.fuzz.through_app import Application

CASES = 150


def test_cases_through_the_core() -> None:
    for seed in range(CASES):
        through_core.run(FuzzCase.made_from(seed))


async def test_cases_through_the_application() -> None:
    async with Application() as application:
        for seed in range(CASES):
            await application.run(FuzzCase.made_from(seed))


def test_a_case_is_the_same_each_time_and_after_it_was_kept(tmp_path: Path) -> None:
    for seed in range(30):
        case = FuzzCase.made_from(seed)
        assert case == FuzzCase.made_from(seed)
        case.save(tmp_path / str(seed))
        assert FuzzCase.load(tmp_path / str(seed)) == case


async def test_a_fault_is_found_and_made_smaller() -> None:
    async def target(case: FuzzCase) -> str:
        assert b"x" not in b"".join(case.pieces)
        return "fine"

    case = FuzzCase(b'{"model":"m","input":"hi","tools":[]}', [b"a", b"b", b"x", b"c", b"d"], "generic")
    error = await fault_of(target, case)
    assert error is not None
    small = await shrunk(target, case, error)
    assert list(small.pieces) == [b"x"]
    assert b"tools" not in small.request


async def test_a_session_counts_what_became_of_its_cases(tmp_path: Path) -> None:
    session = Session(7, tmp_path)
    await session.run(0.0)
    assert (session.counts.total(), session.failures) == (0, 0)
    assert HANGS_AFTER > 0


@pytest.mark.parametrize("seed", range(20))
def test_mutations_come_from_their_seed_alone(seed: int) -> None:
    value = {"a": [1, {"b": "text"}], "c": None}
    one, other = Random(seed), Random(seed)
    assert mutate_json(one, value) == mutate_json(other, value)
    assert written(one, value) == written(other, value)
    data = bytes(range(256)) * 10
    assert b"".join(chunked(one, data)) == data
    assert value == {"a": [1, {"b": "text"}], "c": None}
