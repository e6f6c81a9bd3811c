"""`PROBES`: each asks a backend about one thing and notes the facts; the order of the table is that of asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from proxy.commands.doctor_target import LENGTH, LONG, Json, ProbeResult, ProbeTarget, user
from proxy.upstream.refusals import KEY_REFUSED
from translators.dialects.dialect import EFFORTS, LOGPROBS, SAMPLING

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAHUdHvAAAAABJRU5ErkJggg=="
)
SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SIGNATURE_FILLER = "skip_thought_signature_validator"
_ASK = "Call the function for the city of Paris."
# Longer than the words that chat templates say of their own where there is no system message.
_RULE = (
    "Answer in a few words, never give a reason, thank nobody for anything, ask nothing back, use no word of more than "
    "nine letters, and when you are done say so with a full stop and nothing else, whatever the question was."
)
_OPTIONAL: Json = {
    "temperature": 1,
    "top_p": 0.9,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "logprobs": True,
    "user": "doctor",
    "safety_identifier": "doctor",
    "prompt_cache_key": "doctor",
    "service_tier": "auto",
    "verbosity": "low",
}


def tool(name: str, **more: Any) -> Json:
    function = {"name": name, "description": "Looks a city up.", "parameters": SCHEMA, **more}
    return {"type": "function", "function": function}


def call(call_id: str, content: Any = "", **more: Any) -> Json:
    function = {"name": "look_up", "arguments": '{"city": "Paris"}'}
    calls = [{"id": call_id, "type": "function", "function": function}]
    return {"role": "assistant", "content": content, "tool_calls": calls, **more}


def output(call_id: str) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": "found"}


async def first_contact(target: ProbeTarget) -> None:
    """Asks a plain question, with the key where it is read. Raises UpstreamError where there is no answer."""
    result = await target.ask()
    if result.refusal is not None and (result.refusal.status == 401 or result.refusal.code == KEY_REFUSED):
        target.sends_key_in("api-key")
        again = await target.ask()
        if again.taken:
            target.facts["auth_header"] = "api-key"
            result = again
    if result.refusal is not None:
        raise result.refusal
    _note_reasoning(target, result)


async def _length(target: ProbeTarget) -> None:
    fields: dict[str, Any] = {field: {field: LENGTH} for field in ("max_tokens", "max_completion_tokens")}
    taken = [field for field, said in fields.items() if (await target.ask(**said)).taken]
    if taken:
        target.facts["max_tokens_field"] = taken[0]
    else:
        target.unknown.append("max_tokens_field: neither field was taken")


async def _roles(target: ProbeTarget) -> None:
    """Finds out by counts of tokens which roles are understood.

    Many a chat template prints any role as it is written, or leaves out what it does not know.
    """
    plain = await target.ask([user("Say OK.")])
    system, developer = [
        await target.ask([{"role": role, "content": _RULE}, user("Say OK.")]) for role in ("system", "developer")
    ]
    target.counts = plain.prompt_tokens != system.prompt_tokens
    as_system = developer.prompt_tokens == system.prompt_tokens
    target.facts["developer_role"] = developer.taken and (as_system or not target.counts)
    if developer.taken and not target.facts["developer_role"]:
        lost = developer.prompt_tokens == plain.prompt_tokens
        found = "leaves its text out of the prompt" if lost else "prints it as a word that the model may not know"
        target.unknown.append(f"developer_role: it takes the role, and {found}")
    rule = {"role": "system", "content": _RULE}
    apart = await target.ask([rule, user("Hi."), user("Say OK.")])
    late = await target.ask([rule, user("Hi."), rule, user("Say OK.")])
    lost = target.counts and late.prompt_tokens == apart.prompt_tokens
    target.facts["system_placement"] = "anywhere" if late.taken and not lost else "leading"
    target.facts["alternate_roles"] = not apart.taken


async def _params(target: ProbeTarget) -> None:
    ignores = (await target.ask(dragoman_doctor=1)).taken
    taken = {name for name, value in _OPTIONAL.items() if (await target.ask(**{name: value})).taken}
    if ignores:  # that it took a field says nothing: only what it refused is known
        taken &= SAMPLING | LOGPROBS
        target.unknown.append("params: it ignores fields that it does not know; what it took may have no effect")
    target.facts["params"] = frozenset(taken | (LOGPROBS if "logprobs" in taken else set()))


async def _stream(target: ProbeTarget) -> None:
    unasked = await target.ask(stream=True)
    asked = await target.ask(stream=True, stream_options={"include_usage": True})
    _note_reasoning(target, unasked)
    target.facts["stream_usage"] = "option" if asked.taken and not unasked.usage else "implicit"
    if not unasked.usage and not asked.usage:
        target.facts["stream_usage"] = "implicit"
        target.unknown.append("stream_usage: no stream held any usage")


async def _tools(target: ProbeTarget) -> None:
    plain = await target.ask([user(_ASK)], tools=[tool("look_up")])
    target.facts["tools"] = plain.taken
    if not plain.taken:
        return
    _note_reasoning(target, plain)
    await _strictness(target)
    await _choices(target)
    refused = not (await target.ask([user(_ASK)], tools=[tool("look_up")], parallel_tool_calls=False)).taken
    if refused:
        target.facts["parallel_tool_calls"] = "never"


async def _strictness(target: ProbeTarget) -> None:
    strict, invented = [
        (await target.ask([user(_ASK)], tools=[tool("look_up", **{word: True})])).taken
        for word in ("strict", "stricter")
    ]
    if strict and invented:
        target.unknown.append("strict_tools: it takes any word in a function; it may hold strict ones to their schema")
    else:
        target.facts["strict_tools"] = strict


async def _choices(target: ProbeTarget) -> None:
    both = [tool("look_up"), tool("other")]

    async def made(choice: Any) -> ProbeResult:
        return await target.ask([user("Say OK.")], tools=both, tool_choice=choice, length=LONG)

    taken = {choice for choice in ("auto", "none") if (await made(choice)).taken}
    silent = False  # it took a choice that forces a call, and called nothing
    for word in ("required", "any"):
        result = await made(word)
        silent = silent or result.taken
        if result.calls:
            taken.add("required")
            if word == "any":
                target.facts["required_word"] = "any"
            break
    if (await made({"type": "function", "function": {"name": "other"}})).calls[:1] == ["other"]:
        taken.add("named")
    if silent and not taken & {"required", "named"}:
        target.unknown.append(
            "tool_choice: could not tell whether it can be made to call; it may think, be small, or ignore the field"
        )
    else:
        target.facts["tool_choice"] = frozenset(taken)


async def _history(target: ProbeTarget) -> None:
    if not target.facts["tools"]:
        return
    tools = [tool("look_up")]
    usual = [user("Hi."), call("abcdefgh1"), output("abcdefgh1")]
    contents = {"empty": call("abcdefgh1"), "null": call("abcdefgh1", None), "omit": call("abcdefgh1")}
    del contents["omit"]["content"]
    fits = await _forms_taken(target, contents, tools)
    field = target.facts.get("reasoning_field")
    if not fits and field in ("reasoning_content", "reasoning"):
        contents = {name: {**said, field: " "} for name, said in contents.items()}
        fits = await _forms_taken(target, contents, tools)
        if fits:
            target.facts |= {"reasoning_replay": "all", "reasoning_filler": " "}
    if not fits:
        contents = {name: _signed(said) for name, said in contents.items()}
        fits = await _forms_taken(target, contents, tools)
        if fits:
            target.facts |= {"tool_extra": True, "signature_filler": SIGNATURE_FILLER}
    if not fits:
        target.unknown.append("empty_content: no form of a call in the history was taken")
        return
    target.facts["empty_content"] = fits[0]
    said = contents[fits[0]]
    for form, call_id in (("keep", "x" * 60), ("max40", "call_" + "x" * 30), ("alnum9", "abcdefgh1")):
        renamed = {**said, "tool_calls": [{**said["tool_calls"][0], "id": call_id}]}
        if (await target.ask([usual[0], renamed, output(call_id)], tools=tools)).taken:
            target.facts["tool_call_id"] = form
            break
    behind = [usual[0], said, usual[2], user("Say OK.")]
    target.facts["bridge_after_tool"] = not (await target.ask(behind, tools=tools)).taken
    second = {**said["tool_calls"][0], "id": "abcdefgh2"}
    two = [usual[0], {**said, "tool_calls": [said["tool_calls"][0], second]}, usual[2], output("abcdefgh2")]
    target.facts["calls_per_message"] = "many" if (await target.ask(two, tools=tools)).taken else "one"
    spoken = [usual[0], {**said, "content": "I look."}, usual[2]]
    target.facts["text_beside_calls"] = (await target.ask(spoken, tools=tools)).taken


def _signed(said: Json) -> Json:
    """Returns a message whose calls have signatures, as Gemini 3 wants every call of the history."""
    extra = {"google": {"thought_signature": SIGNATURE_FILLER}}
    return {**said, "tool_calls": [{**made, "extra_content": extra} for made in said["tool_calls"]]}


async def _forms_taken(target: ProbeTarget, forms: dict[str, Json], tools: list[Json]) -> list[str]:
    result = {
        name: await target.ask([user("Hi."), said, output("abcdefgh1")], tools=tools) for name, said in forms.items()
    }
    return [name for name, answer in result.items() if answer.taken]


async def _formats(target: ProbeTarget) -> None:
    # Who is told of JSON answers in JSON without any format: only an answer by a schema alone shows that it counts.
    question = "Which city is the capital of France?"
    format_ = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    schema = await target.ask([user(question)], length=LONG, response_format=format_)
    told = [user(f'{question} Answer as JSON: {{"city": "..."}}.')]
    object_ = await target.ask(told, length=LONG, response_format={"type": "json_object"})
    target.facts["json_object"] = object_.taken
    if schema.taken and _is_json(schema.text):
        target.facts["structured"] = "json_schema"
    elif object_.taken and _is_json(object_.text):
        target.facts["structured"] = "json_object"
    else:
        target.facts["structured"] = "tool" if "named" in target.facts.get("tool_choice", ()) else "prompt"
    if schema.taken and not _is_json(schema.text):
        target.unknown.append("structured: it took a json_schema and did not answer by it")


async def _efforts(target: ProbeTarget) -> None:
    nonsense = (await target.ask(reasoning_effort="doctor")).taken
    if nonsense:
        target.unknown.append("efforts: it takes any word as reasoning_effort, and may ignore them all")
        return
    taken = [effort for effort in EFFORTS if (await target.ask(reasoning_effort=effort)).taken]
    if taken:
        target.facts["efforts"] = tuple(taken)
    else:
        target.facts["reasoning_controls"] = ()
        target.unknown.append("reasoning_controls: it has no reasoning_effort; it may have another control")


async def _images(target: ProbeTarget) -> None:
    text = {"type": "text", "text": "Say OK."}
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    result = await target.ask([{"role": "user", "content": [text, image]}])
    bare = await target.ask([{"role": "user", "content": [text]}])
    lost = result.taken and target.counts and result.prompt_tokens == bare.prompt_tokens
    if lost:
        target.unknown.append("images: it takes them, and leaves them out of the prompt")
    target.facts["images"] = frozenset({"data"} if result.taken and not lost else ())


def _note_reasoning(target: ProbeTarget, result: ProbeResult) -> None:
    if result.fields:
        target.facts["reasoning_field"] = result.fields[0]
    elif result.text.lstrip().startswith("<") and "</" in result.text:
        tag = result.text.lstrip()[1:].partition(">")[0]
        if tag.isalpha():
            target.facts["think_tags"] = (tag,)


def _is_json(text: str) -> bool:
    """Returns whether a JSON object stands in a text, behind the model's thoughts if it tells them."""
    try:
        return type(msgspec.json.decode(text.rpartition(">")[2].strip())) is dict
    except msgspec.DecodeError:
        return False


PROBES: dict[str, Callable[[ProbeTarget], Awaitable[None]]] = {
    "the limit of an answer's length": _length,
    "roles and their order": _roles,
    "parameters": _params,
    "streams": _stream,
    "tools": _tools,
    "histories with calls": _history,
    "structured output": _formats,
    "reasoning efforts": _efforts,
    "images": _images,
}
