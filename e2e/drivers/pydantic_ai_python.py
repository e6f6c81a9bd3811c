"""Pydantic AI's `OpenAIResponsesModel`."""

from __future__ import annotations

import base64

import openai
from outcome import GREETING, PIXEL, SECOND_THOUGHT, THOUGHT, refusals, run, weather
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, NativeOutput, ThinkingPart, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.providers.openai import OpenAIProvider

TOOL_ANSWER = "The weather in Paris is sunny."


class Person(BaseModel):
    name: str
    year: int


def agent(name: str, **options: object) -> Agent:
    """Makes an agent, with a provider of its own for each event loop."""
    provider = OpenAIProvider(openai_client=openai.AsyncOpenAI(max_retries=0, timeout=30))
    return Agent(OpenAIResponsesModel(name, provider=provider), **options)


async def _output(asked: Agent, prompt: object, streamed: bool) -> object:
    if not streamed:
        return (await asked.run(prompt)).output
    async with asked.run_stream(prompt) as result:
        return await result.get_output()


async def text() -> None:
    result = await agent("text", instructions="Be kind.").run("Say hello.")
    assert result.output == GREETING
    assert result.usage.input_tokens == 12


async def stream() -> None:
    async with agent("stream").run_stream("Say hello.") as result:
        deltas = [delta async for delta in result.stream_text(delta=True, debounce_by=None)]
    assert "".join(deltas) == GREETING
    assert len(deltas) > 1


async def _with_tools(name: str, answer: str) -> None:
    for streamed in (False, True):
        asked = agent(name)

        @asked.tool_plain
        def get_weather(city: str) -> str:
            """The weather in a city."""
            return weather(city)

        output = await _output(asked, "What is the weather?", streamed)
        if streamed and name == "parallel":
            return  # run_stream takes the text beside the calls for the final result
        assert output == answer, output


async def tools() -> None:
    await _with_tools("tools", TOOL_ANSWER)


async def parallel() -> None:
    await _with_tools("parallel", "Paris and Rome are sunny.")


async def structured() -> None:
    """Gets the object by the response format, and by a tool that must be called."""
    for streamed in (False, True):
        output = await _output(agent("structured", output_type=NativeOutput(Person)), "Who was Ada?", streamed)
        assert output == Person(name="Ada", year=1815)
        by_tool = agent("structured.tool", output_type=ToolOutput(Person, name="final_result"))
        assert await _output(by_tool, "Who was Ada?", streamed) == Person(name="Ada", year=1815)


async def image() -> None:
    picture = BinaryContent(base64.b64decode(PIXEL.partition(",")[2]), media_type="image/png")
    assert (await agent("image").run(["What is this?", picture])).output == "A single red pixel."


async def reasoning() -> None:
    settings = OpenAIResponsesModelSettings(openai_reasoning_effort="low", openai_reasoning_summary="auto")
    asked = agent("reasoning", model_settings=settings)

    @asked.tool_plain
    def get_weather(city: str) -> str:
        """The weather in a city."""
        return weather(city)

    result = await asked.run("What is the weather?")
    thoughts = [
        part.content for message in result.all_messages() for part in message.parts if isinstance(part, ThinkingPart)
    ]
    assert thoughts == [THOUGHT, SECOND_THOUGHT, "That is all."], thoughts


async def state() -> None:
    asked = agent("state", model_settings=OpenAIResponsesModelSettings(openai_previous_response_id="auto"))
    first = await asked.run("What is blue?")
    second = await asked.run("What was my first question?", message_history=first.all_messages())
    assert second.output == "You asked what blue is."


async def _hello(name: str, streamed: bool) -> object:
    return await _output(agent(name), "Say hello.", streamed)


run([text, stream, tools, parallel, structured, image, reasoning, state], refusals(_hello, kinds=ModelHTTPError))
