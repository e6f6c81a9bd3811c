"""Semantic Kernel's `OpenAIResponsesAgent`."""

from __future__ import annotations

import openai
from outcome import GREETING, PIXEL, refusals, run, weather
from pydantic import BaseModel
from semantic_kernel.agents import OpenAIResponsesAgent
from semantic_kernel.contents import AuthorRole, ChatMessageContent, ImageContent, TextContent
from semantic_kernel.functions import kernel_function


class Person(BaseModel):
    name: str
    year: int


class Weather:
    @kernel_function(name="get_weather", description="The weather in a city.")
    def get_weather(self, city: str) -> str:
        return weather(city)


def agent(model: str, **options: object) -> OpenAIResponsesAgent:
    client = openai.AsyncOpenAI(max_retries=0, timeout=30)
    return OpenAIResponsesAgent(ai_model_id=model, client=client, instructions="Be kind.", **options)


async def _ask(model: str, question: object, streamed: bool, **options: object) -> str:
    if not streamed:
        return str((await agent(model, **options).get_response(messages=question)).message.content)
    return "".join([str(part.message.content) async for part in agent(model, **options).invoke_stream(question)])


async def text() -> None:
    response = await agent("text").get_response(messages="Say hello.")
    assert response.message.content == GREETING, response
    assert response.message.metadata["usage"]["total_tokens"] == 20, response.message.metadata


async def stream() -> None:
    parts = [part.message.content async for part in agent("stream").invoke_stream("Say hello.")]
    assert "".join(parts) == GREETING, parts
    assert len(parts) > 1


async def tools() -> None:
    for streamed in (False, True):
        said = await _ask("tools", "What is the weather?", streamed, plugins=[Weather()])
        assert said == "The weather in Paris is sunny.", said


async def parallel() -> None:
    for streamed in (False, True):
        said = await _ask("parallel", "What is the weather?", streamed, plugins=[Weather()])
        assert said.endswith("Paris and Rome are sunny."), said


async def structured() -> None:
    wanted = OpenAIResponsesAgent.configure_response_format(Person)
    for streamed in (False, True):
        said = await _ask("structured", "Who was Ada?", streamed, text=wanted)
        assert Person.model_validate_json(said) == Person(name="Ada", year=1815)


async def image() -> None:
    message = ChatMessageContent(
        role=AuthorRole.USER, items=[TextContent(text="What is this?"), ImageContent(data_uri=PIXEL)]
    )
    for streamed in (False, True):
        assert await _ask("image", message, streamed) == "A single red pixel."


async def state() -> None:
    one = agent("state")
    first = await one.get_response(messages="What is blue?")
    second = await one.get_response(messages="What was my first question?", thread=first.thread)
    assert second.message.content == "You asked what blue is."


async def _hello(model: str, streamed: bool) -> object:
    return await _ask(model, "Say hello.", streamed)


run([text, stream, tools, parallel, structured, image, state], refusals(_hello, notices_cut=False))
