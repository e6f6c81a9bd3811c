"""Refusals that teach, and the one more attempt that they are worth; media that is fetched on the way."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from proxy.callers import Caller
from proxy.config import Config, FetchSettings, ModelSettings, UpstreamSettings
from proxy.media.fetch import Fetcher
from proxy.telemetry.metrics import Metrics
from proxy.upstream.lesson_book import MAX_REMEMBERED, LessonBook
from proxy.upstream.routing import Router
from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer
from tests.support.running import config_for, read_config, running
from tests.support.translation import Json, encode
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, to_chat
from translators.dialects import PRESETS, Dialect
from translators.errors import InvalidRequest, UpstreamError
from translators.recovery.lessons import Lesson, learn
from translators.recovery.upstream_errors import read_error
from translators.recovery.verdict import MOST_LESSONS

TOOL: Json = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
FORMAT: Json = {"format": {"type": "json_object"}}
EVERYTHING: Json = {
    "model": "m",
    "input": "hi",
    "instructions": "i",
    "temperature": 0.5,
    "max_output_tokens": 100,
    "reasoning": {"effort": "minimal"},
    "stream": True,
    "tools": [TOOL],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "top_logprobs": 2,
    "text": FORMAT,
}
LESSONS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        {"max_tokens_field": "max_completion_tokens"},
    ),
    ('Unknown name "temperature": Cannot find field.', "temperature", {}),
    ("body.stream_options: Extra inputs are not permitted", "stream_options", {"stream_usage": "implicit"}),
    (
        "Unrecognized request argument supplied: parallel_tool_calls",
        "parallel_tool_calls",
        {"parallel_tool_calls": "never"},
    ),
    ("Validation: Unsupported parameter(s): reasoning_effort", "reasoning_effort", {"reasoning_controls": ()}),
    (
        "Unsupported value: 'reasoning_effort' does not support 'minimal'. "
        "Supported values are: 'low', 'medium', and 'high'.",
        "reasoning_effort",
        {"efforts": ("low", "medium", "high")},
    ),
    (  # vLLM before it knew all levels
        "1 validation error:\n  {'type': 'literal_error', 'loc': 'body.reasoning_effort', 'msg': \"Input should be "
        "'low', 'medium' or 'high'\", 'input': 'minimal', 'ctx': {'expected': \"'low', 'medium' or 'high'\"}}",
        "reasoning_effort",
        {"efforts": ("low", "medium", "high")},
    ),
    ("Unexpected fields in the request: {'parallel_tool_calls'}", "parallel_tool_calls", {}),
    ("tool_choice 'required' is not supported", "tool_choice", {"tool_choice": frozenset({"auto", "none", "named"})}),
    ("response_format is not supported by this model", "response_format", {"json_object": False}),
    ("logprobs is not supported", "logprobs", {}),
    ("unsupported content[].type: file", "messages[].content[].file", {"files": frozenset()}),
    ("Unknown part type: file", "messages[].content[].file", {"files": frozenset()}),
    (
        "Input should be 'system', 'user' or 'assistant': unknown role developer",
        "messages[].role",
        {"developer_role": False},
    ),
    ("System message must be at the beginning.", "messages[].role", {}),
]


@pytest.mark.parametrize(("message", "about", "facts"), LESSONS)
def test_a_refusal_teaches(message: str, about: str, facts: dict[str, Any]) -> None:
    dialect = Dialect(developer_role=True, system_placement="anywhere")
    request = to_chat(parse_request(encode(EVERYTHING)), dialect, Settings(model="m")).chat
    lesson = learn(read_error(400, encode({"error": {"message": message}})), request, dialect)
    assert lesson is not None
    assert (lesson.about, lesson.certain) == (about, True)
    assert {name: getattr(lesson.dialect, name) for name in facts} == facts
    if about in ("temperature", "logprobs"):
        assert about not in lesson.dialect.params


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "the prompt is too long: maximum context length"),
        (400, "Invalid value for 'n_predict'"),
        (400, "Invalid 'temperature': must be less than or equal to 1"),
        (401, "temperature is not supported"),
        (500, "temperature is not supported"),
        (400, "seed is not supported"),
    ],
)
def test_other_refusals_teach_nothing(status: int, message: str) -> None:
    dialect = PRESETS["generic"]
    request = to_chat(parse_request(encode(EVERYTHING)), dialect, Settings(model="m")).chat
    assert learn(read_error(status, encode({"error": {"message": message}})), request, dialect) is None


def test_lost_reasoning_is_learned_to_be_wanted() -> None:
    history = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "r"},
    ]
    request = to_chat(parse_request(encode({"model": "m", "input": history})), Dialect(), Settings(model="m")).chat
    error = UpstreamError("The `reasoning_content` in the thinking mode must be passed back to the API.", status=400)
    lesson = learn(error, request, Dialect())
    assert lesson is not None
    assert (lesson.dialect.reasoning_replay, lesson.dialect.reasoning_filler) == ("all", "")


COMPLETION: Json = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def picky(request: Request) -> Answer:
    if "temperature" in request.json:
        return json_answer({"error": {"message": "Unsupported parameter: temperature"}}, status=400)
    return json_answer(COMPLETION)


async def test_a_refused_parameter_is_left_out_and_stays_so(tmp_path: Path) -> None:
    async with ChatBackend() as backend, running(read_config(config_for(backend), tmp_path)) as url:
        backend.always(picky)
        async with httpx2.AsyncClient(base_url=url, verify=False) as client:
            body = {"model": "m", "input": "hi", "temperature": 0.5}
            answers = [await client.post("/v1/responses", json=body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert ["temperature" in request.json for request in backend.requests] == [True, False, False]
        assert "changed temperature" in answers[0].headers["x-dragoman-adapted"]
        assert "ignored temperature" in answers[1].headers["x-dragoman-adapted"]


async def test_a_refusal_that_teaches_nothing_more_is_told(tmp_path: Path) -> None:
    async with ChatBackend() as backend, running(read_config(config_for(backend), tmp_path)) as url:
        backend.always(json_answer({"error": {"message": "Unsupported parameter: temperature"}}, status=400))
        async with httpx2.AsyncClient(base_url=url, verify=False) as client:
            body = {"model": "m", "input": "hi", "temperature": 0.5, "top_p": 0.5}
            answer = await client.post("/v1/responses", json=body)
        assert answer.status_code == 400
        assert len(backend.requests) == 2


NAMED_ONE_BY_ONE = ("temperature", "top_p", "reasoning_effort", "parallel_tool_calls", "tool_choice")
REFUSED_ONE_BY_ONE: Json = {
    "model": "m",
    "input": "hi",
    "temperature": 0.5,
    "top_p": 0.5,
    "reasoning": {"effort": "low"},
    "tools": [TOOL],
    "parallel_tool_calls": False,
    "tool_choice": "required",
}


def naming_one_of(*refused: str) -> Any:
    """A backend that names the first of several things that it refuses, as OpenAI's reasoning models do."""

    def answer(request: Request) -> Answer:
        for name in refused:
            if name in request.json:
                error = {"message": f"Unsupported parameter: '{name}' is not supported.", "param": name}
                return json_answer({"error": {**error, "code": "unsupported_parameter"}}, status=400)
        return json_answer(COMPLETION)

    return answer


