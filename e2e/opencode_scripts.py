"""What the model answers to OpenCode, scenario by scenario: `OPENCODE_SCRIPTS`."""

from __future__ import annotations

from e2e import scripts
from e2e.scripts import GREETING, SECOND_THOUGHT, THOUGHT, Script
from e2e.turn import Turn, expect
from tests.support.chat_backend import Answer

DONE = "It is done."
TITLE = "A short task"
SUMMARY = "So far a greeting was asked for; nothing is left to do."
_THOUGHTS = (THOUGHT, SECOND_THOUGHT)


def title(turn: Turn) -> Answer:
    """Each session gets its title from the small model, beside the first answer."""
    return turn.say(TITLE)


def stream(turn: Turn) -> Answer:
    expect(turn.body.get("stream"), "the answer is not asked for as a stream")
    return turn.say(GREETING)


def tools(turn: Turn) -> Answer:
    if not turn.outputs:
        command = "sed -i s/apples/pears/ shopping.txt && cat shopping.txt"
        return turn.say("I edit the list.", calls=[turn.call("bash", command=command, description="Edit the list")])
    expect("two pears" in turn.outputs[0], f"the command's output arrived as {turn.outputs}")
    return turn.say(DONE)


def parallel(turn: Turn) -> Answer:
    names = ("alpha", "beta")
    if not turn.outputs:
        calls = [
            turn.call("bash", call_id=f"call_{name}", command=f"echo {name} | tee {name}.txt", description=name)
            for name in names
        ]
        return turn.say("Both at once.", calls=calls)
    expect([output.strip() for output in turn.outputs] == [*names], f"the outputs arrived as {turn.outputs}")
    return turn.say(DONE)


def reasoning(turn: Turn) -> Answer:
    """Two tool turns; every time all earlier thoughts come back."""
    passed = len(turn.outputs)
    expect(turn.body.get("reasoning_effort") == "low", f"reasoning_effort is {turn.body.get('reasoning_effort')}")
    expect(turn.thoughts == [*_THOUGHTS[:passed]], f"after {passed} turns the thoughts are {turn.thoughts}")
    if passed == len(_THOUGHTS):
        return turn.say(DONE, reasoning="That is all.")
    call = turn.call("bash", call_id=f"call_{passed}", command=f"echo {passed}", description="Look")
    return turn.say(reasoning=_THOUGHTS[passed], calls=[call])


def overflow(turn: Turn) -> Answer:
    """OpenCode has the history summed up, and goes on with that."""
    if turn.attempt == 0:
        return scripts.overflow(turn)
    return turn.say(SUMMARY if "<conversation>" in turn.spoken else DONE)


def _at_first(refuse: Script) -> Script:
    """OpenCode waits and asks again, and is answered then."""
    return lambda turn: refuse(turn) if turn.attempt == 0 else turn.say(GREETING)


OPENCODE_SCRIPTS: dict[str, Script] = {
    "title": title,
    "text": scripts.text,
    "stream": stream,
    "tools": tools,
    "parallel": parallel,
    "image": scripts.image,
    "reasoning": reasoning,
    "state": scripts.state,
    "error-400": scripts.bad_request,
    "error-401": scripts.unauthorized,
    "error-429": _at_first(scripts.rate_limit),
    "error-500": _at_first(scripts.server_error),
    "overflow": overflow,
    "cut": _at_first(scripts.cut),
}
