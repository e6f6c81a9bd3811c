"""`SCRIPTS`: what the model answers in each scenario, by the model's name; for SDKs and agent frameworks.

Codex has scripts of its own, in `codex`.
"""

from __future__ import annotations

from collections.abc import Callable

from e2e.turn import Call, Turn, arguments, expect
from tests.support.chat_backend import Answer

Script = Callable[[Turn], Answer]

GREETING = "Hello from the other side."
WEATHER = "get_weather"
THOUGHT = "I must look at the weather first."
SECOND_THOUGHT = "Now I know the weather in Paris."


def text(turn: Turn) -> Answer:
    return turn.say(GREETING)


def tools(turn: Turn) -> Answer:
    """One call, one answer; the output comes back behind its call."""
    schema = turn.tool(WEATHER)["parameters"]
    expect("city" in schema["properties"], f"the schema of {WEATHER} arrived as {schema}")
    if not turn.outputs:
        return turn.say(calls=[turn.call(WEATHER, city="Paris")])
    expect("sunny in Paris" in turn.outputs[-1], f"the tool's output arrived as {turn.outputs}")
    return turn.say("The weather in Paris is sunny.")


def handoff(turn: Turn) -> Answer:
    """The Agents SDKs hand over to another agent by a function."""
    names = [tool["function"]["name"] for tool in turn.body["tools"]]
    expect([name.lower() for name in names] == ["transfer_to_greeter"], f"the tools arrived as {names}")
    return turn.say(calls=[Call(names[0], "{}")])


def greeter(turn: Turn) -> Answer:
    """The other agent has no tools, but a history with a call."""
    expect("tools" not in turn.body, "tools are offered")
    expect(len(turn.outputs) == 1, f"the hand-over's output arrived as {turn.outputs}")
    return turn.say(GREETING)


def parallel(turn: Turn) -> Answer:
    """Two calls of one turn; both outputs, in order."""
    turn.tool(WEATHER)
    if not turn.outputs:
        calls = [turn.call(WEATHER, city=city, call_id=f"call_{city.lower()}") for city in ("Paris", "Rome")]
        return turn.say("Looking up both.", calls=calls)
    cities = [city for output in turn.outputs for city in ("Paris", "Rome") if city in output]
    expect(cities == ["Paris", "Rome"], f"the outputs arrived as {turn.outputs}")
    return turn.say("Paris and Rome are sunny.")


def structured(turn: Turn) -> Answer:
    wanted = turn.body.get("response_format", {})
    expect(wanted.get("type") == "json_schema", f"response_format arrived as {wanted}")
    properties = wanted["json_schema"]["schema"]["properties"]
    expect({"name", "year"} <= properties.keys(), f"the schema arrived as {properties}")
    return turn.say(arguments(name="Ada", year=1815))


def structured_by_tool(turn: Turn) -> Answer:
    """Pydantic AI's other way: a tool that has to be called."""
    choice = turn.body.get("tool_choice")
    expect(choice == "required" or "final_result" in str(choice), f"tool_choice arrived as {choice}")
    return turn.say(calls=[Call(turn.tool("final_result")["name"], arguments(name="Ada", year=1815))])


def object_in_fields(turn: Turn) -> Answer:
    """DSPy's own form of an answer: fields, each under a heading."""
    return turn.say(f"[[ ## answer ## ]]\n{GREETING}\n\n[[ ## completed ## ]]")


def picture_in_fields(turn: Turn) -> Answer:
    _one_image(turn)
    return turn.say("[[ ## answer ## ]]\nA single red pixel.\n\n[[ ## completed ## ]]")


def object_by_tool(turn: Turn) -> Answer:
    """Instructor's way: the object is the arguments of a tool named for its class, the only one offered."""
    names = [tool["name"] for tool in turn.tools]
    expect(len(names) == 1 and "Person" in names[0], f"the tools arrived as {names}")
    choice = turn.body.get("tool_choice")
    expect(choice == "required" or "Person" in str(choice), f"tool_choice arrived as {choice}")
    return turn.say(calls=[turn.call(names[0], name="Ada", year=1815)])


