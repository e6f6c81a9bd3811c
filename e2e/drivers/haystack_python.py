"""Haystack's `OpenAIResponsesChatGenerator`, alone and in its agent."""

from __future__ import annotations

import os

import openai
from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIResponsesChatGenerator
from haystack.dataclasses import ChatMessage, ImageContent
from haystack.tools import tool
from outcome import GREETING, PIXEL, SECOND_THOUGHT, THOUGHT, refusals, run, weather
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    year: int


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return weather(city)


def generator(model: str, **options: object) -> OpenAIResponsesChatGenerator:
    return OpenAIResponsesChatGenerator(
        model=model,
        api_base_url=os.environ["OPENAI_BASE_URL"],
        max_retries=0,
        timeout=30,
        generation_kwargs=options,
    )


def ask(model: str, question: str, streamed: bool = False, **options: object) -> ChatMessage:
    callback = (lambda _: None) if streamed else None
    return generator(model, **options).run([ChatMessage.from_user(question)], streaming_callback=callback)["replies"][0]


def text() -> None:
    messages = [ChatMessage.from_system("Be kind."), ChatMessage.from_user("Say hello.")]
    reply = generator("text").run(messages)["replies"][0]
    assert reply.text == GREETING, reply
    assert reply.meta["usage"]["total_tokens"] == 20, reply.meta


def stream() -> None:
    chunks: list = []
    messages = [ChatMessage.from_user("Say hello.")]
    reply = generator("stream").run(messages, streaming_callback=chunks.append)["replies"][0]
    texts = [chunk.content for chunk in chunks if chunk.content]
    assert "".join(texts) == reply.text == GREETING, texts
    assert len(texts) > 1


def _loop(model: str, streamed: bool, **options: object) -> list:
    agent = Agent(
        chat_generator=generator(model, **options),
        tools=[get_weather],
        streaming_callback=(lambda _: None) if streamed else None,
    )
    return agent.run(messages=[ChatMessage.from_user("What is the weather?")])["messages"]


def tools() -> None:
    for streamed in (False, True):
        assert _loop("tools", streamed)[-1].text == "The weather in Paris is sunny."


def parallel() -> None:
    for streamed in (False, True):
        assert _loop("parallel", streamed)[-1].text == "Paris and Rome are sunny."


def structured() -> None:
    reply = ask("structured", "Who was Ada?", text_format=Person)
    assert Person.model_validate_json(reply.text) == Person(name="Ada", year=1815)


def image() -> None:
    picture = ImageContent(base64_image=PIXEL.partition(",")[2], mime_type="image/png")
    message = ChatMessage.from_user(content_parts=["What is this?", picture])
    assert generator("image").run([message])["replies"][0].text == "A single red pixel."


def reasoning() -> None:
    for streamed in (False, True):
        messages = _loop(
            "reasoning",
            streamed,
            reasoning={"effort": "low", "summary": "auto"},
            include=["reasoning.encrypted_content"],
            store=False,
        )
        thoughts = [message.reasoning.reasoning_text for message in messages if message.reasoning]
        assert thoughts == [THOUGHT, SECOND_THOUGHT, "That is all."], thoughts


def state() -> None:
    first = ask("state", "What is blue?")
    second = ask("state", "What was my first question?", previous_response_id=first.meta["id"])
    assert second.text == "You asked what blue is."


def _hello(model: str, streamed: bool) -> object:
    return ask(model, "Say hello.", streamed)


run(
    [text, stream, tools, parallel, structured, image, reasoning, state],
    refusals(_hello, kinds=openai, notices_cut=False),
)
