"""LangChain's `ChatOpenAI` with `use_responses_api`."""

from __future__ import annotations

import openai
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from outcome import GREETING, PIXEL, SECOND_THOUGHT, THOUGHT, refusals, run, weather
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    year: int


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return weather(city)


def model(name: str, **options: object) -> ChatOpenAI:
    return ChatOpenAI(model=name, use_responses_api=True, max_retries=0, timeout=30, **options)


def _answer(runnable: object, messages: list, streamed: bool) -> AIMessage:
    if not streamed:
        return runnable.invoke(messages)
    whole = None
    for chunk in runnable.stream(messages):
        whole = chunk if whole is None else whole + chunk
    return whole


def text() -> None:
    answer = model("text").invoke([SystemMessage("Be kind."), HumanMessage("Say hello.")])
    assert answer.text == GREETING, answer
    assert answer.usage_metadata["total_tokens"] == 20


def stream() -> None:
    chunks = list(model("stream").stream("Say hello."))
    texts = [chunk.text for chunk in chunks if chunk.text]
    assert "".join(texts) == GREETING
    assert len(texts) > 1


def _loop(runnable: object, streamed: bool) -> list:
    messages: list = [HumanMessage("What is the weather?")]
    for _ in range(4):
        answer = _answer(runnable, messages, streamed)
        messages.append(answer)
        if not answer.tool_calls:
            return messages
        messages += [
            ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in answer.tool_calls
        ]
    raise AssertionError("the loop did not end")


def tools() -> None:
    for streamed in (False, True):
        for choice in (None, "auto"):
            bound = model("tools").bind_tools([get_weather], tool_choice=choice)
            assert _loop(bound, streamed)[-1].text == "The weather in Paris is sunny."


def parallel() -> None:
    for streamed in (False, True):
        assert _loop(model("parallel").bind_tools([get_weather]), streamed)[-1].text == "Paris and Rome are sunny."


def structured() -> None:
    runnable = model("structured").with_structured_output(Person)
    assert runnable.invoke("Who was Ada?") == Person(name="Ada", year=1815)
    assert list(runnable.stream("Who was Ada?"))[-1] == Person(name="Ada", year=1815)


def image() -> None:
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "base64": PIXEL.partition(",")[2], "mime_type": "image/png"},
    ]
    assert model("image").invoke([HumanMessage(content)]).text == "A single red pixel."


def reasoning() -> None:
    thinking = model(
        "reasoning",
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
        store=False,
        output_version="responses/v1",
    )
    for streamed in (False, True):
        messages = _loop(thinking.bind_tools([get_weather]), streamed)
        thoughts = [
            block["summary"][0]["text"]
            for message in messages
            if isinstance(message, AIMessage)
            for block in message.content
            if block["type"] == "reasoning"
        ]
        assert thoughts == [THOUGHT, SECOND_THOUGHT, "That is all."], thoughts


def state() -> None:
    remembering = model("state", use_previous_response_id=True)
    messages: list = [HumanMessage("What is blue?")]
    messages.append(remembering.invoke(messages))
    messages.append(HumanMessage("What was my first question?"))
    assert remembering.invoke(messages).text == "You asked what blue is."


def _hello(name: str, streamed: bool) -> object:
    return _answer(model(name), [HumanMessage("Say hello.")], streamed)


run([text, stream, tools, parallel, structured, image, reasoning, state], refusals(_hello, kinds=openai))
