"""Microsoft's Agent Framework: an agent over `OpenAIChatClient`, which speaks the Responses API."""

from __future__ import annotations

from agent_framework import Agent, AgentResponse, Content, Message
from agent_framework.openai import OpenAIChatClient
from openai import AsyncOpenAI
from outcome import GREETING, PIXEL, SECOND_THOUGHT, THOUGHT, refusals, run, weather
from pydantic import BaseModel

server = AsyncOpenAI(max_retries=0, timeout=30)


class Person(BaseModel):
    name: str
    year: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return weather(city)


def agent(model: str, **options: object) -> Agent:
    return Agent(OpenAIChatClient(model, async_client=server), "Be kind.", **options)


async def ask(asked: Agent, question: object, streamed: bool, **options: object) -> AgentResponse:
    if not streamed:
        return await asked.run(question, **options)
    answer = asked.run(question, stream=True, **options)
    async for _ in answer:
        pass
    return await answer.get_final_response()


async def text() -> None:
    answer = await agent("text").run("Say hello.")
    assert answer.text == GREETING, answer
    assert answer.usage_details["total_token_count"] == 20, answer.usage_details


async def stream() -> None:
    """The last update repeats the whole text, to take the place of the pieces."""
    texts = [update.text async for update in agent("stream").run("Say hello.", stream=True) if update.text]
    assert "".join(texts[:-1]) == texts[-1] == GREETING, texts
    assert len(texts) > 2


async def tools() -> None:
    for streamed in (False, True):
        answer = await ask(agent("tools", tools=[get_weather]), "What is the weather?", streamed)
        assert answer.text.endswith("The weather in Paris is sunny."), answer.text


async def parallel() -> None:
    for streamed in (False, True):
        answer = await ask(agent("parallel", tools=[get_weather]), "What is the weather?", streamed)
        assert answer.text.endswith("Paris and Rome are sunny."), answer.text


async def structured() -> None:
    for streamed in (False, True):
        answer = await ask(agent("structured"), "Who was Ada?", streamed, options={"response_format": Person})
        assert answer.value == Person(name="Ada", year=1815)


async def image() -> None:
    message = Message("user", [Content.from_text("What is this?"), Content.from_uri(PIXEL, media_type="image/png")])
    assert (await agent("image").run(message)).text == "A single red pixel."


async def reasoning() -> None:
    for stored in (True, False):
        for streamed in (False, True):
            options = {"reasoning": {"effort": "low", "summary": "auto"}, "store": stored}
            if not stored:
                options["include"] = ["reasoning.encrypted_content"]
            thinking = agent("reasoning", tools=[get_weather], default_options=options)
            answer = await ask(thinking, "What is the weather?", streamed)
            said = "".join(
                content.text or ""
                for message in answer.messages
                for content in message.contents
                if content.type == "text_reasoning"
            )
            assert said == f"{THOUGHT}{SECOND_THOUGHT}That is all.", (stored, streamed, said)


async def state() -> None:
    remembering = agent("state")
    session = remembering.create_session()
    await remembering.run("What is blue?", session=session)
    answer = await remembering.run("What was my first question?", session=session)
    assert answer.text == "You asked what blue is."


async def _hello(model: str, streamed: bool) -> object:
    return await ask(agent(model), "Say hello.", streamed)


run([text, stream, tools, parallel, structured, image, reasoning, state], refusals(_hello, notices_cut=False))
