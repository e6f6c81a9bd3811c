"""What an upstream's list of models tells of it, and how the proxy asks for that: early, once, and never in the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from proxy.commands.main import main
from proxy.commands.translate import translate_command
from proxy.config import Config, ModelSettings, UpstreamSettings, load_config
from proxy.upstream.connections import Upstreams
from proxy.upstream.recognition import MAX_REFUSALS, Recognition
from proxy.upstream.routing import Router
from tests.support.chat_backend import Answer, ChatBackend, json_answer
from tests.support.running import config_for, read_config, running
from translators.dialects import preset_of_list
from translators.dialects.presets import BACKENDS

Json = dict[str, Any]


def listed(*entries: Json, **more: Any) -> bytes:
    return json.dumps({"object": "list", "data": [{"object": "model", **entry} for entry in entries], **more}).encode()


VLLM: Json = {
    "id": "Qwen/Qwen3.5-32B",
    "created": 1790000000,
    "owned_by": "vllm",
    "root": "Qwen/Qwen3.5-32B",
    "parent": None,
    "max_model_len": 32768,
    "permission": [{"id": "modelperm-1", "object": "model_permission"}],
}
ADAPTER = VLLM | {"id": "sql", "parent": VLLM["id"], "max_model_len": None}
# As llama-server sent it (xllamacpp 2026.10.11549).
LLAMACPP = (
    b'{"models":[{"name":"smollm2","model":"smollm2","modified_at":"","size":"","digest":"","type":"model",'
    b'"description":"","tags":[""],"capabilities":["completion"],"parameters":"","details":{"parent_model":"",'
    b'"format":"gguf","family":"","families":[""],"parameter_size":"","quantization_level":""}}],"object":"list",'
    b'"data":[{"id":"smollm2","aliases":["smollm2"],"tags":[],"object":"model","architecture":{"input_modalities":'
    b'["text"],"output_modalities":["text"]},"created":1795324624,"owned_by":"llamacpp","meta":{"vocab_type":2,'
    b'"n_vocab":49152,"n_ctx":1024,"n_ctx_train":8192,"n_embd":576,"n_params":134515008,"size":96576768,'
    b'"ftype":"Q4_1"}}]}'
)
OPENROUTER: Json = {
    "id": "openai/gpt-5",
    "canonical_slug": "openai/gpt-5",
    "name": "OpenAI: GPT-5",
    "context_length": 400000,
    "architecture": {"modality": "text+image->text", "input_modalities": ["text", "image"]},
    "pricing": {"prompt": "0.00000125", "completion": "0.00001"},
    "top_provider": {"context_length": 400000, "max_completion_tokens": 128000, "is_moderated": True},
    "supported_parameters": ["max_tokens", "tools"],
}
MISTRAL: Json = {
    "id": "mistral-large-latest",
    "created": 1790000000,
    "owned_by": "mistralai",
    "capabilities": {"completion_chat": True, "function_calling": True},
    "max_context_length": 131072,
    "aliases": [],
    "type": "base",
}
ANTHROPIC: Json = {
    "type": "model",
    "id": "claude-sonnet-5",
    "display_name": "Claude Sonnet 5",
    "created_at": "2026-02-19T00:00:00Z",
}
TOLD = {
    "anthropic": listed(ANTHROPIC, has_more=False, first_id="claude-sonnet-5", last_id="claude-sonnet-5"),
    "deepseek": listed({"id": "deepseek-chat", "owned_by": "deepseek"}),
    "llama-cpp-python": listed({"id": "models/7B.gguf", "owned_by": "me", "permissions": []}),
    "llamacpp": LLAMACPP,
    "lmstudio": listed({"id": "qwen/qwen3.5-9b", "owned_by": "organization_owner"}),
    "mistral": listed(MISTRAL),
    "ollama": listed(
        {"id": "llama3.2:latest", "created": 1790000000, "owned_by": "library"},
        {"id": "hf.co/bartowski/Qwen3-GGUF:Q4_K_M", "created": 1790000000, "owned_by": "bartowski"},
    ),
    "openrouter": listed(OPENROUTER),
    "sglang": listed({"id": "m", "created": 1, "owned_by": "sglang", "root": "m", "parent": None, "max_model_len": 9}),
    "tgi": listed({"id": "meta-llama/L3", "created": 0, "owned_by": "meta-llama/L3"}),
    "vllm": listed(VLLM, ADAPTER),
}
UNTOLD = {
    "OpenAI": listed({"id": "gpt-5", "created": 1, "owned_by": "system"}),
    "a gateway that calls everything so": listed({"id": "claude", "created": 1677610602, "owned_by": "openai"}),
    "a wrapper": listed({"id": "m", "created": 1677610602, "owned_by": "vllm"}),
    "several backends": listed(VLLM, {"id": "m", "owned_by": "sglang", "max_model_len": 3}),
    "others among them": listed({"id": "deepseek-chat", "owned_by": "deepseek"}, {"id": "gpt-5", "owned_by": "openai"}),
    "nothing at all": listed(),
    "no owner": listed({"id": "m"}),
    "no id": listed({"owned_by": "vllm", "max_model_len": 3}),
    "no list": b'{"object": "model"}',
    "no entries": b'{"data": [1, "m"]}',
    "an error": b'{"error": {"message": "no"}}',
    "no JSON": b"<html>",
    "no text": b"\xff",
    "nesting": b"[" * 100_000,
}


@pytest.mark.parametrize("name", TOLD)
def test_a_list_tells_its_backend(name: str) -> None:
    assert preset_of_list(TOLD[name]) == name


def test_every_sign_is_shown() -> None:
    assert {name for name, preset in BACKENDS.items() if preset.listed is not None} == TOLD.keys()


@pytest.mark.parametrize("name", UNTOLD)
def test_a_list_tells_nothing(name: str) -> None:
    assert preset_of_list(UNTOLD[name]) is None


def test_only_what_nothing_else_tells_is_undecided() -> None:
    upstreams = {
        "named": UpstreamSettings(base_url="http://a/v1", dialect="generic"),
        "by host": UpstreamSettings(base_url="https://api.openai.com/v1"),
        "by port": UpstreamSettings(base_url="http://a:11434/v1"),
        "for its model": UpstreamSettings(base_url="http://b/v1"),
        "local": UpstreamSettings(kind="local"),
        "unused": UpstreamSettings(base_url="http://c/v1"),
        "unknown": UpstreamSettings(base_url="http://d/v1", dialect={"images": ["data"]}),
    }
    models = {name: ModelSettings(upstream=name) for name in upstreams if name != "unused"}
    models["for its model"] = ModelSettings(upstream="for its model", dialect="vllm")
    router = Router(Config(upstreams=upstreams, models=models | {"x-*": ModelSettings(upstream="unknown")}))
    assert router.undecided == {"unknown"}
    before = {name: router.route(name) for name in models}
    assert router.route("x-1").dialect.name == "generic"
    router.settle("unknown", "ollama")
    assert not router.undecided
    assert {name for name in models if router.route(name) != before[name]} == {"unknown"}
    assert [router.route(name).dialect.name for name in ("unknown", "x-1")] == ["ollama", "ollama"]
    chosen = router.route("unknown").choice
    assert (chosen.told_by, chosen.origins["tool_choice"], chosen.origins["images"]) == (
        "list of models",
        "preset ollama",
        "upstream setting",
    )


# ---- asking, over sockets

COMPLETION: Json = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]
}
ASKED: Json = {"model": "m", "input": "hi", "tools": [{"type": "function", "name": "f"}], "tool_choice": "required"}


@asynccontextmanager
async def bridge(tmp_path: Path, backend: ChatBackend, **upstream: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A proxy whose upstream nothing but its list tells; `tool_choice` shows the dialect: ollama is not sent it."""
    backend.always(json_answer(COMPLETION))
    settings = config_for(backend, upstream={"dialect": "auto", **upstream})
    async with (
        running(read_config(settings, tmp_path)) as url,
        httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
    ):
        yield http


