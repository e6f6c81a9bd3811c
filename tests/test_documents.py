"""PDFs for upstreams that take no files (case M07): their text, within limits, or a clear refusal."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.config import DocumentSettings
from proxy.documents import DocumentReader
from tests.chat_backend import Answer, ChatBackend, json_answer
from tests.pdf import data_url, encrypted, pdf
from tests.running import config_for, read_config, running
from translators.errors import InvalidRequest

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


async def read(data: str, **settings: Any) -> str:
    return (await DocumentReader(DocumentSettings(**settings)).read_all({data: "a.pdf"}))[data]


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


class Children:
    """The processes that were started; `first` is set when there is one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[asyncio.subprocess.Process] = []
        self.first = asyncio.Event()
        self._start = asyncio.create_subprocess_exec
        monkeypatch.setattr(asyncio, "create_subprocess_exec", self._note)

    async def _note(self, *arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        self.started.append(await self._start(*arguments, **options))
        self.first.set()
        return self.started[-1]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Children:
    return Children(monkeypatch)


@pytest.fixture
def hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever is read takes for ever."""
    script = tmp_path / "hangs.py"
    script.write_text("import threading\nthreading.Event().wait()\n")
    monkeypatch.setattr("proxy.documents._CHILD", script)


@pytest.mark.usefixtures("hangs")
async def test_a_slow_document_is_given_up(children: Children) -> None:
    with pytest.raises(InvalidRequest, match="reading it took too long"):
        await read(REPORT, timeout=0.01)
    assert [child.returncode for child in children.started] != [None]


@pytest.mark.usefixtures("hangs")
async def test_a_client_that_leaves_ends_the_reading(children: Children) -> None:
    task = asyncio.create_task(read(REPORT))
    await children.first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [child.returncode for child in children.started] != [None]


async def test_a_process_that_dies_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.documents.MEMORY_BYTES", 1 << 20)
    with pytest.raises(InvalidRequest, match=r"it could not be read|too much memory"):
        await read(REPORT)


async def test_a_text_is_read_once(monkeypatch: pytest.MonkeyPatch, children: Children) -> None:
    reader = DocumentReader(DocumentSettings())
    for _ in range(3):
        await reader.read_all({REPORT: "a.pdf"})
    assert len(children.started) == 1
    monkeypatch.setattr("proxy.documents.MAX_REMEMBERED_CHARACTERS", 30)
    await reader.read_all({data_url(pdf("Other words.")): "b.pdf"})
    await reader.read_all({REPORT: "a.pdf"})
    assert len(children.started) == 3


async def test_texts_need_no_reading() -> None:
    text = f"data:text/csv;base64,{base64.b64encode(b'a,b').decode()}"
    assert await DocumentReader(DocumentSettings()).read_all({text: "a.csv"}) == {text: "a,b"}
