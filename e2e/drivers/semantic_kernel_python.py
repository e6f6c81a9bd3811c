"""Semantic Kernel's `OpenAIResponsesAgent`."""

from __future__ import annotations

import openai
from outcome import GREETING, PIXEL, expect_error, run, weather
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


async def _refused(model: str, kind: type[Exception], *words: str) -> None:
    for streamed in (False, True):
        try:
            said = await _ask(model, "Say hello.", streamed)
        except Exception as error:
            expect_error(error, kind.__name__, *words)
        else:
            raise AssertionError(f"it was answered, streamed: {streamed}: {said}")


async def error_400() -> None:
    await _refused("error-400", openai.BadRequestError, "too peculiar", "invalid_value")


async def error_401() -> None:
    await _refused("error-401", openai.AuthenticationError, "invalid_api_key")


async def error_429() -> None:
    await _refused("error-429", openai.RateLimitError, "rate_limit_exceeded")


async def error_500() -> None:
    await _refused("error-500", openai.InternalServerError)


async def overflow() -> None:
    await _refused("overflow", openai.BadRequestError, "context_length_exceeded")


run(
    {
        "text": text,
        "stream": stream,
        "tools": tools,
        "parallel": parallel,
        "structured": structured,
        "image": image,
        "state": state,
        "error-400": error_400,
        "error-401": error_401,
        "error-429": error_429,
        "error-500": error_500,
        "overflow": overflow,
    }
)
