"""LiteLLM's `responses`, as a client."""

from __future__ import annotations

import json
import os

import litellm
from outcome import GREETING, PIXEL, SDK_ERRORS, SECOND_THOUGHT, THOUGHT, WEATHER, refusals, run, weather
from pydantic import BaseModel

litellm.telemetry = False
TOLD = SDK_ERRORS | {"overflow": ("ContextWindowExceededError", "context_length_exceeded")}


class Person(BaseModel):
    name: str
    year: int


def ask(model: str, question: object, **options: object) -> object:
    return litellm.responses(
        model=f"openai/{model}",
        input=question,
        api_base=os.environ["OPENAI_BASE_URL"],
        api_key=os.environ["OPENAI_API_KEY"],
        max_retries=0,
        timeout=30,
        **options,
    )


def _kind(event: object) -> str:
    return str(getattr(event.type, "value", event.type))


def _answer(model: str, question: object, streamed: bool, **options: object) -> object:
    if not streamed:
        return ask(model, question, **options)
    last = None
    for event in ask(model, question, stream=True, **options):
        last = event
    assert _kind(last) == "response.completed", last
    return last.response


def text() -> None:
    response = ask("text", "Say hello.", instructions="Be kind.")
    assert response.output_text == GREETING, response
    assert response.status == "completed"
    assert response.usage.total_tokens == 20
    assert response.usage.input_tokens_details.cached_tokens == 4
    assert response.usage.output_tokens_details.reasoning_tokens == 3


def stream() -> None:
    events = list(ask("stream", "Say hello.", stream=True))
    deltas = [event.delta for event in events if _kind(event) == "response.output_text.delta"]
    assert "".join(deltas) == GREETING
    assert len(deltas) > 1
    assert events[-1].response.usage.total_tokens == 20


def _loop(model: str, streamed: bool, **options: object) -> list:
    history: list = [{"role": "user", "content": "What is the weather?"}]
    said: list = []
    for _ in range(4):
        response = _answer(model, history, streamed, tools=[WEATHER], **options)
        output = [item if isinstance(item, dict) else item.model_dump(exclude_none=True) for item in response.output]
        said += output
        calls = [item for item in output if item["type"] == "function_call"]
        if not calls:
            return said
        history += output
        for call in calls:
            result = weather(**json.loads(call["arguments"]))
            history.append({"type": "function_call_output", "call_id": call["call_id"], "output": result})
    raise AssertionError("the loop did not end")


def tools() -> None:
    for streamed in (False, True):
        said = _loop("tools", streamed)
        assert [item["type"] for item in said] == ["function_call", "message"]
        assert said[-1]["content"][0]["text"] == "The weather in Paris is sunny."


def parallel() -> None:
    for streamed in (False, True):
        said = _loop("parallel", streamed, parallel_tool_calls=True)
        assert [item["type"] for item in said] == ["message", "function_call", "function_call", "message"]
        assert said[-1]["content"][0]["text"] == "Paris and Rome are sunny."


def structured() -> None:
    for streamed in (False, True):
        response = _answer("structured", "Who was Ada?", streamed, text_format=Person)
        assert Person.model_validate_json(response.output_text) == Person(name="Ada", year=1815)


def image() -> None:
    content = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PIXEL}]
    assert ask("image", [{"role": "user", "content": content}]).output_text == "A single red pixel."


def reasoning() -> None:
    for streamed in (False, True):
        said = _loop(
            "reasoning",
            streamed,
            reasoning={"effort": "low", "summary": "auto"},
            include=["reasoning.encrypted_content"],
            store=False,
        )
        thoughts = ["".join(part["text"] for part in item["summary"]) for item in said if item["type"] == "reasoning"]
        assert thoughts == [THOUGHT, SECOND_THOUGHT, "That is all."], thoughts


def state() -> None:
    options = {"api_base": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}
    first = ask("state", "What is blue?")
    second = ask("state", "What was my first question?", previous_response_id=first.id)
    assert second.output_text == "You asked what blue is."
    assert litellm.get_responses(first.id, **options).output_text == "Blue is a colour."
    assert litellm.list_input_items(first.id, **options)["data"][0]["content"][0]["text"] == "What is blue?"
    assert litellm.delete_responses(first.id, **options).deleted


def _hello(model: str, streamed: bool) -> object:
    return _answer(model, "Say hello.", streamed)


run([text, stream, tools, parallel, structured, image, reasoning, state], refusals(_hello, TOLD, kinds=litellm))
