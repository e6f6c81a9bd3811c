"""The OpenAI SDK for Python."""

from __future__ import annotations

import json

import openai
from outcome import GREETING, PIXEL, SECOND_THOUGHT, THOUGHT, WEATHER, refusals, run, weather
from pydantic import BaseModel

client = openai.OpenAI(max_retries=0, timeout=30)


class Person(BaseModel):
    name: str
    year: int


def text() -> None:
    response = client.responses.create(model="text", input="Say hello.", instructions="Be kind.")
    assert response.output_text == GREETING, response.output_text
    assert response.status == "completed"
    assert response.id.startswith("resp_")
    assert response.created_at > 0
    assert response.error is None
    assert response.usage.total_tokens == 20
    assert response.usage.input_tokens_details.cached_tokens == 4
    assert response.usage.output_tokens_details.reasoning_tokens == 3
    message = response.output[0]
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert message.content[0].annotations == []


def stream() -> None:
    deltas = []
    with client.responses.stream(model="stream", input="Say hello.") as events:
        for number, event in enumerate(events):
            assert event.sequence_number == number
            if event.type == "response.output_text.delta":
                deltas.append(event.delta)
        final = events.get_final_response()
    assert "".join(deltas) == final.output_text == GREETING
    assert len(deltas) > 1
    assert final.usage.total_tokens == 20


def _loop(model: str, streamed: bool, **options: object) -> tuple[list, list]:
    """Leads the whole conversation by resending items; returns all output items, and those of the last turn."""
    history: list = [{"role": "user", "content": "What is the weather?"}]
    said: list = []
    for _ in range(4):
        if streamed:
            with client.responses.stream(model=model, input=history, tools=[WEATHER], **options) as events:
                events.until_done()
                response = events.get_final_response()
        else:
            response = client.responses.create(model=model, input=history, tools=[WEATHER], **options)
        said += response.output
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return said, response.output
        history += response.output
        for call in calls:
            output = weather(**json.loads(call.arguments))
            history.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    raise AssertionError("the loop did not end")


def tools() -> None:
    for streamed in (False, True):
        said, last = _loop("tools", streamed)
        assert [item.type for item in said] == ["function_call", "message"]
        assert said[0].status == "completed"
        assert last[-1].content[0].text == "The weather in Paris is sunny."


def parallel() -> None:
    for streamed in (False, True):
        said, last = _loop("parallel", streamed, parallel_tool_calls=True)
        assert [item.type for item in said] == ["message", "function_call", "function_call", "message"]
        assert last[-1].content[0].text == "Paris and Rome are sunny."


def structured() -> None:
    response = client.responses.parse(model="structured", input="Who was Ada?", text_format=Person)
    assert response.output_parsed == Person(name="Ada", year=1815)
    with client.responses.stream(model="structured", input="Who was Ada?", text_format=Person) as events:
        assert events.get_final_response().output_parsed == Person(name="Ada", year=1815)


def image() -> None:
    content = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
    ]
    response = client.responses.create(model="image", input=[{"role": "user", "content": content}])
    assert response.output_text == "A single red pixel."


def reasoning() -> None:
    for streamed in (False, True):
        said, _ = _loop(
            "reasoning",
            streamed,
            reasoning={"effort": "low", "summary": "auto"},
            include=["reasoning.encrypted_content"],
            store=False,
        )
        thoughts = ["".join(part.text for part in item.summary) for item in said if item.type == "reasoning"]
        assert thoughts == [THOUGHT, SECOND_THOUGHT, "That is all."], thoughts


def state() -> None:
    first = client.responses.create(model="state", input="What is blue?")
    second = client.responses.create(model="state", input="What was my first question?", previous_response_id=first.id)
    assert second.output_text == "You asked what blue is."
    assert second.previous_response_id == first.id
    assert client.responses.retrieve(first.id).output_text == "Blue is a colour."
    assert client.responses.input_items.list(first.id).data[0].content[0].text == "What is blue?"
    conversation = client.conversations.create()
    client.responses.create(model="state", input="What is blue?", conversation=conversation.id)
    third = client.responses.create(model="state", input="What was my first question?", conversation=conversation.id)
    assert third.output_text == "You asked what blue is."
    client.responses.delete(first.id)


def cut() -> None:
    with client.responses.stream(model="cut", input="Speak.") as events:
        seen = list(events)
    assert seen[-1].type == "response.failed", seen[-1].type
    assert seen[-1].response.error.code == "server_error"
    try:
        client.responses.create(model="cut", input="Speak.")
    except openai.InternalServerError:
        pass
    else:
        raise AssertionError("half an answer was taken for a whole one")


def _hello(model: str, streamed: bool) -> object:
    return client.responses.create(model=model, input="Say hello.", stream=streamed)


run([text, stream, tools, parallel, structured, image, reasoning, state], refusals(_hello, kinds=openai) | {"cut": cut})
