"""Requests recorded from Codex CLI: nothing in them that matters is lost on the way to a Chat server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.drive import chat, names, reported

Json = dict[str, Any]
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RECORDED = {path.parent.name.removeprefix("codex-"): path for path in sorted(FIXTURES.glob("codex-*/request.json"))}
# What a generic Chat server cannot be told, and a search of the web that nobody runs.
HARMLESS = ("ignored verbosity", "ignored prompt_cache_key", "the server runs tools of type 'web_search'")


def recorded(name: str) -> Json:
    found: Json = json.loads(RECORDED[name].read_bytes())
    return found


def test_all_recordings_are_here() -> None:
    assert len(RECORDED) == 13


@pytest.mark.parametrize("name", sorted(RECORDED.keys() - {"compaction-trigger-2", "compaction-trigger-3"}))
def test_nothing_that_matters_is_lost(name: str) -> None:
    request = recorded(name)
    body = chat(request)
    unexpected = [line for line in reported(request) if not any(harmless in line for harmless in HARMLESS)]
    assert all("original became high" in line for line in unexpected)
    calls = [call["id"] for message in body["messages"] for call in message.get("tool_calls", ())]
    assert calls == [item["call_id"] for item in request["input"] if item["type"].endswith("_call")]
    assert [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"] == calls


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("code-mode-2", {"functions__exec", "functions__wait", "collaboration__spawn_agent", "clock__sleep"}),
        ("mcp-namespace-2", {"mcp__demo__add_numbers", "multi_agent_v1__spawn_agent", "exec_command"}),
        ("tool-search-2", {"tool_search", "apply_patch", "multi_agent_v1__spawn_agent"}),
    ],
)
def test_tools_are_offered(name: str, offered: set[str]) -> None:
    assert offered <= set(names(recorded(name)))


def test_the_grammar_of_apply_patch_is_told_and_the_patch_replayed() -> None:
    body = chat(recorded("apply-patch-loop-2"))
    [tool] = [tool for tool in body["tools"] if tool["function"]["name"] == "apply_patch"]
    assert 'begin_patch: "*** Begin Patch" LF' in tool["function"]["description"]
    call = body["messages"][-2]["tool_calls"][0]["function"]
    assert json.loads(call["arguments"])["input"].startswith("*** Begin Patch\n*** Add File")


def test_names_of_a_namespace_agree_between_tools_and_history() -> None:
    body = chat(recorded("mcp-namespace-2"))
    assert body["messages"][-2]["tool_calls"][0]["function"]["name"] == "mcp__demo__add_numbers"


def test_reasoning_goes_back_to_the_turn_that_called() -> None:
    assert chat(recorded("reasoning-2"))["messages"][-2]["reasoning_content"] == "raw chain of thought"


def test_an_image_of_a_tool_follows_its_output() -> None:
    *_, output, image = chat(recorded("view-image-2"))["messages"]
    assert output["role"] == "tool"
    assert image["content"][0]["image_url"]["detail"] == "high"


def test_a_checkpoint_request_drops_what_goes_with_tools() -> None:
    body = chat(recorded("compaction-local-2"))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()
    assert "CONTEXT CHECKPOINT COMPACTION" in body["messages"][-1]["content"]


def test_g06_a_trigger_asks_for_a_summary_without_tools() -> None:
    body = chat(recorded("compaction-trigger-2"))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()
    assert "write a summary" in body["messages"][-1]["content"]


def test_g07_a_foreign_compaction_is_reported_and_the_model_told() -> None:
    request = recorded("compaction-trigger-3")
    assert "cannot be read here" in chat(request)["messages"][-1]["content"]
    assert any(line.startswith("dropped input[4].encrypted_content") for line in reported(request))