async def test_what_a_backend_names_one_by_one_is_left_out_one_by_one(tmp_path: Path) -> None:
    async with ChatBackend() as backend, running(read_config(config_for(backend), tmp_path)) as url:
        backend.always(naming_one_of("temperature", "top_p"))
        async with httpx2.AsyncClient(base_url=url, verify=False) as client:
            body = {"model": "m", "input": "hi", "temperature": 0.5, "top_p": 0.5}
            first, second = [await client.post("/v1/responses", json=body) for _ in range(2)]
        assert [first.status_code, second.status_code] == [200, 200]
        assert [sorted({"temperature", "top_p"} & request.json.keys()) for request in backend.requests] == [
            ["temperature", "top_p"],
            ["top_p"],
            [],
            [],
        ]
        told = first.headers["x-dragoman-adapted"]
        assert "changed temperature" in told
        assert "changed top_p" in told


async def test_a_question_is_put_in_so_many_forms_and_no_more(tmp_path: Path) -> None:
    upstream = {"dialect": {"preset": "generic", "reasoning_controls": ["effort"], "parallel_tool_calls": "always"}}
    async with ChatBackend() as backend:
        backend.always(naming_one_of(*NAMED_ONE_BY_ONE))
        config = read_config(config_for(backend, upstream=upstream), tmp_path)
        async with running(config) as url, httpx2.AsyncClient(base_url=url, verify=False) as client:
            answer = await client.post("/v1/responses", json=REFUSED_ONE_BY_ONE)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == NAMED_ONE_BY_ONE[MOST_LESSONS]
        assert len(backend.requests) == 1 + MOST_LESSONS


