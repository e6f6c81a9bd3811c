"""Compaction: on demand, by a trigger and in a chain; and what seals it."""

from __future__ import annotations

import base64
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from openai import BadRequestError

from proxy.config import ModelSettings, Secret, StoreSettings
from proxy.state.sealing import KEY_FILE, AesSealer, create_sealer
from proxy.store import StoreError
from proxy.upstream.routing import Router
from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import USAGE, LiveProxy, chunk, config_for, said
from translators.dialects import PRESETS
from translators.sealing import PLAIN, Sealer

TOOLS: Any = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False}]
TRIGGER = {"type": "compaction_trigger"}


async def test_g05_compact_keeps_what_the_user_said_and_seals_the_rest(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("They ", "greeted."), said("Fine"))
    user: Any = {"role": "user", "content": "Hi"}
    compacted = await proxy.client.responses.compact(model="m", input=[user, {"role": "assistant", "content": "Yo"}])
    assert compacted.object == "response.compaction"
    assert [item.type for item in compacted.output] == ["message", "compaction"]
    asked = backend.requests[0].json
    assert [message["role"] for message in asked["messages"]] == ["user", "assistant", "user"]

    items = [item.to_dict(warnings=False) for item in compacted.output]
    await proxy.client.responses.create(model="other", input=[*items, {"role": "user", "content": "And?"}])
    messages = backend.requests[1].json["messages"]
    assert [message["role"] for message in messages] == ["user", "user", "user"]
    assert messages[0]["content"] == "Hi"
    assert messages[1]["content"].endswith("\n\nThey greeted.")
    for body in ({"input": "x"}, {"model": None, "input": "x"}):
        assert (await proxy.http.post("/responses/compact", json=body)).status_code == 400


async def test_a_conversation_cannot_be_compacted(backend: ChatBackend, proxy: LiveProxy) -> None:
    made = (await proxy.http.post("/conversations", json={})).json()["id"]
    for conversation in (made, {"id": made}, "conv_none"):
        body = {"model": "m", "input": "Hi", "conversation": conversation}
        answer = await proxy.http.post("/responses/compact", json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["param"], error["code"]) == (400, "conversation", "unsupported_parameter")
    assert backend.requests == []


async def test_what_compacting_does_not_take_is_reported(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Summary"))
    more: Any = {"tools": TOOLS, "store": False, "stream": True, "conversation": None, "x_mine": 1, "temperature": 0.5}
    answer = await proxy.http.post("/responses/compact", json={"model": "m", "input": "Hi", **more})
    assert answer.status_code == 200
    told = answer.headers["x-dragoman-adapted"].split(", ")
    assert {"ignored tools", "ignored stream", "ignored temperature", "dropped x_mine"} <= set(told)
    assert not {"ignored store", "ignored conversation"} & set(told)


async def test_g06_a_trigger_gives_one_compaction_item(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Sum", "mary"))
    body = {"model": "m", "stream": True, "store": False, "tools": TOOLS, "tool_choice": "auto"}
    answer = await proxy.http.post(
        "/responses", json={**body, "input": [{"role": "user", "content": "Hi"}, TRIGGER], "parallel_tool_calls": True}
    )
    events = check_frames(answer.content)
    check_events(events)
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["compaction"]
    sent = backend.requests[0].json
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & sent.keys()


async def test_a_chain_goes_on_from_its_compaction(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("A1"), said("Short"), said("A3"))
    create = proxy.client.responses.create
    first = await create(model="m", input="Q1")
    second = await create(model="m", input=[TRIGGER], previous_response_id=first.id)
    await create(model="m", input="Q3", previous_response_id=second.id)
    contents = [message["content"] for message in backend.requests[2].json["messages"]]
    assert len(contents) == 2
    assert contents[0].endswith("Short")
    assert contents[1] == "Q3"


async def test_a_trigger_elsewhere_and_a_summary_of_nothing_are_refused(backend: ChatBackend, proxy: LiveProxy) -> None:
    with pytest.raises(BadRequestError) as refused:
        await proxy.client.responses.create(model="m", input=[TRIGGER, {"role": "user", "content": "x"}])
    assert refused.value.param == "input[0]"
    backend.script(said())
    answer = await proxy.http.post("/responses/compact", json={"model": "m", "input": "x"})
    assert answer.status_code == 502


async def test_input_tokens_by_probe_and_by_tokenizer(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("x"))
    counted = await proxy.client.responses.input_tokens.with_raw_response.count(model="m", input="Hi")
    assert counted.parse().input_tokens == 5
    assert counted.headers["x-dragoman-counted-by"] == "probe"
    assert backend.requests[0].json["max_tokens"] == 1

    config = config_for(backend.base_url)
    for dialect, served in (
        ("vllm", {"/tokenize": {"count": 12, "max_model_len": 99, "tokens": []}}),
        ("llamacpp", {"/apply-template": {"prompt": "<u>Hi"}, "/tokenize": {"tokens": [1, 2, 3]}}),
    ):
        if dialect not in PRESETS:
            continue
        for path, answer in served.items():
            backend.serve(path, json_answer(answer))
        upstream = msgspec.structs.replace(config.upstreams["up"], dialect=dialect)
        async with LiveProxy(msgspec.structs.replace(config, upstreams={"up": upstream})) as special:
            counted = await special.client.responses.input_tokens.with_raw_response.count(model="m", input="Hi")
            assert counted.parse().input_tokens == {"vllm": 12, "llamacpp": 3}[dialect]
            assert counted.headers["x-dragoman-counted-by"] == "tokenizer"


async def test_input_tokens_are_those_of_an_answer_that_cannot_stand(backend: ChatBackend, proxy: LiveProxy) -> None:
    called = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}
    body: Any = {"model": "m", "input": "Hi", "tools": [*TOOLS, {**TOOLS[0], "name": "g"}]}
    body["tool_choice"] = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}
    backend.script(sse_answer([chunk(called, finish="tool_calls"), chunk(choices=[], usage=USAGE)]))
    counted = await proxy.client.responses.input_tokens.with_raw_response.count(**body)
    assert counted.parse().input_tokens == 5
    assert counted.headers["x-dragoman-counted-by"] == "probe"
    backend.script(sse_answer([chunk(called, finish="tool_calls")]))
    assert (await proxy.http.post("/responses/input_tokens", json=body)).status_code == 502
    backend.script(json_answer({"error": {"message": "no"}}, status=422))
    assert (await proxy.http.post("/responses/input_tokens", json=body)).status_code == 422


