"""`responses_requests`: valid requests in the forms clients send; `broken_requests`: nearly valid ones and any JSON."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.strategies.values import argument_texts, ids, json_values, names, texts

Json = dict[str, Any]
Path = tuple[str | int, ...]

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAHUdHvAAAAABJRU5ErkJggg=="
)
SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
STATUSES = ("in_progress", "completed", "incomplete")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
INPUT_ROLES = ("user", "system", "developer")
# Fields that clients send as null although null is their absence.
NULLABLE = (
    *("instructions", "previous_response_id", "temperature", "top_p", "max_output_tokens", "metadata", "reasoning"),
    *("tools", "tool_choice", "parallel_tool_calls", "text", "include", "truncation", "store", "user", "service_tier"),
    *("max_tool_calls", "top_logprobs", "safety_identifier", "prompt_cache_key", "stream_options"),
)


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


@cache
def _item_ids(prefix: str) -> st.SearchStrategy[Json]:
    return _optional(id=ids(prefix), status=st.sampled_from(STATUSES))


def _text_part(type: str) -> st.SearchStrategy[Json]:  # noqa: A002 - the wire's own word
    return st.builds(lambda text: {"type": type, "text": text}, texts())


@cache
def _text_parts() -> st.SearchStrategy[list[Json]]:
    return st.lists(_text_part("input_text"), min_size=1, max_size=3)


@cache
def _input_parts() -> st.SearchStrategy[list[Json]]:
    image = st.builds(
        lambda more: {"type": "input_image", "image_url": PIXEL, **more},
        _optional(detail=st.sampled_from(["low", "high", "auto"])),
    )
    file = st.just({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="})
    text = _text_part("input_text")
    return st.lists(st.one_of(text, text, image, file), min_size=1, max_size=3)


@st.composite
def _input_messages(draw: st.DrawFn) -> Json:
    role = draw(st.sampled_from(INPUT_ROLES))
    parts = _input_parts() if role == "user" else _text_parts()
    message: Json = {"role": role, "content": draw(parts) if draw(st.booleans()) else draw(texts())}
    return message | draw(st.sampled_from([{}, {"type": "message"}, {"type": "message", "status": "completed"}]))


@cache
def _answers() -> st.SearchStrategy[str | list[Json]]:
    """What an assistant message may hold."""
    annotated = st.builds(lambda part: {**part, "annotations": []}, _text_part("output_text"))
    refusal = st.builds(lambda text: {"type": "refusal", "refusal": text}, texts())
    parts = st.lists(st.one_of(annotated, _text_part("output_text"), refusal), min_size=1, max_size=2)
    return st.one_of(texts(), parts)


@st.composite
def _assistant_messages(draw: st.DrawFn) -> Json:
    message: Json = {"role": "assistant", "content": draw(_answers())}
    if draw(st.booleans()):
        message |= {"type": "message", **draw(_item_ids("msg"))}
    return message | draw(st.sampled_from([{}, {}, {"phase": "commentary"}, {"phase": "final_answer"}]))


@cache
def _reasoning_items() -> st.SearchStrategy[Json]:
    content = st.lists(_text_part("reasoning_text"), max_size=2)
    return st.fixed_dictionaries(
        {
            "type": st.just("reasoning"),
            "id": ids("rs"),
            "summary": st.lists(_text_part("summary_text"), max_size=2),
        },
        optional={"content": st.one_of(st.none(), content), "encrypted_content": st.none()},
    )


@st.composite
def _call_pairs(draw: st.DrawFn, call_id: str) -> tuple[Json, Json]:
    """A function call and its output."""
    name = draw(names())
    call = {"type": "function_call", "call_id": call_id, "name": name, "arguments": draw(argument_texts())}
    result = draw(_input_parts()) if draw(st.booleans()) else draw(texts())
    output = {"type": "function_call_output", "call_id": call_id, "output": result}
    # A call that was cut short has no output, so its status is at most completed.
    call |= draw(st.sampled_from([{}, {"id": f"fc_{call_id}"}, {"id": f"fc_{call_id}", "status": "completed"}]))
    return call, output | draw(_item_ids("fco"))


@st.composite
def _turns(draw: st.DrawFn, number: int) -> list[Json]:
    """One step of a conversation: a message, or a tool loop with all calls before all outputs, or each with its own."""
    kind = draw(st.sampled_from(["input", "input", "assistant", "tools", "tools"]))
    if kind == "input":
        return [draw(_input_messages())]
    thought = [draw(_reasoning_items())] if draw(st.booleans()) else []
    if kind == "assistant":
        return [*thought, draw(_assistant_messages())]
    said = [draw(_assistant_messages())] if draw(st.booleans()) else []
    pairs = [draw(_call_pairs(f"call_{number}_{position}")) for position in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        return [*thought, *said, *(call for call, _ in pairs), *(output for _, output in pairs)]
    return [*thought, *said, *(item for pair in pairs for item in pair)]


@st.composite
def input_items(draw: st.DrawFn) -> list[Json]:
    """A non-empty input list whose calls are all answered and whose call ids are unique; it may end with any turn."""
    turns = [draw(_turns(number)) for number in range(draw(st.integers(1, 5)))]
    return [item for turn in turns for item in turn]


@cache
def _function_bodies() -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"parameters": st.sampled_from([None, {}, SCHEMA, {"type": "object", "properties": {}}])},
        optional={"description": st.one_of(st.none(), texts()), "strict": st.sampled_from([None, True, False])},
    )


@st.composite
def _function_tools(draw: st.DrawFn, name: str) -> Json:
    """Flat, as Responses has it, or nested, as clients of Chat Completions go on sending it."""
    body = {"name": name, **draw(_function_bodies())}
    return {"type": "function", "function": body} if draw(st.integers(0, 4)) == 0 else {"type": "function", **body}


@st.composite
def _tool_fields(draw: st.DrawFn) -> Json:
    offered = draw(st.lists(names(), unique=True, max_size=3))
    if not offered:
        return draw(
            st.sampled_from([{}, {"tools": []}, {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}])
        )
    named = {"type": "function", "name": draw(st.sampled_from(offered))}
    allowed = {"type": "allowed_tools", "mode": draw(st.sampled_from(["auto", "required"])), "tools": [named]}
    choice = st.sampled_from(
        ["none", "auto", "required", named, {"type": "function", "function": {"name": offered[0]}}, allowed]
    )
    more = _optional(tool_choice=choice, parallel_tool_calls=st.booleans())
    return {"tools": [draw(_function_tools(name)) for name in offered], **draw(more)}


def _text_fields() -> st.SearchStrategy[Json]:
    schema = {"type": "json_schema", "name": "place", "schema": SCHEMA}
    formats = st.sampled_from(
        [{"type": "text"}, {"type": "json_object"}, schema, {**schema, "strict": True, "description": "d"}]
    )
    return _optional(format=formats, verbosity=st.sampled_from(["low", "medium", "high"]))


@cache
def _settings() -> st.SearchStrategy[Json]:
    logprobs = "message.output_text.logprobs"
    return _optional(
        stream=st.booleans(),
        instructions=texts(),
        temperature=st.one_of(st.integers(0, 2), st.floats(0, 2)),
        top_p=st.floats(0, 1),
        max_output_tokens=st.integers(16, 4096),
        top_logprobs=st.integers(0, 20),
        store=st.booleans(),
        metadata=st.dictionaries(
            texts().filter(bool).map(lambda key: key[:64]),
            texts().map(lambda text: text[:512]),
            max_size=3,
        ),
        include=st.lists(st.sampled_from([logprobs, "reasoning.encrypted_content"]), unique=True),
        reasoning=_optional(effort=st.sampled_from(EFFORTS), summary=st.sampled_from(["auto", "concise", "detailed"])),
        text=_text_fields(),
        truncation=st.sampled_from(["auto", "disabled"]),
        user=texts(),
        service_tier=st.sampled_from(["auto", "default"]),
        safety_identifier=texts().map(lambda text: text[:64]),
        prompt_cache_key=texts().map(lambda text: text[:64]),
    )


@st.composite
def responses_requests(draw: st.DrawFn) -> Json:
    """A request that a complete Responses server takes; it needs no stored state and no hosted tool."""
    request: Json = {"model": "m", "input": draw(st.one_of(texts(), input_items()))}
    request |= draw(_tool_fields()) | draw(_settings())
    for name in draw(st.lists(st.sampled_from(NULLABLE), unique=True, max_size=4)):
        request.setdefault(name, None)
    return request


def _paths(value: Any, at: Path = ()) -> list[Path]:
    children = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [at, *(path for key, child in children for path in _paths(child, (*at, key)))]


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


@st.composite
def _mutated(draw: st.DrawFn) -> Any:
    """A valid request with one to three faults at any depth: wrong type, missing or unknown key, null, doubled item."""
    request = copy.deepcopy(draw(responses_requests()))
    for _ in range(draw(st.integers(1, 3))):
        if not (paths := _paths(request)[1:]):
            break
        *owner_path, key = draw(st.sampled_from(paths))
        owner = _at(request, tuple(owner_path))
        fault = draw(st.sampled_from(["replace", "remove", "null", "add", "double"]))
        if fault == "remove":
            del owner[key]
        elif fault == "null":
            owner[key] = None
        elif fault == "add" and isinstance(owner, dict):
            owner[draw(texts())] = draw(json_values(max_leaves=3))
        elif fault == "double" and isinstance(owner, list):
            owner.append(copy.deepcopy(owner[int(key)]))
        else:
            owner[key] = draw(json_values(max_leaves=3))
    return request


@cache
def broken_requests() -> st.SearchStrategy[Any]:
    """Any JSON at all, or a valid request with faults; some of them are valid still."""
    skeleton = st.fixed_dictionaries(
        {"model": json_values(3), "input": json_values()}, optional={"tools": json_values()}
    )
    return st.one_of(_mutated(), _mutated(), skeleton, json_values(max_leaves=20))
