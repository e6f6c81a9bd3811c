"""Every case under `fixtures/`, as it arrives, byte by byte and with CRLF, gives the expected files."""

from __future__ import annotations

import pytest

from tests.golden import EXPECTED, chat_request, client_files, expected_files
from tests.support.cases import Case, read_cases

CASES = read_cases()
STREAMED = [case for case in CASES if case.streamed]


def written(case: Case) -> dict[str, bytes]:
    return {name: (case.path / name).read_bytes() for name in EXPECTED if (case.path / name).exists()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answer(case: Case) -> None:
    assert expected_files(case) == written(case)


@pytest.mark.parametrize("case", [case for case in CASES if not case.meta.answer_only], ids=lambda case: case.name)
def test_chat_request(case: Case) -> None:
    assert chat_request(case) == (case.path / "chat_request.json").read_bytes()


@pytest.mark.parametrize("case", STREAMED, ids=lambda case: case.name)
def test_byte_by_byte(case: Case) -> None:
    pieces = [case.upstream[place : place + 1] for place in range(len(case.upstream))]
    assert client_files(case, pieces) == written(case)


@pytest.mark.parametrize("case", STREAMED, ids=lambda case: case.name)
def test_with_crlf(case: Case) -> None:
    assert client_files(case, [case.upstream.replace(b"\n", b"\r\n")]) == written(case)