async def test_input_tokens_are_estimated_where_nobody_counts(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(sse_answer([{"choices": [{"delta": {"content": "x"}, "finish_reason": "length"}]}]))
    counted = await proxy.client.responses.input_tokens.with_raw_response.count(model="m", input="Hi")
    assert 0 < counted.parse().input_tokens < 100
    assert counted.headers["x-dragoman-counted-by"] == "estimate"


# ---- context_management


async def test_a_context_over_its_threshold_is_summarised_first(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("A1"), said("Short"), said("A2"), said("A3"))
    create = proxy.client.responses.create
    management = [{"type": "compaction", "compact_threshold": 1000}]
    first = await create(model="m", input="Q1 " + "x" * 5000, context_management=management)  # one turn: it stays
    body = {"model": "m", "input": "Q2", "previous_response_id": first.id, "context_management": management}
    events = check_frames((await proxy.http.post("/responses", json={**body, "stream": True})).content)
    check_events(events)
    second = events[-1]["response"]
    assert [item["type"] for item in second["output"]] == ["compaction", "message"]
    assert second["usage"]["input_tokens"] == 10
    asked, answered = (request.json["messages"] for request in backend.requests[1:3])
    assert [message["role"] for message in asked] == ["user", "assistant", "user", "user"]
    assert [message["content"].rpartition("\n")[2] for message in answered] == ["Short", "Q2"]
    await create(model="m", input="Q3", previous_response_id=second["id"], context_management=management)
    contents = [message["content"].rpartition("\n")[2] for message in backend.requests[3].json["messages"]]
    assert contents == ["Short", "A2", "Q3"]


async def test_an_open_tool_turn_is_kept_as_it_is(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("Short"), said("Done"))
    items: Any = [
        {"role": "user", "content": "x" * 5000},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": "2"},
    ]
    management: Any = [{"type": "compaction", "compact_threshold": 1000}]
    made = await proxy.client.responses.create(model="m", input=items, tools=TOOLS, context_management=management)
    assert [item.type for item in made.output] == ["compaction", "message"]
    messages = backend.requests[1].json["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]
    assert "tools" in backend.requests[1].json


# ---- how long a summary may be


def _cut(text: str, **more: Any) -> Any:
    message = {"role": "assistant", "content": text, **more}
    return json_answer({"choices": [{"index": 0, "message": message, "finish_reason": "length"}]})


async def test_a_summary_has_a_limit_and_is_taken_when_it_reaches_it(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(_cut("They gree"), said("Fine"))
    compacted = await proxy.client.responses.compact(model="m", input="x" * 100)
    assert backend.requests[0].json["max_tokens"] == 8192
    items = [item.to_dict(warnings=False) for item in compacted.output]
    await proxy.client.responses.create(model="m", input=[*items, {"role": "user", "content": "And?"}])
    assert backend.requests[1].json["messages"][1]["content"].endswith("They gree")


async def test_a_trigger_with_a_limit_of_its_own(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(_cut("They gree"))
    asked = {"model": "m", "input": [{"role": "user", "content": "Hi"}, TRIGGER], "max_output_tokens": 300}
    answer = await proxy.http.post("/responses", json=asked)
    assert (answer.json()["status"], answer.json()["output"][0]["type"]) == ("completed", "compaction")
    assert "changed compaction" in answer.headers["x-dragoman-adapted"]
    assert backend.requests[0].json["max_tokens"] == 300


async def test_thoughts_that_use_the_limit_up_make_no_summary(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(_cut("", reasoning_content="Hmm"))
    answer = await proxy.http.post("/responses/compact", json={"model": "m", "input": "Hi"})
    assert answer.status_code == 502
    assert "summary_tokens" in answer.json()["error"]["message"]


async def test_a_thought_before_a_summary_stands_in_no_bodys_place(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(_cut("Short", reasoning_content="Hmm"), said("Done"))
    items: Any = [
        {"role": "user", "content": "x" * 5000},
        {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": "And?"},
    ]
    management: Any = [{"type": "compaction", "compact_threshold": 1000}]
    made = await proxy.client.responses.create(model="m", input=items, context_management=management)
    assert [item.type for item in made.output] == ["compaction", "message"]
    assert backend.requests[1].json["messages"][0]["content"].endswith("Short")


@pytest.mark.parametrize(("window", "asked", "sent"), [(None, 8192, 8192), (8192, 8192, 2048), (400, 8192, 256)])
def test_it_is_a_quarter_of_a_known_window_at_most(window: int | None, asked: int, sent: int) -> None:
    models = {"*": ModelSettings(upstream="up", context_window=window, summary_tokens=asked)}
    config = msgspec.structs.replace(config_for("http://h/v1"), models=models)
    assert Router(config).route("m").translation.summary_tokens == sent


# ---- sealing

KEYS = [b"a" * 32, b"b" * 32]


def test_what_was_sealed_opens_and_nothing_else_does() -> None:
    sealer = AesSealer(KEYS[:1])
    sealed = sealer.seal(b"secret" * 1000)
    assert b"secret" not in base64.urlsafe_b64decode(sealed.partition(".")[2])
    assert sealer.open(sealed) == b"secret" * 1000
    assert sealer.seal(b"x") != sealer.seal(b"x")
    middle = len(sealed) // 2
    damaged = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for foreign in ("", "dragoman-1.", "dragoman-1.AAAA", damaged, sealed[:-8], PLAIN.seal(b"x"), "gAAAA", "\xe4"):
        assert sealer.open(foreign) is None


def test_the_owner_is_bound_into_a_seal() -> None:
    sealer = AesSealer(KEYS)
    sealed = sealer.of(["a", "digest-of-a"]).seal(b"x")
    assert sealed.startswith("dragoman-2.")
    assert sealer.of(["a"]).open(sealed) == b"x"
    assert [sealer.of([other]).open(sealed) for other in ("b", "", "digest-of-a")] == [None, None, None]
    # A key that had no name when it was used, and has one now.
    assert sealer.of(["name", "a"]).open(sealed) == b"x"


def test_what_was_sealed_without_an_owner_opens() -> None:
    """By the version before: AES-GCM, with the prefix alone as associated data."""
    blob = AESGCM(KEYS[0]).encrypt(b"n" * 12, zlib.compress(b"x"), b"dragoman-1.")
    sealed = f"dragoman-1.{base64.urlsafe_b64encode(b'n' * 12 + blob).decode()}"
    assert AesSealer(KEYS).of(["a"]).open(sealed) == b"x"
    assert AesSealer(KEYS[1:]).of(["a"]).open(sealed) is None


def test_keys_rotate() -> None:
    old = AesSealer(KEYS[:1]).seal(b"x")
    both = AesSealer([KEYS[1], KEYS[0]])
    assert both.open(old) == b"x"
    assert AesSealer(KEYS[1:]).open(old) is None
    assert AesSealer(KEYS[1:]).open(both.seal(b"y")) == b"y"


def test_a_key_is_made_once_in_the_data_directory(tmp_path: Path) -> None:
    settings = StoreSettings(data_dir=str(tmp_path / "data"))
    sealed = create_sealer(settings).seal(b"x")
    assert create_sealer(settings).open(sealed) == b"x"
    key = tmp_path / "data" / KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key.parent.iterdir()] == [KEY_FILE]
    key.write_bytes(b"short")
    with pytest.raises(StoreError, match="damaged"):
        create_sealer(settings)
    configured = StoreSettings(data_dir=str(tmp_path / "data"), sealing_keys=(Secret("ab" * 32),))
    assert create_sealer(configured).open(create_sealer(configured).seal(b"y")) == b"y"
    assert create_sealer(StoreSettings()) is PLAIN


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_workers_that_start_at_once_have_one_key(tmp_path: Path, kind: Literal["memory", "sqlite"]) -> None:
    """What one has sealed comes back to any of them, whether they share a database or not."""
    settings = StoreSettings(kind=kind, data_dir=str(tmp_path / "data"))
    together = threading.Barrier(8)

    def start() -> Sealer:
        together.wait()
        return create_sealer(settings)

    with ThreadPoolExecutor(8) as pool:
        sealers = [started.result() for started in [pool.submit(start) for _ in range(8)]]
    for sealer in sealers:
        assert [each.open(sealer.seal(b"x")) for each in sealers] == [b"x"] * 8
