"""The official `openai` SDK over a real socket: plain, streamed, tools, parse, errors; and with the real model."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.running import config_for, read_config, running

Json = dict[str, Any]
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
USAGE: Json = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def completion(message: Json, finish: str = "stop") -> Json:
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}


def chunks(*deltas: Json, finish: str = "stop") -> list[Json]:
    body = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return [*body, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}, {"choices": [], "usage": USAGE}]


def call(name: str, arguments: str, call_id: str = "call_1", index: int = 0) -> Json:
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]}


@contextlib.asynccontextmanager
async def sdk(tmp_path: Path) -> AsyncIterator[tuple[AsyncOpenAI, ChatBackend]]:
    async with (
        ChatBackend() as backend,
        running(read_config(config_for(backend), tmp_path)) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client,
    ):
        yield client, backend


async def test_create(tmp_path: Path) -> None:
    async with sdk(tmp_path) as (client, backend):
        backend.script(json_answer(completion({"content": "Hello."})))
        response = await client.responses.create(model="m", input="Hi", instructions="Be brief.")
        assert response.output_text == "Hello."
        assert response.status == "completed"
        assert response.usage is not None
        assert response.usage.total_tokens == 13
        assert backend.requests[0].json["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_raw_stream(tmp_path: Path) -> None:
    async with sdk(tmp_path) as (client, backend):
        backend.script(sse_answer(chunks({"content": "Hel"}, {"content": "lo."})))
        stream = await client.responses.create(model="m", input="Hi", stream=True)
        events = [event async for event in stream]
        assert [event.delta for event in events if event.type == "response.output_text.delta"] == ["Hel", "lo."]
        assert events[-1].type == "response.completed"


async def test_stream_helper_with_reasoning_and_parallel_calls(tmp_path: Path) -> None:
    deltas = [
        {"reasoning_content": "Two cities."},
        {"content": "Let me look."},
        call("get_weather", "", "call_1", 0),
        call("get_weather", "", "call_2", 1),
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"city":"Oslo"}'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Bern"}'}}]},
    ]
    async with sdk(tmp_path) as (client, backend):
        backend.script(sse_answer(chunks(*deltas, finish="tool_calls")))
        async with client.responses.stream(model="m", input="Weather?", tools=[WEATHER]) as stream:
            response = await stream.get_final_response()
        assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
        calls = [item for item in response.output if item.type == "function_call"]
        assert [(item.call_id, json.loads(item.arguments)["city"]) for item in calls] == [
            ("call_1", "Bern"),
            ("call_2", "Oslo"),
        ]


async def test_a_tool_loop(tmp_path: Path) -> None:
    """The output goes back as it came, with the tool's own."""
    async with sdk(tmp_path) as (client, backend):
        backend.script(
            json_answer(completion(call("get_weather", '{"city":"Bern"}'), "tool_calls")),
            json_answer(completion({"content": "Sunny."})),
        )
        history: list[Any] = [{"role": "user", "content": "Weather in Bern?"}]
        first = await client.responses.create(model="m", input=history, tools=[WEATHER], tool_choice="required")
        history += first.output
        history.append({"type": "function_call_output", "call_id": "call_1", "output": '{"sky":"clear"}'})
        second = await client.responses.create(model="m", input=history, tools=[WEATHER])
        assert second.output_text == "Sunny."
        assert backend.requests[0].json["tool_choice"] == "required"
        assert backend.requests[1].json["messages"] == [
            {"role": "user", "content": "Weather in Bern?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "type": "function",
                        "id": "call_1",
                        "function": {"name": "get_weather", "arguments": '{"city":"Bern"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": '{"sky":"clear"}'},
        ]


class City(BaseModel):
    name: str
    people: int


async def test_parse(tmp_path: Path) -> None:
    async with sdk(tmp_path) as (client, backend):
        backend.script(json_answer(completion({"content": '{"name":"Bern","people":134000}'})))
        response = await client.responses.parse(model="m", input="Bern?", text_format=City)
        assert response.output_parsed == City(name="Bern", people=134000)
        sent = backend.requests[0].json["response_format"]
        assert sent["type"] == "json_schema"
        assert sent["json_schema"]["name"] == "City"
        assert sent["json_schema"]["strict"] is True


async def test_refusal(tmp_path: Path) -> None:
    async with sdk(tmp_path) as (client, backend):
        backend.script(sse_answer(chunks({"refusal": "I can"}, {"refusal": "not."})))
        async with client.responses.stream(model="m", input="Hi") as stream:
            response = await stream.get_final_response()
        [message] = response.output
        assert message.type == "message"
        [part] = message.content
        assert part.type == "refusal"
        assert part.refusal == "I cannot."


async def test_logprobs(tmp_path: Path) -> None:
    entry = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    body = chunks({"content": "Hi"})
    body[0]["choices"][0]["logprobs"] = {"content": [entry]}
    async with sdk(tmp_path) as (client, backend):
        backend.script(sse_answer(body))
        async with client.responses.stream(
            model="m", input="Hi", include=["message.output_text.logprobs"], top_logprobs=2
        ) as stream:
            response = await stream.get_final_response()
        [message] = response.output
        assert message.type == "message"
        [part] = message.content
        assert part.type == "output_text"
        assert part.logprobs is not None
        assert (part.logprobs[0].token, part.logprobs[0].logprob) == ("Hi", -0.5)
        assert backend.requests[0].json["top_logprobs"] == 2


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_errors_are_of_the_sdks_kinds(tmp_path: Path, status: int, expected: type[openai.APIStatusError]) -> None:
    async with sdk(tmp_path) as (client, backend):
        backend.always(json_answer({"error": {"message": "no"}}, status=status))
        for stream in (False, True):
            with pytest.raises(expected):
                await client.responses.create(model="m", input="Hi", stream=stream)


async def test_the_model_list(tmp_path: Path) -> None:
    async with sdk(tmp_path) as (client, _):
        assert [model.id async for model in client.models.list()] == ["m"]


# --- a real model behind a real server -----------------------------------------------------------


@contextlib.asynccontextmanager
async def real(local_llm: str, tmp_path: Path) -> AsyncIterator[AsyncOpenAI]:
    settings = {
        "upstreams": {"llama": {"base_url": local_llm, "dialect": "llamacpp"}},
        "models": {"*": {"upstream": "llama"}},
    }
    async with (
        running(read_config(settings, tmp_path)) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0, timeout=300) as client,
    ):
        yield client


async def test_real_text_both_ways(local_llm: str, tmp_path: Path) -> None:
    ask: Any = {"model": "smollm2", "input": "Say hi.", "temperature": 0, "max_output_tokens": 8}
    async with real(local_llm, tmp_path) as client:
        whole = await client.responses.create(**ask)
        text = ""
        async for event in await client.responses.create(**ask, stream=True):
            if event.type == "response.output_text.delta":
                text += event.delta
    assert whole.output_text == text
    assert whole.usage is not None
    assert whole.usage.output_tokens == 8
    assert whole.incomplete_details is not None
    assert whole.incomplete_details.reason == "max_output_tokens"


async def test_real_structured_output(local_llm: str, tmp_path: Path) -> None:
    async with real(local_llm, tmp_path) as client:
        response = await client.responses.parse(
            model="smollm2", input="Bern has 134000 people.", text_format=City, temperature=0, max_output_tokens=100
        )
    assert isinstance(response.output_parsed, City)


async def test_real_overflow_is_the_clients_mistake(local_llm: str, tmp_path: Path) -> None:
    async with real(local_llm, tmp_path) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(model="smollm2", input="word " * 9000, stream=True)
    assert caught.value.code == "context_length_exceeded"


async def test_real_streams_at_once(local_llm: str, tmp_path: Path) -> None:
    async with real(local_llm, tmp_path) as client:
        answers = await asyncio.gather(
            *[client.responses.create(model="smollm2", input=f"Say {n}.", max_output_tokens=3) for n in range(4)]
        )
    assert all(answer.usage and answer.usage.output_tokens == 3 for answer in answers)