async def dialect_shown(http: httpx2.AsyncClient, backend: ChatBackend, **headers: str) -> str:
    answer = await http.post("/v1/responses", json=ASKED, headers=headers)
    assert answer.status_code == 200, answer.text
    return "generic" if "tool_choice" in backend.requests[-1].json else "ollama"


def lists_asked(backend: ChatBackend) -> int:
    return sum(request.path == "/v1/models" for request in backend.requests)


async def test_it_is_asked_before_the_first_request(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        backend.serve("/v1/models", json_answer(TOLD["ollama"]))
        async with bridge(tmp_path, backend) as http:
            (first,) = await backend.received(1)
            assert first.path == "/v1/models"
            assert [await dialect_shown(http, backend) for _ in range(2)] == ["ollama", "ollama"]
        assert lists_asked(backend) == 1


async def test_one_that_is_told_is_not_asked(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        backend.serve("/v1/models", json_answer(TOLD["ollama"]))
        async with bridge(tmp_path, backend, dialect="generic") as http:
            assert await dialect_shown(http, backend) == "generic"
        assert lists_asked(backend) == 0


async def test_no_request_waits_for_one_that_is_slow(tmp_path: Path) -> None:
    """Without an answer it is generic; the answer is taken when it comes, once."""
    async with ChatBackend() as backend:
        late = asyncio.Event()
        backend.serve("/v1/models", json_answer(TOLD["ollama"], hold_head=late))
        async with bridge(tmp_path, backend) as http:
            assert [await dialect_shown(http, backend) for _ in range(2)] == ["generic", "generic"]
            late.set()
            while await dialect_shown(http, backend) == "generic":
                pass
        assert lists_asked(backend) == 1


async def test_a_list_that_tells_nothing_settles_it(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        backend.serve("/v1/models", json_answer(UNTOLD["OpenAI"]))
        async with bridge(tmp_path, backend) as http:
            assert [await dialect_shown(http, backend) for _ in range(2)] == ["generic", "generic"]
        assert lists_asked(backend) == 1


async def test_one_that_has_no_list_is_not_asked_for_ever(tmp_path: Path) -> None:
    async with ChatBackend() as backend, bridge(tmp_path, backend) as http:
        for _ in range(MAX_REFUSALS + 2):
            assert await dialect_shown(http, backend) == "generic"
        assert lists_asked(backend) == MAX_REFUSALS


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_what_says_nothing_of_a_list_settles_nothing(tmp_path: Path, status: int) -> None:
    async with ChatBackend() as backend:
        backend.serve("/v1/models", json_answer({"error": "no"}, status=status))
        async with bridge(tmp_path, backend, pass_client_key=True) as http:
            for _ in range(MAX_REFUSALS + 2):
                assert await dialect_shown(http, backend, authorization="Bearer wrong") == "generic"
            assert lists_asked(backend) == 1  # whose key it is asks no more for now
            backend.serve("/v1/models", json_answer(TOLD["ollama"]))
            assert await dialect_shown(http, backend, authorization="Bearer right") == "ollama"
            assert await dialect_shown(http, backend, authorization="Bearer wrong") == "ollama"


async def test_whose_question_was_refused_asks_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ChatBackend() as backend:
        settings = {"up": UpstreamSettings(base_url=backend.base_url, verify_tls=False)}
        router = Router(Config(upstreams=settings, models={"*": ModelSettings(upstream="up")}))
        upstreams = Upstreams(settings)
        recognition = Recognition(router, upstreams, patience=30)
        backend.serve("/v1/models", json_answer({"error": "no"}, status=401))
        await recognition.wait_for("up", {})
        backend.serve("/v1/models", json_answer(TOLD["sglang"]))
        await recognition.wait_for("up", {})
        assert router.undecided
        monkeypatch.setattr(recognition, "_pauses", {})  # the minute is over
        await recognition.wait_for("up", {})
        assert router.route("m").dialect.name == "sglang"
        await upstreams.aclose()


async def test_one_that_wants_the_client_s_key_is_asked_with_it(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        backend.serve("/v1/models", json_answer(TOLD["ollama"]))
        async with bridge(tmp_path, backend, pass_client_key=True) as http:
            assert await dialect_shown(http, backend, authorization="Bearer mine") == "ollama"
        assert backend.requests[0].path == "/v1/models"
        assert backend.requests[0].headers["authorization"] == "Bearer mine"


async def test_one_that_starts_later_is_asked_again() -> None:
    async with ChatBackend() as backend:
        backend.serve("/v1/models", json_answer(TOLD["sglang"]))
        down = UpstreamSettings(base_url="http://127.0.0.1:9/v1", verify_tls=False)
        router = Router(Config(upstreams={"up": down}, models={"*": ModelSettings(upstream="up")}))
        absent, present = (
            Upstreams({"up": down}),
            Upstreams({"up": msgspec.structs.replace(down, base_url=backend.base_url)}),
        )
        for upstreams, name in ((absent, "generic"), (absent, "generic"), (present, "sglang")):
            recognition = Recognition(router, upstreams, patience=30)
            for _ in range(MAX_REFUSALS + 1):
                await recognition.wait_for("up", {})
            assert router.route("m").dialect.name == name
            await recognition.aclose()
        await absent.aclose()
        await present.aclose()


async def test_silence_is_given_up() -> None:
    async with ChatBackend() as backend:
        backend.serve("/v1/models", Answer(hold_head=asyncio.Event()))
        settings = {"up": UpstreamSettings(base_url=backend.base_url, verify_tls=False)}
        router = Router(Config(upstreams=settings, models={"*": ModelSettings(upstream="up")}))
        upstreams = Upstreams(settings)
        recognition = Recognition(router, upstreams, patience=30, limit=0.01)
        while router.undecided:
            await recognition.wait_for("up", {})
        assert len(backend.requests) <= MAX_REFUSALS
        assert router.route("m").dialect.name == "generic"
        await upstreams.aclose()


async def test_what_was_learned_of_another_dialect_does_not_count(tmp_path: Path) -> None:
    def picky(request: Any) -> Answer:
        if "temperature" in request.json and "tool_choice" in request.json:
            return json_answer({"error": {"message": "Unsupported parameter: temperature"}}, status=400)
        return json_answer(COMPLETION)

    async with ChatBackend() as backend:
        late = asyncio.Event()
        backend.serve("/v1/models", json_answer(TOLD["ollama"], hold_head=late))
        async with bridge(tmp_path, backend) as http:
            backend.always(picky)
            await http.post("/v1/responses", json=ASKED | {"temperature": 0.5})
            assert "temperature" not in backend.requests[-1].json
            late.set()
            while await dialect_shown(http, backend) == "generic":
                pass
            await http.post("/v1/responses", json=ASKED | {"temperature": 0.5})
            assert backend.requests[-1].json["temperature"] == 0.5


async def test_check_and_translate_ask_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with ChatBackend() as backend:
        backend.serve("/v1/models", json_answer(TOLD["vllm"]))
        file = tmp_path / "config.yaml"
        file.write_bytes(msgspec.yaml.encode(config_for(backend, upstream={"dialect": "auto"})))
        assert await asyncio.to_thread(main, ["check", "--config", str(file)]) == 0
        said = capsys.readouterr().out
        assert "m, *: dialect vllm (list of models)" in said
        assert "(preset vllm)" in said
        backend.serve("/v1/models", json_answer(TOLD["ollama"]))
        body = json.dumps(ASKED).encode()
        translated = await asyncio.to_thread(translate_command, load_config(file, {}), body, None)
        assert b"tool_choice" not in translated.body


def test_check_does_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("upstreams: {u: {base_url: 'http://127.0.0.1:9/v1'}}\nmodels: {m: {upstream: u}}\n")
    assert main(["check", "--config", str(file)]) == 0
    assert "m: dialect generic (nothing tells another)" in capsys.readouterr().out


async def test_a_real_server_is_recognised(tmp_path: Path, local_llm: str) -> None:
    config = {"upstreams": {"u": {"base_url": local_llm, "verify_tls": False}}, "models": {"m": {"upstream": "u"}}}
    settings = read_config(config, tmp_path).upstreams
    router = Router(read_config(config, tmp_path))
    upstreams = Upstreams(settings)
    recognition = Recognition(router, upstreams, patience=30)
    recognition.begin(settings)
    await recognition.wait_for_all()
    await upstreams.aclose()
    assert router.route("m").dialect.name == "llamacpp"
