"""`GET /v1/models` in OpenAI's form and in Codex's (G08, G09); what upstreams are asked; `dragoman codex-config`."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.commands.main import main
from proxy.config import UpstreamSettings
from proxy.models.facts import ModelFacts, UpstreamModels, read_models
from proxy.upstream.connections import Upstreams
from tests.support.chat_backend import Answer, ChatBackend, json_answer
from tests.support.running import config_for, read_config, running

Json = dict[str, Any]
# What Codex 0.169 refuses a catalogue without.
REQUIRED_BY_CODEX = {
    "slug",
    "display_name",
    "supported_reasoning_levels",
    "shell_type",
    "visibility",
    "supported_in_api",
    "priority",
    "base_instructions",
    "support_verbosity",
    "truncation_policy",
    "experimental_supported_tools",
}
VLLM: Json = {"object": "list", "data": [{"id": "their-name", "object": "model", "max_model_len": 32768, "root": None}]}


async def models(tmp_path: Path, listed: Answer | None, path: str = "/v1/models", **settings: Any) -> Json:
    async with ChatBackend() as backend:
        if listed is not None:
            backend.serve("/v1/models", listed)
        async with (
            running(read_config(config_for(backend, **settings), tmp_path)) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
        ):
            answer: Json = (await http.get(path)).json()
            return answer


async def test_both_forms_in_one_answer(tmp_path: Path) -> None:
    answer = await models(tmp_path, json_answer(VLLM))
    assert answer["object"] == "list"
    assert [(model["id"], model["context_window"]) for model in answer["data"]] == [("m", 32768), ("their-name", 32768)]
    for_codex = answer["models"][0]
    assert for_codex.keys() >= REQUIRED_BY_CODEX
    assert for_codex["slug"] == "m"
    assert for_codex["context_window"] == 32768
    assert for_codex["truncation_policy"] == {"mode": "tokens", "limit": 8192}
    assert for_codex["input_modalities"] == ["text"]
    assert for_codex["supported_reasoning_levels"] == []
    assert "default_reasoning_level" not in for_codex


async def test_the_configuration_wins(tmp_path: Path) -> None:
    known = {"context_window": 1000, "input_modalities": ["text", "image"], "reasoning_efforts": ["low", "high"]}
    settings = {"m": {"upstream": "scripted", "model": "their-name", **known}}
    answer = await models(tmp_path, json_answer(VLLM), models=settings)
    assert [model["id"] for model in answer["data"]] == ["m"]  # no pattern, so nothing else can be asked for
    assert answer["data"][0]["context_window"] == 1000
    for_codex = answer["models"][0]
    assert for_codex["context_window"] == 1000
    assert for_codex["input_modalities"] == ["text", "image"]
    assert [level["effort"] for level in for_codex["supported_reasoning_levels"]] == ["low", "high"]


async def test_one_model(tmp_path: Path) -> None:
    answer = await models(tmp_path, json_answer(VLLM), "/v1/models/m")
    assert (answer["id"], answer["context_window"]) == ("m", 32768)


@pytest.mark.parametrize(
    "listed",
    [
        None,
        json_answer({"error": {"message": "no"}}, status=500),
        json_answer(b"<html>"),
        json_answer({"data": "none"}),
        json_answer({"data": [{"no": "id"}, 7, {"id": "their-name", "max_model_len": "many", "meta": 3}]}),
        json_answer(VLLM, cut_after=20),
    ],
    ids=["no list", "error", "no JSON", "no entries", "strange entries", "cut"],
)
async def test_an_upstream_that_tells_nothing(tmp_path: Path, listed: Answer | None) -> None:
    answer = await models(tmp_path, listed)
    assert [model["id"] for model in answer["data"]] == ["m"]
    assert "context_window" not in answer["data"][0]


@pytest.mark.parametrize(
    ("entry", "facts"),
    [
        ({"max_model_len": 5}, ModelFacts(context_window=5)),
        ({"context_length": 5, "top_provider": {}}, ModelFacts(context_window=5)),
        ({"context_window": 5}, ModelFacts(context_window=5)),
        ({"loaded_context_length": 5, "max_context_length": 9}, ModelFacts(context_window=5)),
        ({"meta": {"n_ctx": 5, "n_ctx_train": 9}}, ModelFacts(context_window=5)),
        ({"meta": None, "context_length": 0}, ModelFacts()),
        ({"architecture": {"input_modalities": ["text", "image"]}}, ModelFacts(input_modalities=("text", "image"))),
    ],
    ids=["vLLM", "OpenRouter", "Groq", "LM Studio", "llama.cpp", "nulls", "modalities"],
)
def test_what_upstreams_call_it(entry: Json, facts: ModelFacts) -> None:
    listed = [{"id": "x", **entry}]
    assert read_models(json.dumps({"data": listed}).encode()) == {"x": facts}
    assert read_models(json.dumps(listed).encode()) == {"x": facts}  # Together's bare list


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_nobody_waits_and_nobody_asks_twice() -> None:
    async with ChatBackend() as backend:
        late = asyncio.Event()
        backend.serve("/v1/models", Answer(writes=json_answer(VLLM).writes, hold_head=late))
        clock = Clock()
        upstreams = Upstreams({"slow": UpstreamSettings(base_url=backend.base_url)})
        asked = UpstreamModels(upstreams, clock=clock, patience=0)

        async def known() -> Mapping[str, ModelFacts]:
            return (await asked.facts(["slow"], {}))["slow"]

        assert await known() == {}
        await backend.received(1)
        assert await known() == {}
        late.set()
        asked.patience = 30
        assert (await known())["their-name"].context_window == 32768
        assert len(backend.requests) == 1
        clock.now = 3600.0
        await known()
        await backend.received(2)
        await asked.aclose()
        await upstreams.aclose()


# --- codex-config --------------------------------------------------------------------------------

CONFIG = """
server: {host: 0.0.0.0, port: 9000, api_keys: [secret-of-mine]}
upstreams:
  local: {kind: local, context_size: 4096}