async def test_address_key_and_query_of_a_dialect(tmp_path: Path) -> None:
    async with ChatBackend() as backend:
        upstream = {"api_key": "secret", "dialect": {"preset": "azure", "query": {"api-version": "2024-10-21"}}}
        async with running(read_config(config_for(backend, upstream=upstream), tmp_path)) as url:
            backend.script(json_answer(COMPLETION))
            async with httpx2.AsyncClient(base_url=url, verify=False) as client:
                await client.post("/v1/responses", json={"model": "m", "input": "hi"})
        (request,) = backend.requests
        assert request.path == "/v1/chat/completions?api-version=2024-10-21"
        assert request.headers["api-key"] == "secret"
        assert "authorization" not in request.headers


# ---- media

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


async def test_an_image_is_fetched_for_a_backend_that_takes_contents_only(tmp_path: Path) -> None:
    async with ChatBackend(strict=False) as backend:
        settings = config_for(backend, upstream={"dialect": {"images": ["data"]}}, fetch={"allow_private": True})
        backend.serve("/a.png", Answer(content_type="application/octet-stream", writes=[PNG]))
        async with running(read_config(settings, tmp_path)) as url:
            backend.script(json_answer(COMPLETION))
            image = {"type": "input_image", "image_url": f"http://127.0.0.1:{backend.port}/a.png"}
            body = {"model": "m", "input": [{"role": "user", "content": [image]}]}
            async with httpx2.AsyncClient(base_url=url, verify=False) as client:
                answer = await client.post("/v1/responses", json=body)
        assert answer.status_code == 200, answer.text
        sent = backend.requests[-1].json["messages"][0]["content"][0]["image_url"]["url"]
        assert sent == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
        assert "emulated input[0].content[0]" in answer.headers["x-dragoman-adapted"]


def served(answers: dict[str, httpx2.Response]) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda request: answers[request.url.path])


REFUSED: list[tuple[str, dict[str, httpx2.Response], str]] = [
    ("http://127.0.0.1/a", {}, "private network"),
    ("http://[::1]/a", {}, "private network"),
    ("http://[::ffff:10.0.0.1]/a", {}, "private network"),
    ("http://169.254.169.254/latest", {}, "private network"),
    ("http://user:pass@8.8.8.8/a", {}, "no plain http"),
    ("http://8.8.8.8/a", {"/a": httpx2.Response(404)}, "the answer was 404"),
    ("http://8.8.8.8/a", {"/a": httpx2.Response(200, content=b"x" * 101)}, "larger than 100 bytes"),
    ("http://8.8.8.8/a", {"/a": httpx2.Response(302, headers={"location": "http://10.0.0.1/"})}, "private network"),
    ("http://8.8.8.8/a", {"/a": httpx2.Response(302, headers={"location": "/a"})}, "too many redirects"),
    ("http://8.8.8.8/a", {"/a": httpx2.Response(302, headers={"location": "file:///etc/passwd"})}, "no plain http"),
    ("http://8.8.8.8/a", {"/a": httpx2.Response(200, html="<p>")}, "it is text/html"),
]


@pytest.mark.parametrize(("url", "answers", "said"), REFUSED)
async def test_what_is_not_fetched(url: str, answers: dict[str, httpx2.Response], said: str) -> None:
    fetcher = Fetcher(FetchSettings(max_bytes=100), transport=served(answers))
    with pytest.raises(InvalidRequest, match=said):
        await fetcher.fetch_all({url: "image"})


async def test_redirects_to_public_places_are_followed_by_address() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        if request.url.path == "/a":
            return httpx2.Response(302, headers={"location": "https://1.1.1.1/b"})
        return httpx2.Response(200, content=PNG, headers={"content-type": "image/png; x=y"})

    fetcher = Fetcher(FetchSettings(), transport=httpx2.MockTransport(answer))
    assert (await fetcher.fetch_all({"http://8.8.8.8/a": "image"}))["http://8.8.8.8/a"].startswith("data:image/png;")
    assert [(request.url.host, request.headers["host"]) for request in asked] == [
        ("8.8.8.8", "8.8.8.8"),
        ("1.1.1.1", "1.1.1.1"),
    ]


# ---- what one caller's words cannot teach


def _lesson(message: str, asked: Json, **error: Any) -> Any:
    dialect = Dialect(developer_role=True, strict_tools=True)
    request = to_chat(parse_request(encode({"model": "m", "input": "hi", **asked})), dialect, Settings(model="m")).chat
    return learn(read_error(400, encode({"error": {"message": message, **error}})), request, dialect)


