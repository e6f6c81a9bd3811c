"""PDFs for upstreams that take no files: their text, within limits, or a clear refusal."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import DocumentSettings
from proxy.media.documents import MEMORY_BYTES, DocumentReader
from proxy.process.helpers import HelperFault, Helpers, Job, Reason
from proxy.process.jobs.pdf import run as read_pdf
from tests.support.chat_backend import Answer, ChatBackend, json_answer
from tests.support.pdf import data_url, encrypted, pdf
from tests.support.running import config_for, read_config, running
from translators.errors import BridgeError, InvalidRequest

Json = dict[str, Any]
CHOICE: Json = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
COMPLETION: Json = {"choices": [CHOICE], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
REPORT = data_url(pdf("Sales rose.", "Costs fell."))
TEXT = "<file name='report.pdf'>\nSales rose.\n\nCosts fell.\n</file>"


@contextlib.asynccontextmanager
async def bridge(
    tmp_path: Path, dialect: Any = "llamacpp", **settings: Any
) -> AsyncIterator[tuple[ChatBackend, httpx2.AsyncClient]]:
    async with ChatBackend() as backend:
        backend.always(json_answer(COMPLETION))
        config = config_for(backend, upstream={"dialect": dialect}, **settings)
        async with (
            running(read_config(config, tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            yield backend, http


def asked(file: Json, text: str = "Sum it up.") -> Json:
    parts = [{"type": "input_text", "text": text}, {"type": "input_file", **file}]
    return {"model": "m", "input": [{"role": "user", "content": parts}]}


async def test_m07_a_document_becomes_its_text(tmp_path: Path) -> None:
    async with bridge(tmp_path) as (backend, http):
        for data in (REPORT, REPORT.partition(",")[2], REPORT.replace("application/pdf", "application/octet-stream")):
            answer = await http.post("/v1/responses", json=asked({"file_data": data, "filename": "report.pdf"}))
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-dragoman-adapted"] == "emulated input[0].content[1]"
        assert [request.json["messages"][0]["content"] for request in backend.requests] == [f"Sum it up.\n{TEXT}"] * 3


async def test_m07_beside_an_image_and_in_the_output_of_a_tool(tmp_path: Path) -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    file = {"type": "input_file", "file_data": REPORT, "filename": "report.pdf"}
    history: list[Json] = [
        {"role": "user", "content": [image, file]},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": [file]},
    ]
    async with bridge(tmp_path) as (backend, http):
        answer = await http.post("/v1/responses", json={"model": "m", "input": history})
        assert answer.status_code == 200, answer.text
        first, _, _, last = backend.requests[0].json["messages"]
        assert [part["type"] for part in first["content"]] == ["image_url", "text"]
        assert first["content"][1]["text"] == TEXT
        assert last["content"] == TEXT


async def test_m07_where_files_are_taken_nothing_is_read(tmp_path: Path) -> None:
    async with bridge(tmp_path, "generic") as (backend, http):
        answer = await http.post("/v1/responses", json=asked({"file_data": REPORT, "filename": "report.pdf"}))
        assert "x-dragoman-adapted" not in answer.headers
        [request] = backend.requests
        assert request.json["messages"][0]["content"][1]["file"]["file_data"] == REPORT


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        ("application/pdf", pdf("Sales rose.", "Costs fell."), TEXT),
        ("text/markdown; charset=utf-8", b"# Sales", "<file name='report.pdf'>\n# Sales\n</file>"),
        ("image/png", b"\x89PNG", None),
    ],
)
async def test_m07_an_address_is_fetched_first(
    tmp_path: Path, content_type: str, content: bytes, text: str | None
) -> None:
    async with bridge(tmp_path, fetch={"allow_private": True}) as (backend, http):
        backend.serve("/report", Answer(content_type=content_type, writes=[content]))
        url = f"http://127.0.0.1:{backend.port}/report"
        answer = await http.post("/v1/responses", json=asked({"file_url": url, "filename": "report.pdf"}))
        if text is None:
            assert answer.status_code == 400
            assert "neither a text nor a PDF" in answer.json()["error"]["message"]
        else:
            assert answer.status_code == 200, answer.text
            assert backend.requests[-1].json["messages"][0]["content"] == f"Sum it up.\n{text}"


async def test_m07_a_longer_conversation_begins_with_the_same_bytes(tmp_path: Path) -> None:
    history = asked({"file_data": REPORT, "filename": "report.pdf"})["input"]
    more = [{"role": "assistant", "content": "They rose."}, {"role": "user", "content": "And then?"}]
    async with bridge(tmp_path) as (backend, http):
        for items in (history, history + more):
            await http.post("/v1/responses", json={"model": "m", "input": items})
        short, long = (json.dumps(request.json["messages"]) for request in backend.requests)
        assert long.startswith(short[:-1])


# ---- what cannot be read


@contextlib.asynccontextmanager
async def reading(**settings: Any) -> AsyncIterator[DocumentReader]:
    reader = DocumentReader(DocumentSettings(**settings))
    try:
        yield reader
    finally:
        await reader.aclose()


async def read(data: str, **settings: Any) -> str:
    async with reading(**settings) as reader:
        return (await reader.read_all({data: "a.pdf"}, "me"))[data]


async def test_a_document_that_anybody_may_read() -> None:
    assert await read(data_url(encrypted(pdf("Sales rose."), ""))) == "Sales rose."


UNREADABLE: list[tuple[str, bytes, Json, str]] = [
    ("encrypted", encrypted(pdf("Sales rose."), "secret"), {}, "it is encrypted"),
    ("scanned", pdf("", ""), {}, "it holds no text: it may be scanned"),
    ("no pages", pdf(), {}, "it holds no text"),
    ("long", pdf("a", "b", "c"), {"max_pages": 2}, "it has 3 pages, and no more than 2 are read"),
    ("large", pdf("a"), {"max_bytes": 100}, "it is larger than 100 bytes"),
    ("damaged", pdf("a")[:200], {}, "it is damaged, or no PDF"),
    ("no PDF", b"nonsense", {}, "it is damaged, or no PDF"),
    ("empty", b"", {}, "it is damaged, or no PDF"),
]


@pytest.mark.parametrize(
    ("content", "settings", "reason"), [row[1:] for row in UNREADABLE], ids=[r[0] for r in UNREADABLE]
)
async def test_why_a_document_is_refused(content: bytes, settings: Json, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await read(data_url(content), **settings)
    assert (caught.value.status, caught.value.param) == (400, "input")
    assert caught.value.message.startswith("The document 'a.pdf' could not be turned into text: " + reason)


async def test_what_is_no_base64() -> None:
    with pytest.raises(InvalidRequest, match=r"it is not base64|it is damaged"):
        await read("data:application/pdf;base64,JVBERi0é!")


def jobs(monkeypatch: pytest.MonkeyPatch, *outcomes: bytes | HelperFault) -> list[str]:
    """Whose jobs were done; each has one of the outcomes."""
    owners: list[str] = []
    left = iter(outcomes)

    async def run(helpers: Helpers, owner: str, job: Job) -> bytes:
        owners.append(owner)
        outcome = next(left)
        if isinstance(outcome, HelperFault):
            raise outcome
        return outcome

    monkeypatch.setattr(Helpers, "run", run)
    return owners


@pytest.mark.parametrize(
    ("reason", "status", "said"),
    [
        ("time", 400, "reading it took longer than 20 seconds"),
        ("memory", 400, f"reading it took more than {MEMORY_BYTES} bytes of memory"),
        ("died", 400, "reading it failed"),
        ("busy", 503, "too many documents are being read already"),
    ],
)
async def test_over_a_limit(monkeypatch: pytest.MonkeyPatch, reason: Reason, status: int, said: str) -> None:
    jobs(monkeypatch, HelperFault(reason))
    with pytest.raises(BridgeError, match=said) as caught:
        await read(REPORT)
    assert (caught.value.status, caught.value.param) == (status, "input")


async def test_a_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    done = jobs(monkeypatch, b'{"text": "one"}', b'{"text": "other words"}', b'{"text": "one"}')
    monkeypatch.setattr("proxy.media.documents.MAX_REMEMBERED_CHARACTERS", 100)
    async with reading() as reader:
        for owner in "abc":
            assert await reader.read_all({REPORT: "a.pdf"}, owner) == {REPORT: "one"}
        assert done == ["a"]
        await reader.read_all({data_url(pdf("Other words.")): "b.pdf"}, "a")
        await reader.read_all({REPORT: "a.pdf"}, "a")
        assert len(done) == 3


async def test_t14_what_failed_is_not_tried_again_for_whoever_sent_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, fine = HelperFault("time"), b'{"text": "one"}'
    done = jobs(monkeypatch, slow, fine, b'{"fault": "it is encrypted"}')
    async with reading() as reader:
        for _ in range(3):
            with pytest.raises(InvalidRequest, match="took longer"):
                await reader.read_all({REPORT: "a.pdf"}, "a")
        assert await reader.read_all({REPORT: "a.pdf"}, "b") == {REPORT: "one"}
        for _ in range(3):
            with pytest.raises(InvalidRequest, match="encrypted"):
                await reader.read_all({data_url(pdf("?")): "a.pdf"}, "a")
    assert done == ["a", "b", "a"]


async def test_t14_a_lack_of_places_is_no_fault_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs(monkeypatch, HelperFault("busy"), b'{"text": "one"}')
    async with reading() as reader:
        with pytest.raises(BridgeError, match="too many documents"):
            await reader.read_all({REPORT: "a.pdf"}, "a")
        assert await reader.read_all({REPORT: "a.pdf"}, "a") == {REPORT: "one"}


async def test_texts_need_no_reading() -> None:
    text = f"data:text/csv;base64,{base64.b64encode(b'a,b').decode()}"
    async with reading() as reader:
        assert await reader.read_all({text: "a.csv"}, "me") == {text: "a,b"}


# ---- what is damaged


WHOLE = pdf("Sales rose.", "Costs fell.")
TABLE = WHOLE.index(b"xref")
DAMAGED: list[tuple[str, bytes, str]] = [
    ("without a table", WHOLE[:TABLE] + WHOLE[WHOLE.index(b"trailer") :], "Sales rose.\n\nCosts fell."),
    ("without table and trailer", WHOLE[:TABLE], "Sales rose.\n\nCosts fell."),
    ("without its end", WHOLE[: WHOLE.index(b"startxref")], "Sales rose.\n\nCosts fell."),
    ("without a catalogue", WHOLE[:TABLE].replace(b"/Catalog", b"/Cxtalog"), "Sales rose.\n\nCosts fell."),
    ("without a list of pages", WHOLE[:TABLE].replace(b"/Pages", b"/Pxges"), "Sales rose.\n\nCosts fell."),
    (
        "without what a page holds",
        WHOLE[: WHOLE.index(b"7 0 obj")],
        "Sales rose.\n\n[Page 2 could not be read: the document is damaged.]",
    ),
    (
        "without a page",
        WHOLE[: WHOLE.index(b"6 0 obj")],
        "Sales rose.\n\n[Pages that are missing, since the document is damaged: 1.]",
    ),
]


@pytest.mark.parametrize(("document", "text"), [row[1:] for row in DAMAGED], ids=[row[0] for row in DAMAGED])
def test_r07_a_damaged_document_is_read_as_far_as_it_can_be(document: bytes, text: str) -> None:
    assert read_pdf({"pages": 9, "characters": 999}, base64.b64encode(document)) == {"text": text}


def test_r07_an_encrypted_document_without_its_table_is_not_read_as_noise() -> None:
    locked = encrypted(WHOLE, "")
    assert "fault" in read_pdf({"pages": 9, "characters": 999}, base64.b64encode(locked[: locked.index(b"xref")]))


@given(st.data())
def test_r07_any_damage_gives_a_text_or_a_reason(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    for at in data.draw(st.lists(st.integers(0, len(WHOLE) - 1), max_size=8)):
        damaged[at] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(WHOLE)))
    found = read_pdf({"pages": 9, "characters": 9999}, base64.b64encode(damaged[:kept]))
    assert found.keys() <= {"text", "fault", "over"}