models:
  my "model": {upstream: local}
  other: {upstream: local, context_window: 100, input_modalities: [text, audio, image]}
"""


def test_g22_codex_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    target = tmp_path / "models.json"
    assert main(["codex-config", "--config", str(tmp_path / "config.yaml"), "--catalogue", str(target)]) == 0
    said = capsys.readouterr().out
    assert "secret-of-mine" not in said
    settings = tomllib.loads(said)
    assert settings["model_provider"] == "dragoman"  # Codex shows the threads of one provider: it never changes
    assert settings["model"] == 'my "model"'
    assert settings["model_catalog_json"] == str(target)
    assert settings["model_providers"][settings["model_provider"]] == {
        "name": "Dragoman",
        "base_url": "http://127.0.0.1:9000/v1",
        "wire_api": "responses",
        "env_key": "DRAGOMAN_KEY",
    }
    first, second = json.loads(target.read_text())["models"]
    assert first.keys() >= REQUIRED_BY_CODEX
    assert (first["slug"], first["context_window"], first["apply_patch_tool_type"]) == ('my "model"', 4096, "freeform")
    assert first["truncation_policy"]["limit"] == 1024
    assert (second["context_window"], second["input_modalities"]) == (100, ["text", "image"])


def test_codex_config_without_a_catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("upstreams: {l: {kind: local}}\nmodels: {'*': {upstream: l}}\n")
    assert (
        main(["codex-config", "--config", str(tmp_path / "config.yaml"), "--model", "x", "--base-url", "http://far/v1"])
        == 0
    )
    settings = tomllib.loads(capsys.readouterr().out)
    assert settings["model"] == "x"
    assert settings.keys() == {"model", "model_provider", "model_providers"}
    assert settings["model_providers"]["dragoman"]["base_url"] == "http://far/v1"
    assert "env_key" not in settings["model_providers"]["dragoman"]


@pytest.mark.parametrize(("file", "status"), [("models: 3\n", 2), (CONFIG, 1)], ids=["bad file", "no such folder"])
def test_codex_config_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, status: int
) -> None:
    (tmp_path / "config.yaml").write_text(file)
    target = tmp_path / "nowhere" / "models.json"
    assert main(["codex-config", "--config", str(tmp_path / "config.yaml"), "--catalogue", str(target)]) == status
    assert capsys.readouterr().out == ""


async def test_the_list_of_one_account_is_none_of_another(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        settings = UpstreamSettings(base_url=backend.base_url, pass_client_key=True)
        upstreams = Upstreams({"up": settings})
        models = UpstreamModels(upstreams, patience=30)
        for key, name in (("a", "model-of-a"), ("b", "model-of-b"), ("a", "model-of-a")):
            backend.serve("/v1/models", json_answer({"data": [{"id": f"model-of-{key}", "max_model_len": 1000}]}))
            said = await models.facts(["up"], {"authorization": f"Bearer {key}"})
            assert list(said["up"]) == [name]
        assert len(backend.requests) == 2
        await models.aclose()
        await upstreams.aclose()