def _tool(name: str, *properties: str) -> Json:
    schema = {"type": "object", "properties": {each: {"type": "string"} for each in properties}}
    return {"type": "function", "name": name, "parameters": schema, "strict": True}


SCHEMA: Json = {"format": {"type": "json_schema", "name": "x", "schema": {"oneOf": [{"type": "object"}]}}}
# What the backend said, and the request whose words it repeats.
NOT_FOR_OTHERS: list[tuple[str, Json]] = [
    ("Invalid schema for response_format 'x': In context=(), 'oneOf' is not permitted.", {"text": SCHEMA}),
    ("response_format.json_schema.schema.oneOf is not supported", {"text": SCHEMA}),
    ("response_format: schema keyword oneOf is not supported", {"text": SCHEMA}),
    ("property 'temperature' is not supported", {"temperature": 1, "tools": [_tool("f", "temperature")]}),
    (
        "Invalid schema for function 'f': In context=('properties', 'temperature'), 'default' is not permitted",
        {"temperature": 1, "tools": [_tool("f", "temperature")]},
    ),
    ("tools[0].function.parameters.properties.temperature: unsupported", {"temperature": 1, "tools": [_tool("f")]}),
    ("Unknown tool: strict", {"tools": [_tool("strict")]}),
    ("unexpected tool 'strict' in the request", {"tools": [_tool("strict")]}),
    (
        "Your text could not be read: parameter temperature is not supported",
        {"temperature": 1, "input": "Say: Parameter 'temperature' is not supported"},
    ),
    (
        "Bad: \"they said 'temperature is not supported', twice\", so it is not supported",
        {"temperature": 1},
    ),
    (
        "{'type': 'string', 'loc': 'body.messages.0', 'msg': 'unsupported', 'input': 'temperature is unsupported'}",
        {"temperature": 1},
    ),
    ("unsupported content in message: 'the developer file'", {"instructions": "be brief"}),
]


@pytest.mark.parametrize(("message", "asked"), NOT_FOR_OTHERS)
def test_words_of_the_request_teach_nobody_else(message: str, asked: Json) -> None:
    lesson = _lesson(message, asked)
    assert lesson is None or not lesson.certain


def test_a_code_about_the_parameter_is_certain() -> None:
    """Though the client has a property of that name."""
    asked = {"temperature": 1, "tools": [_tool("f", "temperature")]}
    certain = _lesson("Unsupported parameter: temperature", asked, param="temperature", code="unsupported_parameter")
    assert certain.certain
    assert not _lesson("Unsupported parameter: temperature", asked).certain


def test_long_echoes_cost_linear_time() -> None:
    """Steps of a pattern that looks ahead would grow with the square of these."""
    for echo in ("'" * 4000, "messages[0]." * 300, "unsupported " * 300, "temperature " * 300, "a, " * 1300):
        _lesson(f"Unsupported: {echo}", {"temperature": 1})


def _temperature_of(dialect: Dialect) -> Lesson:
    without = msgspec.structs.replace(dialect, params=dialect.params - {"temperature"})
    return Lesson("temperature", dialect, without, certain=True)


def test_a_lesson_keeps_what_others_taught() -> None:
    """Facts that name several things lose one; others become what the lesson says."""
    base = Dialect(reasoning_controls=("effort", "enable_thinking"), structured="json_schema")
    facts: dict[str, Any] = {"reasoning_controls": ("enable_thinking",), "structured": "json_object"}
    lesson = Lesson("x", base, msgspec.structs.replace(base, **facts), certain=True)
    other = msgspec.structs.replace(base, reasoning_controls=("effort",), params=frozenset(), efforts=("low",))
    taught = lesson.taught(other)
    assert taught == msgspec.structs.replace(other, reasoning_controls=(), structured="json_object")
    assert lesson.taught(base) == lesson.dialect
    levels = Lesson("x", base, msgspec.structs.replace(base, efforts=("low", "high")), certain=True)
    assert levels.taught(other).efforts == ("low",)


def test_a_lesson_expires_and_is_counted() -> None:
    now = [0.0]
    learned = LessonBook(clock=lambda: now[0])
    upstreams = {"up": UpstreamSettings(base_url="http://h/v1", dialect="generic", lesson_seconds=60)}
    router = Router(Config(upstreams=upstreams, models={"*": ModelSettings(upstream="up")}))
    caller, route = Caller("", "a"), router.route("m")
    lesson = _temperature_of(route.dialect)
    learned.remember(route, caller, lesson)
    assert learned.dialect(route, caller) == lesson.dialect
    assert learned.dialect(route, Caller("", "b")) == lesson.dialect  # the backend has proved it
    assert learned.in_force() == {("up", "temperature"): 1}
    assert b'dragoman_lessons{upstream="up",about="temperature"' in Metrics().page(learned.in_force())
    now[0] = 60.0
    assert learned.in_force() == {}
    assert learned.dialect(route, caller) is route.dialect


