"""The OpenAI Agents SDK for Python."""

from __future__ import annotations

import agents
import openai
from agents import Agent, ModelSettings, Runner, function_tool
from openai.types.shared import Reasoning
from outcome import GREETING, PIXEL, SECOND_THOUGHT, THOUGHT, refusals, run, weather
from pydantic import BaseModel

agents.set_tracing_disabled(True)
agents.set_default_openai_client(openai.AsyncOpenAI(max_retries=0, timeout=30), use_for_tracing=False)


class Person(BaseModel):
    name: str
    year: int


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return weather(city)


async def _run(agent: Agent, prompt: object, streamed: bool, **options: object) -> object:
    if not streamed:
        return await Runner.run(agent, prompt, **options)
    result = Runner.run_streamed(agent, prompt, **options)
    async for _ in result.stream_events():
        pass
    return result


async def text() -> None:
    agent = Agent(name="Greeter", instructions="Be kind.", model="text")
    assert (await _run(agent, "Say hello.", False)).final_output == GREETING


async def stream() -> None:
    agent = Agent(name="Greeter", instructions="Be kind.", model="stream")
    result = Runner.run_streamed(agent, "Say hello.")
    deltas = [
        event.data.delta
        async for event in result.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    assert "".join(deltas) == result.final_output == GREETING
    assert len(deltas) > 1
    assert result.context_wrapper.usage.total_tokens == 20


async def _with_tools(model: str, answer: str, **options: object) -> None:
    for streamed in (False, True):
        agent = Agent(name="Forecaster", model=model, tools=[get_weather], **options)
        result = await _run(agent, "What is the weather?", streamed)
        assert result.final_output == answer, result.final_output


async def tools() -> None:
    await _with_tools("tools", "The weather in Paris is sunny.")
    await _hand_over()


async def _hand_over() -> None:
    """Hands over to an agent without tools, whose history then holds a call."""
    greeter = Agent(name="Greeter", handoff_description="Greets.", model="tools.greeter")
    desk = Agent(name="Desk", model="tools.handoff", handoffs=[greeter])
    for streamed in (False, True):
        result = await _run(desk, "Greet me.", streamed)
        assert result.final_output == GREETING
        assert result.last_agent is greeter


async def parallel() -> None:
    settings = ModelSettings(parallel_tool_calls=True)
    await _with_tools("parallel", "Paris and Rome are sunny.", model_settings=settings)


async def structured() -> None:
    for streamed in (False, True):
        agent = Agent(name="Historian", model="structured", output_type=Person)
        result = await _run(agent, "Who was Ada?", streamed)
        assert result.final_output == Person(name="Ada", year=1815)


async def image() -> None:
    content = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
    ]
    agent = Agent(name="Seer", model="image")
    result = await _run(agent, [{"role": "user", "content": content}], False)
    assert result.final_output == "A single red pixel."


async def reasoning() -> None:
    settings = ModelSettings(
        reasoning=Reasoning(effort="low", summary="auto"),
        store=False,
        response_include=["reasoning.encrypted_content"],
    )
    for streamed in (False, True):
        agent = Agent(name="Thinker", model="reasoning", tools=[get_weather], model_settings=settings)
        result = await _run(agent, "What is the weather?", streamed)
        thoughts = [item.raw_item.summary[0].text for item in result.new_items if item.type == "reasoning_item"]
        assert thoughts == [THOUGHT, SECOND_THOUGHT, "That is all."], thoughts


async def state() -> None:
    agent = Agent(name="Rememberer", model="state")
    first = await Runner.run(agent, "What is blue?")
    second = await Runner.run(agent, "What was my first question?", previous_response_id=first.last_response_id)
    assert second.final_output == "You asked what blue is."
    session = agents.OpenAIConversationsSession()
    await Runner.run(agent, "What is blue?", session=session)
    third = await Runner.run(agent, "What was my first question?", session=session)
    assert third.final_output == "You asked what blue is."


async def _hello(model: str, streamed: bool) -> object:
    return await _run(Agent(name="Unlucky", model=model), "Say hello.", streamed)


run([text, stream, tools, parallel, structured, image, reasoning, state], refusals(_hello, kinds=openai))
