"""LlamaIndex's `OpenAIResponses`."""

from __future__ import annotations

import os

import openai
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ImageBlock, TextBlock, ThinkingBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAIResponses
from outcome import GREETING, PIXEL, SECOND_THOUGHT, THOUGHT, refusals, run, weather
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    year: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return weather(city)


TOOL = FunctionTool.from_defaults(get_weather)


def client(model: str, **options: object) -> OpenAIResponses:
    return OpenAIResponses(
        model=model,
        api_base=os.environ["OPENAI_BASE_URL"],
        api_key=os.environ["OPENAI_API_KEY"],
        context_window=8192,  # or it refuses a model whose name it does not know
        max_retries=0,
        timeout=30,
        **options,
    )


def text() -> None:
    response = client("text").chat([ChatMessage("Be kind.", role="system"), ChatMessage("Say hello.")])
    assert response.message.content == GREETING, response
    assert response.additional_kwargs["usage"].total_tokens == 20


def stream() -> None:
    responses = list(client("stream").stream_chat([ChatMessage("Say hello.")]))
    deltas = [response.delta for response in responses if response.delta]
    assert "".join(deltas) == responses[-1].message.content == GREETING, deltas
    assert len(deltas) > 1


async def _turn(llm: OpenAIResponses, history: list[ChatMessage], way: str) -> ChatResponse:
    options = {"chat_history": list(history), "allow_parallel_tool_calls": True}
    if way == "plain":
        return llm.chat_with_tools([TOOL], **options)
    if way == "streamed":
        return list(llm.stream_chat_with_tools([TOOL], **options))[-1]
    return [part async for part in await llm.astream_chat_with_tools([TOOL], **options)][-1]


async def _loop(model: str, way: str, **options: object) -> list[ChatMessage]:
    """The messages of the model, the last without a call."""
    llm = client(model, **options)
    history = [ChatMessage("What is the weather?")]
    said: list[ChatMessage] = []
    for _ in range(4):
        response = await _turn(llm, history, way)
        said.append(response.message)
        calls = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        if not calls:
            return said
        history.append(response.message)
        for call in calls:
            assert call.tool_name == "get_weather"
            output = str(TOOL(**call.tool_kwargs))
            history.append(ChatMessage(output, role="tool", additional_kwargs={"tool_call_id": call.tool_id}))
    raise AssertionError("the loop did not end")


async def tools() -> None:
    for way in ("plain", "streamed", "asynchronous"):
        assert (await _loop("tools", way))[-1].content == "The weather in Paris is sunny."


async def parallel() -> None:
    for way in ("plain", "streamed", "asynchronous"):
        assert (await _loop("parallel", way))[-1].content == "Paris and Rome are sunny."


async def structured() -> None:
    ada = Person(name="Ada", year=1815)
    prompt = PromptTemplate("Who was {who}?")
    assert client("structured").structured_predict(Person, prompt, who="Ada") == ada
    assert await client("structured").astructured_predict(Person, prompt, who="Ada") == ada


def image() -> None:
    picture = ImageBlock(url=PIXEL)
    message = ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), picture])
    assert client("image").chat([message]).message.content == "A single red pixel."


async def reasoning() -> None:
    for way in ("plain", "streamed"):
        said = await _loop(
            "reasoning.not-resent",
            way,
            additional_kwargs={"reasoning": {"effort": "low", "summary": "auto"}},
        )
        blocks = [block for message in said for block in message.blocks if isinstance(block, ThinkingBlock)]
        thoughts = [block.content for block in blocks]
        assert thoughts == [THOUGHT, SECOND_THOUGHT], thoughts


def state() -> None:
    llm = client("state", track_previous_responses=True)
    llm.chat([ChatMessage("What is blue?")])
    second = llm.chat([ChatMessage("What was my first question?")])
    assert second.message.content == "You asked what blue is."


def _hello(model: str, streamed: bool) -> object:
    messages = [ChatMessage("Say hello.")]
    return list(client(model).stream_chat(messages)) if streamed else client(model).chat(messages)


run(
    [text, stream, tools, parallel, structured, image, reasoning, state],
    refusals(_hello, kinds=openai, notices_cut=False),
)
