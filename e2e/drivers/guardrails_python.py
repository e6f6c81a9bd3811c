"""OpenAI Guardrails around the SDK's client, with a check that needs no model."""

from __future__ import annotations

import openai
from guardrails import GuardrailsOpenAI
from outcome import GREETING, run
from pydantic import BaseModel

CONFIG = {
    "version": 1,
    "input": {"version": 1, "guardrails": [{"name": "Keyword Filter", "config": {"keywords": ["forbidden"]}}]},
    "output": {"version": 1, "guardrails": [{"name": "Keyword Filter", "config": {"keywords": ["forbidden"]}}]},
}
client = GuardrailsOpenAI(config=CONFIG, max_retries=0, timeout=30)


class Person(BaseModel):
    name: str
    year: int


def text() -> None:
    response = client.responses.create(model="text", input="Say hello.")
    assert response.output_text == GREETING


def stream() -> None:
    texts = [
        event.delta
        for event in client.responses.create(model="stream", input="Say hello.", stream=True)
        if getattr(event, "type", "") == "response.output_text.delta"
    ]
    assert "".join(texts) == GREETING


def structured() -> None:
    response = client.responses.parse(
        model="structured", input=[{"role": "user", "content": "Who was Ada?"}], text_format=Person
    )
    assert response.output_parsed == Person(name="Ada", year=1815)


def state() -> None:
    first = client.responses.create(model="state", input="What is blue?")
    second = client.responses.create(model="state", input="What was my first question?", previous_response_id=first.id)
    assert second.output_text == "You asked what blue is."


def error_400() -> None:
    try:
        client.responses.create(model="error-400", input="Say hello.")
    except openai.BadRequestError as error:
        code = error.code
    assert code == "invalid_value"


run([text, stream, structured, state], {"error-400": error_400})
