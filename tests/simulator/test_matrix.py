"""Every preset against the simulated backend of its name: each scene, streamed and whole, and nothing refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx2
import pytest

from proxy.config import Config, FetchSettings, ModelSettings, StoreSettings, UpstreamSettings
from proxy.config.secret import Secret
from tests.simulator import BACKENDS, Simulator
from tests.simulator.answers import COMPLETION, PROMPT, THOUGHT_TOKENS
from tests.simulator.model import GREETING, STEPS, THOUGHT
from tests.simulator.server import BROKEN, KEY
from tests.support.checks import check_events, check_frames, check_response
from tests.support.running import running
from tests.support.translation import text_of
from translators.dialects import PRESETS, Dialect, choose
from translators.dialects.dialect import EFFORTS

Json = dict[str, Any]
PIXEL = "data:image/png;base64,iVBORw0KGgo="
SCHEMA: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/city"}},
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"city": {"type": "string", "description": "its name"}},
}
TOOL: Json = {"type": "function", "name": "weather", "description": "d", "parameters": SCHEMA, "strict": True}
OTHER: Json = {"type": "function", "name": "time", "parameters": {"type": "object", "properties": {}}}


def test_every_preset_has_its_backend() -> None:
    assert set(BACKENDS) == set(PRESETS)


class Bridge:
    """The proxy before one simulated backend."""

    def __init__(self, simulator: Simulator, dialect: Dialect, http: httpx2.AsyncClient) -> None:
        self.simulator = simulator
        self.facts = simulator.facts
        self.dialect = dialect
        self.stream = False
        self._http = http

    async def post(self, body: Json) -> httpx2.Response:
        asked = {"model": self.facts.model, "store": False, **body, "stream": self.stream}
        return await self._http.post("/v1/responses", json=asked)

    async def respond(self, body: Json) -> Json:
        """The response to what no backend may refuse."""
        answer = await self.post(body)
        assert answer.status_code == 200, answer.text
        assert not self.simulator.refusals
        if self.stream:
            return check_events(check_frames(answer.content))
        response: Json = answer.json()
        check_response(response)
        return response


@asynccontextmanager
async def bridge(name: str) -> AsyncIterator[Bridge]:
    async with Simulator(BACKENDS[name]) as simulator:
        config = Config(
            upstreams={"up": UpstreamSettings(base_url=simulator.base_url, api_key=Secret(KEY), dialect=name)},
            models={"*": ModelSettings(upstream="up")},
            store=StoreSettings(kind="memory"),
            fetch=FetchSettings(allow_private=True),
        )
        async with running(config) as url, httpx2.AsyncClient(base_url=url, timeout=30) as http:
            yield Bridge(simulator, choose(name, host="", model_name=simulator.facts.model).dialect, http)


def calls_of(response: Json) -> list[Json]:
    return [item for item in response["output"] if item["type"] == "function_call"]


def thought_of(response: Json) -> str:
    items = [item for item in response["output"] if item["type"] == "reasoning"]
    return "".join(part["text"] for item in items for part in [*item["summary"], *item.get("content", [])])


async def text(b: Bridge) -> None:
    response = await b.respond({"input": "scene:text", "reasoning": {"effort": "medium"}})
    assert response["status"] == "completed"
    assert text_of(response) == GREETING
    thinks = b.facts.thinks != "never"
    assert thought_of(response) == (THOUGHT if thinks and b.facts.reasoning != "none" else "")
    usage = response["usage"]
    if b.stream and b.facts.usage == "none":
        assert usage["total_tokens"] > 0  # an estimate (zai-org/feedback#93)
    else:
        assert usage["input_tokens"] == PROMPT
        assert usage["output_tokens"] == COMPLETION + (THOUGHT_TOKENS if thinks else 0)


async def every_parameter(b: Bridge) -> None:
    """What the backend does not take is left out and told."""
    asked = {
        "instructions": "Be brief.",
        "temperature": 1.9,
        "top_p": 0.9,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.5,
        "max_output_tokens": 3000,
        "top_logprobs": 2,
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "text": {"verbosity": "low"},
    }
    await b.respond({"input": "scene:text", **asked})
    [body] = b.simulator.bodies
    assert {3000} == {body[field] for field in ("max_tokens", "max_completion_tokens") if field in body}


async def every_effort(b: Bridge, effort: str) -> None:
    await b.respond({"input": "scene:text", "reasoning": {"effort": effort}, "tools": [TOOL]})


async def parallel_calls(b: Bridge) -> None:
    question = {"role": "user", "content": "scene:parallel"}
    response = await b.respond({"input": [question], "tools": [TOOL, OTHER]})
    calls = calls_of(response)
    if not b.facts.tools:
        assert not calls
        return
    cities = ["Paris", "Rome"] if b.facts.parallel else ["Paris"]
    assert [json.loads(call["arguments"])["city"] for call in calls] == cities
    assert {call["name"] for call in calls} == {"weather"}
    assert len({call["call_id"] for call in calls}) == len(cities)
    outputs = [{"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"} for call in calls]
    after = await b.respond({"input": [question, *response["output"], *outputs], "tools": [TOOL, OTHER]})
    assert text_of(after) == "Done."


async def tool_loop_with_reasoning(b: Bridge) -> None:
    """Three turns; what was thought goes back where it is wanted, and a user speaks behind a tool at the end."""
    history: list[Json] = [{"role": "user", "content": "scene:loop"}]
    asked: Json = {"tools": [TOOL], "reasoning": {"effort": "high"}, "include": ["reasoning.encrypted_content"]}
    for _ in range(STEPS if b.facts.tools else 0):
        response = await b.respond({"input": history, **asked})
        [call] = calls_of(response)
        history += [*response["output"]]
        history.append({"type": "function_call_output", "call_id": call["call_id"], "output": "ok"})
    assert text_of(await b.respond({"input": history, **asked})) == "Done."
    history.append({"role": "user", "content": "And now?"})
    assert text_of(await b.respond({"input": history, **asked})) == "Done."
    if b.facts.replay_field and b.facts.tools:
        sent = [message for message in b.simulator.bodies[-1]["messages"] if message.get("tool_calls")]
        assert all(THOUGHT in json.dumps(message) for message in sent)
    if b.facts.keep is not None:
        name, value = b.facts.keep
        assert all(body["thinking"][name] == value for body in b.simulator.bodies)


async def tool_choice(b: Bridge, choice: Any) -> None:
    if not b.facts.tools and choice not in ("none", "auto"):
        answer = await b.post({"input": "scene:text", "tools": [TOOL, OTHER], "tool_choice": choice})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tool_choice")
        return
    response = await b.respond({"input": "scene:text", "tools": [TOOL, OTHER], "tool_choice": choice})
    form = "named" if isinstance(choice, dict) else choice
    enough = {"required"} if form == "required" else {"required", "named"}
    must = form in ("required", "named") and enough & b.facts.choices
    if must and b.facts.tools and not b.facts.ignores_choice and "tool_choice" not in b.facts.refuses:
        assert [call["name"] for call in calls_of(response)] == ["weather"]


async def image(b: Bridge) -> None:
    parts = [{"type": "input_text", "text": "scene:text"}, {"type": "input_image", "image_url": PIXEL}]
    if "data" in b.facts.images:
        await b.respond({"input": [{"role": "user", "content": parts}]})
        assert PIXEL in json.dumps(b.simulator.bodies[-1])
    else:
        answer = await b.post({"input": [{"role": "user", "content": parts}]})
        assert answer.status_code == 400
        assert not b.simulator.bodies


async def image_by_address(b: Bridge) -> None:
    """Fetched by the bridge where the backend takes contents only."""
    url = b.simulator.picture_url
    parts = [{"type": "input_text", "text": "scene:text"}, {"type": "input_image", "image_url": url}]
    if not b.facts.images:
        assert (await b.post({"input": [{"role": "user", "content": parts}]})).status_code == 400
        assert not b.simulator.bodies
        return
    await b.respond({"input": [{"role": "user", "content": parts}]})
    sent = json.dumps(b.simulator.bodies[-1])
    assert (url in sent) == ("http" in b.dialect.images)
    assert (PIXEL in sent) == ("http" not in b.dialect.images)


async def text_file(b: Bridge) -> None:
    file = {"type": "input_file", "filename": "a.csv", "file_data": "data:text/csv;base64,YSxi"}
    parts = [{"type": "input_text", "text": "scene:text"}, file]
    if not b.facts.files and "data" in b.dialect.files:  # learned, and known from then on
        assert (await b.post({"input": [{"role": "user", "content": parts}]})).status_code == 200
        b.simulator.refusals.clear()
    await b.respond({"input": [{"role": "user", "content": parts}]})
    sent = json.dumps(b.simulator.bodies[-1])
    assert ("YSxi" in sent) != ("a,b" in sent)


async def structured_output(b: Bridge, tools: list[Json]) -> None:
    format_ = {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}
    response = await b.respond({"input": "scene:json", "text": {"format": format_}, "tools": tools})
    assert json.loads(text_of(response)) == {"city": "Paris"}
    assert not calls_of(response)


async def long_history(b: Bridge) -> None:
    """Everything that histories hold, from another model: late instructions, refusals, calls without reasoning."""
    call: Json = {"type": "function_call", "name": "weather", "arguments": '{"city": "Rome"}'}
    history: list[Json] = [
        {"role": "developer", "content": "Be kind."},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "scene:text"},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "developer", "content": "Now be bold."},
        {"role": "user", "content": "Go on."},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {**call, "call_id": "call_" + "x" * 60},
        {**call, "call_id": "call_2"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "sun"}]},
        {"type": "function_call_output", "call_id": "call_" + "x" * 60, "output": ""},
        {**call, "call_id": "call_3"},
        {"type": "function_call_output", "call_id": "call_3", "output": "rain"},
        {"role": "user", "content": "Thanks."},
        {"role": "assistant", "content": "You are welcome."},
        {"role": "assistant", "content": "Anything else?"},
        {"role": "user", "content": "No."},
    ]
    response = await b.respond({"instructions": "You are a bot.", "input": history, "tools": [TOOL]})
    assert text_of(response) == GREETING


async def errors(b: Bridge) -> None:
    overflow = await b.post({"input": "scene:overflow"})
    assert overflow.status_code == 400
    assert overflow.json()["error"]["code"] == "context_length_exceeded"
    busy = await b.post({"input": "scene:busy"})
    assert "Rate limit reached" in busy.json()["error"]["message"]
    if b.facts.errors != "base_resp":  # it has no status of its own
        assert busy.status_code == 429
        assert busy.headers["retry-after"] == "7"
    broken = await b.post({"input": "scene:broken"})
    if b.stream:
        response = check_events(check_frames(broken.content))
        assert response["status"] == "failed"
        assert BROKEN in response["error"]["message"] or b.facts.errors in ("array", "problem")
    else:
        assert broken.status_code >= 500 or b.facts.errors == "base_resp"
        assert BROKEN in broken.json()["error"]["message"]


async def required_of_one(b: Bridge) -> None:
    """A backend that takes a name and no `required` is told the name."""
    if not b.facts.tools:
        return
    response = await b.respond({"input": "scene:text", "tools": [TOOL], "tool_choice": "required"})
    must = {"required", "named"} & b.facts.choices
    if must and not b.facts.ignores_choice and "tool_choice" not in b.facts.refuses:
        assert [call["name"] for call in calls_of(response)] == ["weather"]


CHOICES: tuple[Any, ...] = ("none", "auto", "required", {"type": "function", "name": "weather"})
SCENES: dict[str, Callable[[Bridge], Awaitable[None]]] = {
    "text": text,
    "every parameter": every_parameter,
    **{f"effort {effort}": partial(every_effort, effort=effort) for effort in EFFORTS},
    "parallel calls": parallel_calls,
    "tool loop with reasoning": tool_loop_with_reasoning,
    **{f"tool_choice {choice}": partial(tool_choice, choice=choice) for choice in CHOICES},
    "tool_choice required of one tool": required_of_one,
    "image": image,
    "image by address": image_by_address,
    "text file": text_file,
    "structured output": partial(structured_output, tools=[]),
    "structured output beside tools": partial(structured_output, tools=[TOOL]),
    "long history": long_history,
    "errors": errors,
}


@pytest.mark.parametrize("name", sorted(BACKENDS))
async def test_backend(name: str, subtests: pytest.Subtests) -> None:
    async with bridge(name) as b:
        for scene, play in SCENES.items():
            for b.stream in (True, False):
                with subtests.test(scene, streamed=b.stream):
                    b.simulator.refusals.clear()
                    b.simulator.bodies.clear()
                    await play(b)
