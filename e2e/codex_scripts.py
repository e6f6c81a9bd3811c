"""What the model answers to Codex, scenario by scenario: `CODEX_SCRIPTS`."""

from __future__ import annotations

from e2e.scripts import Script
from e2e.turn import Turn, arguments, expect, text_of
from tests.support.chat_backend import Answer

GREETING = "Hello from the other side."
DONE = "It is done."
PATCH = "*** Begin Patch\n*** Update File: shopping.txt\n@@\n-two apples\n+two pears\n*** End Patch\n"
THOUGHTS = ["First I look.", "Then I think.", "Then I look again."]
SUMMARY = "So far one command was run; only a greeting is left to do."
_COMPACTION = "CONTEXT CHECKPOINT COMPACTION"


def text(turn: Turn) -> Answer:
    return turn.say(GREETING, reasoning="A greeting will do.")


def shell(turn: Turn) -> Answer:
    outputs = turn.all_outputs
    if not outputs:
        command = "sed -i s/apples/pears/ shopping.txt && cat shopping.txt"
        return turn.say("I edit the list.", calls=[turn.call("exec_command", cmd=command)])
    expect("two pears" in outputs[0], f"the command's output arrived as {outputs}")
    return turn.say(DONE)


def apply_patch(turn: Turn) -> Answer:
    outputs = turn.all_outputs
    if not outputs:
        return turn.say("I edit the list.", calls=[turn.free_call("apply_patch", PATCH)])
    expect("shopping.txt" in outputs[0], f"the patch's output arrived as {outputs}")
    return turn.say(DONE)


def mcp(turn: Turn) -> Answer:
    outputs = turn.all_outputs
    if not outputs:
        return turn.say(calls=[turn.call("add_numbers", a=2, b=3)])
    expect("The sum is 5." in outputs[0], f"the tool's output arrived as {outputs}")
    return turn.say(DONE)


def tool_search(turn: Turn) -> Answer:
    """Search for a tool, then call the one that was found."""
    outputs = turn.all_outputs
    if not outputs:
        expect(not any("add_numbers" in tool["name"] for tool in turn.tools), "the tool is offered before its time")
        return turn.say(calls=[turn.call("tool_search", query="add two numbers")])
    if len(outputs) == 1:
        return turn.say(calls=[turn.call("add_numbers", call_id="call_2", a=2, b=3)])
    expect("The sum is 5." in outputs[1], f"the tool's output arrived as {outputs}")
    return turn.say(DONE)


def code_mode(turn: Turn) -> Answer:
    outputs = turn.all_outputs
    if not outputs:
        code = (
            'const done = await tools.exec_command({cmd: "sed -i s/apples/pears/ shopping.txt; cat shopping.txt"});\n'
        )
        return turn.say(calls=[turn.free_call("exec", f"{code}text(done.output);\n")])
    expect("two pears" in outputs[0], f"the script's output arrived as {outputs}")
    return turn.say(DONE)


def view_image(turn: Turn) -> Answer:
    if not turn.all_outputs:
        return turn.say(calls=[turn.call("view_image", path="pixel.png")])
    return _seen(turn)


def image(turn: Turn) -> Answer:
    return _seen(turn)


def _seen(turn: Turn) -> Answer:
    expect(len(turn.images) == 1, f"{len(turn.images)} images arrived")
    expect(turn.images[0].startswith("data:image/png;base64,"), f"the image arrived as {turn.images[0][:40]}")
    return turn.say(DONE)


def schema(turn: Turn) -> Answer:
    wanted = turn.body.get("response_format", {})
    expect(wanted.get("type") == "json_schema", f"response_format arrived as {wanted}")
    expect("year" in wanted["json_schema"]["schema"]["properties"], f"the schema arrived as {wanted}")
    return turn.say(arguments(name="Ada", year=1815))


def parallel(turn: Turn) -> Answer:
    outputs = turn.all_outputs
    if not outputs:
        commands = {name: f"echo {name} > {name}.txt && cat {name}.txt" for name in ("alpha", "beta")}
        calls = [turn.call("exec_command", call_id=f"call_{name}", cmd=command) for name, command in commands.items()]
        return turn.say("Both at once.", calls=calls)
    expect(len(outputs) == 2, f"{len(outputs)} outputs arrived")
    expect("alpha" in outputs[0], f"the outputs arrived as {outputs}")
    expect("beta" in outputs[1], f"the outputs arrived as {outputs}")
    return turn.say(DONE)


def reasoning(turn: Turn) -> Answer:
    """Three tool turns; every time all earlier thoughts come back."""
    passed = len(turn.all_outputs)
    expect(turn.thoughts == THOUGHTS[:passed], f"after {passed} turns the thoughts are {turn.thoughts}")
    if passed == len(THOUGHTS):
        return turn.say(DONE)
    call = turn.call("exec_command", call_id=f"call_{passed}", cmd=f"echo {passed}")
    return turn.say(reasoning=THOUGHTS[passed], calls=[call])


def compaction(turn: Turn) -> Answer:
    """The first answer fills the context; Codex asks for a summary and goes on with that."""
    if _COMPACTION in text_of(turn.messages[-1]):
        expect(not turn.tools, "tools are offered for the summary")
        return turn.say(SUMMARY, prompt_tokens=100)
    if SUMMARY in turn.spoken:
        expect(not turn.all_outputs, "the outputs outlived their summary")
        return turn.say(DONE, prompt_tokens=100)
    return turn.say(calls=[turn.call("exec_command", cmd="echo something")], prompt_tokens=90_000)


def remote_compaction(turn: Turn) -> Answer:
    """The first answer fills the context; the proxy asks for the summary, and keeps it sealed."""
    if SUMMARY in turn.spoken:
        expect(not turn.all_outputs, "the outputs outlived their summary")
        return turn.say(DONE, prompt_tokens=100)
    if turn.all_outputs:
        expect(not turn.tools, "tools are offered for the summary")
        return turn.say(SUMMARY, prompt_tokens=100)
    return turn.say(calls=[turn.call("exec_command", cmd="echo something")], prompt_tokens=90_000)


def rate_limit(turn: Turn) -> Answer:
    if turn.attempt == 0:
        return turn.refuse(429, "Rate limit reached.", code="rate_limit_exceeded", kind="requests", retry_after="1")
    return turn.say(GREETING)


def overflow(turn: Turn) -> Answer:
    message = "This model's maximum context length is 8192 tokens. However, your request has 10000 input tokens."
    return turn.refuse(400, message, code=400, kind="BadRequestError")


def dropped(turn: Turn) -> Answer:
    """The upstream dies in its first answer; Codex asks again."""
    return turn.cut("Half an answer is no answer at all.") if turn.attempt == 0 else turn.say(GREETING)


def refused_key(turn: Turn) -> Answer:
    return turn.refuse(401, "Incorrect API key provided.", code="invalid_api_key")


CODEX_SCRIPTS: dict[str, Script] = {
    "text": text,
    "shell": shell,
    "apply-patch": apply_patch,
    "catalogue": apply_patch,
    "mcp": mcp,
    "tool-search": tool_search,
    "code-mode": code_mode,
    "image": image,
    "view-image": view_image,
    "schema": schema,
    "parallel": parallel,
    "reasoning": reasoning,
    "compaction": compaction,
    "remote-compaction": remote_compaction,
    "websocket": shell,
    "rate-limit": rate_limit,
    "overflow": overflow,
    "dropped": dropped,
    "refused-key": refused_key,
}
