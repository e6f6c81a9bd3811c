"""A long request is read, translated and stored in steps of a bounded size, and comes to the same (invariant R10)."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from proxy.process.aside import LONG_BYTES
from proxy.state import recording
from tests.strategies import broken_requests, json_values, responses_requests
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.running import config_for, read_config, running
from tests.support.translation import encode
from translators import decode, json_slices
from translators.asking import read_items as read_items_module
from translators.asking import translate as translate_module
from translators.asking.parse import parse_request
from translators.asking.read_items import read_items
from translators.asking.translate import Settings, to_chat
from translators.decode import check_utf8
from translators.dialects import PRESETS
from translators.errors import InvalidRequest
from translators.history import raw_items
from translators.history.raw_items import join_items, split_items
from translators.json_slices import SLICE_BYTES, read_array

RAWS = msgspec.json.Decoder(list[Raw])
TRICKY = st.sampled_from([{"text": "},{"}, {"a": [{"b": 1}, {"b": 2}]}, {}, {"text": '"},{"'}, [], 1, {"a": {}}])
ARRAYS = st.lists(TRICKY | json_values(), max_size=30)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": ")])


def shorten(patch: pytest.MonkeyPatch) -> None:
    for module in (json_slices, read_items_module, raw_items):
        patch.setattr(module, "SLICE_BYTES", 8)
    patch.setattr(translate_module, "_TOGETHER", 2)
    patch.setattr(decode, "_UTF8_PIECE", 5)


@given(ARRAYS, SEPARATORS)
def test_an_array_in_slices_has_the_same_members(values: list[Any], separators: tuple[str, str]) -> None:
    array = json.dumps(values, separators=separators).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_slices, "SLICE_BYTES", 8)
        found = [raw for raws in read_array(array, RAWS.decode) for raw in raws]
    assert list(map(bytes, found)) == list(map(bytes, RAWS.decode(array)))


@given(responses_requests() | broken_requests())
def test_a_request_in_slices_is_the_same(request: Any) -> None:
    body = encode(request)

    def translated() -> object:
        try:
            parsed = parse_request(body)
            split = [bytes(raw) for raw in split_items(parsed.params.input)] if parsed.items else []
            translation = to_chat(parsed, PRESETS["generic"], Settings(model="m"))
        except InvalidRequest as error:
            return error.param, error.message
        return translation.body(), split, translation.adaptations

    expected = translated()
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        assert translated() == expected


def test_r10_one_step_reads_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """30 MB in one step held all other streams up for a tenth of a second."""
    sizes: list[int] = []
    real = read_items_module._LISTS[0]

    class Noting:
        def decode(self, raw: bytes) -> Any:
            sizes.append(len(raw))
            return real.decode(raw)

    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x" * 3000}]}
    monkeypatch.setattr(read_items_module, "_LISTS", [Noting()])
    assert len(read_items(Raw(json.dumps([item] * 2000).encode()))) == 2000
    assert len(sizes) >= 5
    assert max(sizes) <= SLICE_BYTES + 4000


@given(st.binary(max_size=40) | st.text().map(str.encode))
def test_utf8_is_checked_in_pieces(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "_UTF8_PIECE", 5)
        try:
            expected: str | None = str(data.decode() and "")
        except UnicodeDecodeError as error:
            expected = str(error)
        try:
            check_utf8(data)
            found = ""
        except UnicodeDecodeError as error:
            found = str(error)
    assert found == expected


def test_joined_items_are_an_array() -> None:
    for count in range(4):
        items = [b'{"n":%d}' % number for number in range(count)]
        assert join_items(items) == b"[" + b",".join(items) + b"]"


async def test_what_is_long_is_recorded_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = raw_items.split_input

    def noting(raw: Raw) -> list[Raw]:
        threads.append(threading.current_thread().name)
        return real(raw)

    monkeypatch.setattr(recording, "split_input", noting)
    async with (
        ChatBackend() as backend,
        running(read_config(config_for(backend), tmp_path)) as url,
        httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
    ):
        for asked, answered in (("x", "x"), ("x" * LONG_BYTES, "x"), ("x", "é" * LONG_BYTES)):
            message = {"content": answered}
            backend.always(json_answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
            answer = (await http.post("/v1/responses", json={"model": "m", "input": asked})).json()
            stored = (await http.get(f"/v1/responses/{answer['id']}")).json()
            assert stored["output"] == answer["output"]
            assert answer["output"][0]["content"][0]["text"] == answered
    aside = [name.startswith("asyncio_") for name in threads]
    assert aside[:2] == [False, True]
    # The long answer is tried at once, which ends at its first text; the items of its short input are kept from that.
    assert len(aside) == 3