def test_lessons_of_a_callers_own_key_are_its_own() -> None:
    learned = LessonBook()
    upstreams = {"up": UpstreamSettings(base_url="http://h/v1", dialect="generic", pass_client_key=True)}
    router = Router(Config(upstreams=upstreams, models={"*": ModelSettings(upstream="up")}))
    route = router.route("m")
    lesson = _temperature_of(route.dialect)
    learned.remember(route, Caller("", "a"), lesson)
    assert learned.dialect(route, Caller("", "a")) == lesson.dialect
    assert learned.dialect(route, Caller("", "b")) is route.dialect


def test_lessons_are_bounded_and_may_be_off() -> None:
    learned = LessonBook()
    upstreams = {
        "up": UpstreamSettings(base_url="http://h/v1", dialect="generic"),
        "off": UpstreamSettings(base_url="http://h/v1", dialect="generic", lesson_seconds=0),
    }
    models = {"off": ModelSettings(upstream="off"), "*": ModelSettings(upstream="up")}
    router = Router(Config(upstreams=upstreams, models=models))
    lesson = _temperature_of(router.route("m").dialect)
    learned.remember(router.route("off"), Caller("", ""), lesson)
    assert learned.in_force() == {}
    for number in range(MAX_REMEMBERED + 5):
        learned.remember(router.route(f"m{number}"), Caller("", ""), lesson)
    assert sum(learned.in_force().values()) == MAX_REMEMBERED


@pytest.mark.parametrize("second", [400, 500])
async def test_what_did_not_help_is_not_learned(tmp_path: Path, second: int) -> None:
    refusal = {"error": {"message": "Unsupported parameter: temperature"}}
    async with ChatBackend() as backend, running(read_config(config_for(backend), tmp_path)) as url:
        backend.always(json_answer(COMPLETION))
        backend.script(json_answer(refusal, status=400), json_answer({"error": "no"}, status=second))
        async with httpx2.AsyncClient(base_url=url, verify=False) as client:
            body = {"model": "m", "input": "hi", "temperature": 0.5}
            answers = [await client.post("/v1/responses", json=body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [second, 200]
        assert ["temperature" in request.json for request in backend.requests] == [True, False, True]


async def test_what_is_not_certain_is_left_out_once(tmp_path: Path) -> None:
    """A's schema does not turn B's into an object of any form."""
    async with ChatBackend() as backend:
        settings = config_for(backend, upstream={"dialect": {"preset": "generic", "structured": "json_schema"}})
        async with running(read_config(settings, tmp_path)) as url:
            refusal = "Invalid schema for response_format 'x': In context=(), 'oneOf' is not permitted."
            answer = {
                "choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}]
            }
            backend.script(json_answer({"error": {"message": refusal, "param": "response_format"}}, status=400))
            backend.always(json_answer(answer))
            async with httpx2.AsyncClient(base_url=url, verify=False) as client:
                await client.post("/v1/responses", json={"model": "m", "input": "JSON", "text": SCHEMA})
                other = {"format": {"type": "json_schema", "name": "y", "schema": {"type": "object"}}}
                await client.post("/v1/responses", json={"model": "m", "input": "JSON", "text": other})
        sent = [request.json["response_format"]["type"] for request in backend.requests]
        assert (sent[0], sent[-1]) == ("json_schema", "json_schema")


@pytest.mark.parametrize("status", [401, 403, 408, 413, 429, 500, 502, 503])
async def test_other_statuses_teach_nothing(tmp_path: Path, status: int) -> None:
    refusal = {"error": {"message": "Unsupported parameter: temperature", "param": "temperature"}}
    async with ChatBackend() as backend, running(read_config(config_for(backend), tmp_path)) as url:
        backend.always(json_answer(COMPLETION))
        backend.script(json_answer(refusal, status=status))
        async with httpx2.AsyncClient(base_url=url, verify=False) as client:
            body = {"model": "m", "input": "hi", "temperature": 0.5}
            answers = [await client.post("/v1/responses", json=body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [status, 200]
        assert all("temperature" in request.json for request in backend.requests)
