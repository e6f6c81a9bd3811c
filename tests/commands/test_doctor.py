"""Doctor beyond the presets: roles that a backend only seems to know, an embedded upstream, and its YAML at work."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from proxy.commands import doctor as doctor_module
from proxy.commands.doctor import Diagnosis, diagnose
from proxy.commands.doctor_probes import PROBES
from proxy.commands.main import main
from proxy.config import Config, UpstreamSettings, load_config
from proxy.config.secret import Secret
from tests.simulator import BACKENDS, Simulator
from tests.simulator.rules import text_of
from tests.simulator.server import KEY
from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer
from tests.support.live import LiveProxy

PREAMBLE = "You are a helpful assistant."
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def prompt_of(messages: list[dict[str, Any]], template: str) -> str:
    """As chat templates write it; `template` is what becomes of a role other than system, user and assistant."""
    known = ("system", "user", "assistant")
    if template == "renames":
        messages = [{**said, "role": said["role"].replace("developer", "system")} for said in messages]
    if template == "drops":
        messages = [said for said in messages if said["role"] in known]
    if template == "takes one system message":
        messages = [said for place, said in enumerate(messages) if place == 0 or said["role"] != "system"]
    preamble = "" if messages[0]["role"] == "system" else f"<system> {PREAMBLE} "
    return preamble + " ".join(f"<{said['role']}> {text_of(said)}" for said in messages)


async def examine(template: str) -> Diagnosis:
    def answer(request: Request) -> Answer:
        told = prompt_of(request.json["messages"], template)
        message = {"role": "assistant", "content": '{"city": "Paris"}' if "JSON" in told else "OK."}
        body: dict[str, Any] = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        if template != "tells no usage":
            tokens = len(told.split())
            body["usage"] = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1}
        return json_answer(body)

    async with ChatBackend(strict=False) as backend:
        backend.always(answer)
        config = Config(upstreams={"up": UpstreamSettings(base_url=backend.base_url, verify_tls=False)})
        return await diagnose(config, "up", "m")


@pytest.fixture
def only_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ("the limit of an answer's length", "roles and their order")
    monkeypatch.setattr(doctor_module, "PROBES", {subject: PROBES[subject] for subject in wanted})


@pytest.mark.usefixtures("only_roles")
@pytest.mark.parametrize(
    ("template", "developer", "placement", "said"),
    [
        ("renames", True, "anywhere", ""),
        ("prints", False, "anywhere", "prints it as a word that the model may not know"),
        ("drops", False, "anywhere", "leaves its text out of the prompt"),
        ("takes one system message", False, "leading", "prints it"),
        ("tells no usage", True, "anywhere", ""),
    ],
)
async def test_a_role_that_is_taken_is_not_always_understood(
    template: str, developer: bool, placement: str, said: str
) -> None:
    diagnosis = await examine(template)
    assert diagnosis.facts["developer_role"] is developer
    assert diagnosis.facts["system_placement"] == placement
    assert said in "".join(diagnosis.unknown)
    assert bool(said) is any(line.startswith("developer_role: ") for line in diagnosis.unknown)


async def test_what_is_taken_and_ignored_is_not_believed() -> None:
    """As transformers serve does with a model of text alone."""
    diagnosis = await examine("prints")
    assert diagnosis.facts["images"] == frozenset()
    assert diagnosis.facts["structured"] == "json_object"  # which tells the schema in the prompt, and checks
    assert "strict_tools" not in diagnosis.facts
    for said in ("images: it takes them", "structured: it took a json_schema", "strict_tools: it takes any word"):
        assert any(line.startswith(said) for line in diagnosis.unknown)


def pasted(diagnosis: Diagnosis, path: Path, base_url: str, key: str) -> Config:
    """What a user has who pastes the lines under an upstream."""
    upstream = [f"base_url: {base_url}", f"api_key: {key}", "verify_tls: false", *diagnosis.lines()]
    lines = ["upstreams:", "  up:", *(f"    {line}" for line in upstream), 'models: {"*": {upstream: up}}']
    file = path / "config.yaml"
    file.write_text("\n".join([*lines, "store: {kind: memory}"]), encoding="utf-8")
    return load_config(file, {})


@pytest.mark.parametrize("name", sorted(BACKENDS))
async def test_what_it_prints_can_be_pasted_and_serves(name: str, tmp_path: Path) -> None:
    async with Simulator(BACKENDS[name]) as simulator:
        upstream = UpstreamSettings(base_url=simulator.base_url, api_key=Secret(KEY), verify_tls=False)
        diagnosis = await diagnose(Config(upstreams={"up": upstream}), "up", simulator.facts.model)
        simulator.refusals.clear()
        async with LiveProxy(pasted(diagnosis, tmp_path, simulator.base_url, KEY)) as proxy:
            request = {"model": simulator.facts.model, "instructions": "Be brief.", "max_output_tokens": 512}
            text = await proxy.client.responses.create(**request, input="Say hello.")
            tools = [WEATHER] if simulator.facts.tools else []
            called = await proxy.client.responses.create(
                **request, input="scene:parallel Weather?", tools=tools, previous_response_id=text.id
            )
    assert text.status == "completed"
    assert text.output_text == "Done."
    assert [json.loads(item.arguments) for item in called.output if item.type == "function_call"][:1] == [
        {"city": "Paris"} for _ in tools
    ]
    assert simulator.refusals == []


@pytest.mark.usefixtures("only_roles")
async def test_what_it_prints_of_a_real_server_serves(local_llm: str, tmp_path: Path) -> None:
    config = Config(upstreams={"up": UpstreamSettings(base_url=local_llm, verify_tls=False)})
    diagnosis = await diagnose(config, "up", "smollm2")
    # llama.cpp turns the role into `system`, whose words any template prints.
    assert diagnosis.facts["developer_role"] is True
    async with LiveProxy(pasted(diagnosis, tmp_path, local_llm, "none")) as proxy:
        answer = await proxy.client.responses.create(
            model="smollm2", instructions="Be brief.", input="Hi.", max_output_tokens=8
        )
    assert answer.output_text


@pytest.mark.usefixtures("only_roles")
async def test_an_embedded_upstream_is_started_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text('upstreams: {here: {kind: local, context_size: 256}}\nmodels: {"*": {upstream: here}}\n')
    command = ["doctor", "here", "--model", "smollm2", "--config", str(file)]
    assert await asyncio.to_thread(main, command) == 0
    assert "  developer_role: true" in capsys.readouterr().out.splitlines()


def test_an_upstream_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text('upstreams: {here: {kind: local}}\nmodels: {"*": {upstream: here}}\n')
    assert main(["doctor", "there", "--model", "m", "--config", str(file)]) == 2
    assert capsys.readouterr().err == "There is no upstream 'there'. Known: here.\n"
