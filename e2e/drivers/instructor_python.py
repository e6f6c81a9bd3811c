"""Instructor in its mode for the Responses API: every answer is an object, got by a tool that must be called."""

from __future__ import annotations

import instructor
import openai
from outcome import PIXEL, refusals, run
from pydantic import BaseModel

client = instructor.from_openai(openai.OpenAI(max_retries=0, timeout=30), mode=instructor.Mode.RESPONSES_TOOLS)


class Person(BaseModel):
    name: str
    year: int


class Picture(BaseModel):
    answer: str


def ask(model: str, question: object, kind: type = Person) -> object:
    return client.responses.create(model=model, input=question, response_model=kind, max_retries=1)


def structured() -> None:
    person = ask("structured.instructor", "Who was Ada?")
    assert (person.name, person.year) == ("Ada", 1815), person
    person, response = client.responses.create_with_completion(
        model="structured.instructor", input="Who was Ada?", response_model=Person
    )
    assert (person.name, person.year) == ("Ada", 1815), person
    assert response.usage.total_tokens == 20, response.usage


def stream() -> None:
    partial = list(
        client.responses.create_partial(
            model="stream.instructor", input="Who was Ada?", response_model=Person, max_retries=1
        )
    )
    assert len(partial) > 1
    assert (partial[-1].name, partial[-1].year) == ("Ada", 1815), partial[-1]


def image() -> None:
    content = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PIXEL}]
    assert ask("image.instructor", [{"role": "user", "content": content}], Picture).answer == "A single red pixel."


def _who(model: str, streamed: bool) -> object:
    return ask(model, "Who was Ada?")


run([stream, structured, image], refusals(_who, streamed=(False,)))