def picture_by_tool(turn: Turn) -> Answer:
    _one_image(turn)
    return turn.say(calls=[turn.call("Picture", answer="A single red pixel.")])


def image(turn: Turn) -> Answer:
    _one_image(turn)
    return turn.say("A single red pixel.")


def _one_image(turn: Turn) -> None:
    expect(len(turn.images) == 1, f"{len(turn.images)} images arrived")
    expect(turn.images[0].startswith("data:image/png;base64,iVBOR"), f"the image arrived as {turn.images[0][:40]}")


def reasoning(turn: Turn) -> Answer:
    """Two tool turns; each time the model gets its earlier thoughts back."""
    expect(turn.body.get("reasoning_effort") == "low", f"reasoning_effort is {turn.body.get('reasoning_effort')}")
    if not turn.outputs:
        return turn.say(reasoning=THOUGHT, calls=[Call(WEATHER, arguments(city="Paris"))])
    expect(turn.thoughts[:1] == [THOUGHT], f"the first thought came back as {turn.thoughts}")
    if len(turn.outputs) == 1:
        return turn.say(reasoning=SECOND_THOUGHT, calls=[Call(WEATHER, arguments(city="Rome"), "call_2")])
    expect(turn.thoughts == [THOUGHT, SECOND_THOUGHT], f"the thoughts came back as {turn.thoughts}")
    return turn.say("Paris and Rome are sunny.", reasoning="That is all.")


def reasoning_not_resent(turn: Turn) -> Answer:
    """One tool turn with thoughts, for clients that show them and never send them back in a form of their own."""
    if not turn.outputs:
        return turn.say(reasoning=THOUGHT, calls=[Call(WEATHER, arguments(city="Paris"))])
    return turn.say("Paris is sunny.", reasoning=SECOND_THOUGHT)


def state(turn: Turn) -> Answer:
    """The second request names or references what the first one said."""
    if "What was my first question?" not in turn.spoken:
        return turn.say("Blue is a colour.")
    roles = [message["role"] for message in turn.messages if message["role"] != "system"]
    expect(roles == ["user", "assistant", "user"], f"the history arrived as {roles}")
    expect("Blue is a colour." in turn.spoken, "the model's own answer is not in the history")
    return turn.say("You asked what blue is.")


def bad_request(turn: Turn) -> Answer:
    return turn.refuse(400, "The value of 'temperature' is too peculiar.", code="invalid_value")


def unauthorized(turn: Turn) -> Answer:
    return turn.refuse(401, "Incorrect API key provided.", code="invalid_api_key")


def rate_limit(turn: Turn) -> Answer:
    return turn.refuse(429, "Rate limit reached.", code="rate_limit_exceeded", kind="requests", retry_after="7")


def server_error(turn: Turn) -> Answer:
    return turn.refuse(500, "The server had an error.", kind="server_error")


def overflow(turn: Turn) -> Answer:
    """Refuses as vLLM does a full context: with a text and a numeric code."""
    text = "This model's maximum context length is 8192 tokens. However, your request has 10000 input tokens."
    return turn.refuse(400, text, code=400, kind="BadRequestError")


def cut(turn: Turn) -> Answer:
    return turn.cut("This sentence is never brought to its end.")


SCRIPTS: dict[str, Script] = {
    "text": text,
    "stream": text,
    "tools": tools,
    "tools.handoff": handoff,
    "tools.greeter": greeter,
    "parallel": parallel,
    "structured": structured,
    "structured.tool": structured_by_tool,
    "text.dspy": object_in_fields,
    "image.dspy": picture_in_fields,
    "structured.instructor": object_by_tool,
    "stream.instructor": object_by_tool,
    "image.instructor": picture_by_tool,
    "image": image,
    "reasoning": reasoning,
    "reasoning.not-resent": reasoning_not_resent,
    "state": state,
    "error-400": bad_request,
    "error-401": unauthorized,
    "error-429": rate_limit,
    "error-500": server_error,
    "overflow": overflow,
    "cut": cut,
}
