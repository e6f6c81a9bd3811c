"""One test for each quirk of what backends take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.dialect_rules import check_dialect_request
from tests.support.translation import Json, encode
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import PRESETS, Dialect, choose
from translators.errors import InvalidRequest

TOOL: Json = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
OTHER: Json = {**TOOL, "name": "other"}
SCHEMA: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORMAT: Json = {"format": {"type": "json_schema", "name": "number", "schema": SCHEMA}}
LOOP: list[Json] = [
    {"role": "user", "content": "q"},
    {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "why"}]},
    {"role": "assistant", "content": "I look."},
    *({"type": "function_call", "call_id": f"call_{n}", "name": "look", "arguments": "{}"} for n in range(2)),
    *({"type": "function_call_output", "call_id": f"call_{n}", "output": str(n)} for n in range(2)),
    {"role": "user", "content": "and?"},
]


def sent(dialect: Dialect, **request: Any) -> tuple[Json, Translation]:
    translation = to_chat(parse_request(encode({"model": "m", "input": "hi", **request})), dialect, Settings(model="m"))
    body: Json = json.loads(translation.body())
    check_dialect_request(body, dialect)
    return body, translation


def named(host: str, model: str) -> Dialect:
    return choose(host=host, model_name=model).dialect


def roles(body: Json) -> list[str]:
    return [message["role"] for message in body["messages"]]


def test_t40_mistral_wants_short_ids_names_and_a_bridge() -> None:
    body, _ = sent(PRESETS["mistral"], input=LOOP, tools=[TOOL], tool_choice="required")
    assert roles(body) == ["user", "assistant", "tool", "tool", "assistant", "user"]
    calls = [call["id"] for call in body["messages"][1]["tool_calls"]]
    assert calls == [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
    assert len(set(calls)) == 2
    assert body["messages"][2]["name"] == "look"
    assert body["tool_choice"] == "any"


def test_databricks_takes_one_call_a_message() -> None:
    body, _ = sent(PRESETS["databricks"], input=LOOP, tools=[TOOL])
    assert roles(body) == ["user", "assistant", "tool", "assistant", "tool", "user"]


def test_tgi_takes_no_text_beside_calls() -> None:
    body, _ = sent(PRESETS["tgi"], input=LOOP, tools=[TOOL])
    assert roles(body) == ["user", "assistant", "assistant", "tool", "tool", "user"]
    assert body["messages"][1] == {"role": "assistant", "content": "I look."}


def test_perplexity_takes_turns_and_no_tools() -> None:
    body, translation = sent(PRESETS["perplexity"], input=LOOP, tools=[TOOL])
    assert roles(body) == ["user", "assistant", "user"]
    assert "[Called look: {}]" in body["messages"][1]["content"]
    assert "tools" in {adaptation.param for adaptation in translation.adaptations}


def test_glm_opens_with_a_user() -> None:
    body, _ = sent(PRESETS["glm"], input=[{"role": "assistant", "content": "hello"}], instructions="Be brief.")
    assert roles(body) == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (PRESETS["generic"], {"reasoning_content": "why"}),
        (PRESETS["vllm"], {"reasoning": "why"}),
        (PRESETS["openrouter"], {"reasoning_details": [{"type": "reasoning.text", "text": "why"}]}),
        (named("api.mistral.ai", "magistral-medium"), {}),
        (named("api.cerebras.ai", "glm-4.7"), {"content": "<think>\nwhy\n</think>\n\nI look."}),
        (PRESETS["openai"], {}),
    ],
)
def test_reasoning_goes_back_where_it_is_wanted(dialect: Dialect, expected: Json) -> None:
    message = sent(dialect, input=LOOP, tools=[TOOL])[0]["messages"][1]
    fields = {
        name: message[name] for name in ("reasoning_content", "reasoning", "reasoning_details") if name in message
    }
    assert fields == {name: value for name, value in expected.items() if name != "content"}
    if "content" in expected:
        assert message["content"] == expected["content"]
    if dialect.reasoning_field == "content_parts":
        assert message["content"][0] == {"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}


@pytest.mark.parametrize(("preset", "filler"), [("deepseek", ""), ("kimi", " ")])
def test_lost_reasoning_has_a_filler(preset: str, filler: str) -> None:
    body, _ = sent(PRESETS[preset], input=[LOOP[0], *LOOP[3:]], tools=[TOOL])
    assert body["messages"][1]["reasoning_content"] == filler


EFFORTS = [
    (PRESETS["generic"], "xhigh", {"reasoning_effort": "xhigh"}),
    (PRESETS["ollama"], "minimal", {"reasoning_effort": "low"}),
    (PRESETS["ollama"], "xhigh", {"reasoning_effort": "max"}),
    (PRESETS["openrouter"], "none", {"reasoning": {"effort": "none"}}),
    (PRESETS["deepseek"], "medium", {"reasoning_effort": "high", "thinking": {"type": "enabled"}}),
    (PRESETS["deepseek"], "none", {"thinking": {"type": "disabled"}}),
    (named("api.moonshot.ai", "kimi-k3"), "none", {"reasoning_effort": "low"}),
    (named("api.z.ai", "glm-4.6"), "low", {"thinking": {"type": "enabled"}}),
    (named("api.z.ai", "glm-4.7"), "low", {"thinking": {"type": "enabled", "clear_thinking": False}}),
    (named("api.z.ai", "glm-4.7"), None, {"thinking": {"type": "enabled", "clear_thinking": False}}),
    (named("api.z.ai", "glm-4.7"), "none", {"thinking": {"type": "disabled"}}),
    (named("api.moonshot.ai", "kimi-k2.5"), None, {}),
    (named("api.moonshot.ai", "kimi-k2.6"), None, {"thinking": {"type": "enabled", "keep": "all"}}),
    (PRESETS["dashscope"], "low", {"enable_thinking": True, "thinking_budget": 2048}),
    (PRESETS["dashscope"], "none", {"enable_thinking": False}),
    (PRESETS["minimax"], "high", {"thinking": {"type": "adaptive"}}),
    (named("api.groq.com", "qwen3-32b"), "high", {"reasoning_effort": "default"}),
    (named("api.groq.com", "openai/gpt-oss-20b"), "minimal", {"reasoning_effort": "low"}),
    (named("integrate.api.nvidia.com", "qwen/qwen3"), "low", {"chat_template_kwargs": {"enable_thinking": True}}),
    (named("integrate.api.nvidia.com", "kimi-k2"), "none", {"chat_template_kwargs": {"thinking": False}}),
    (PRESETS["together"], "high", {"reasoning": {"enabled": True}}),
    (PRESETS["anthropic"], "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    (PRESETS["mistral"], "low", {}),
    (named("api.mistral.ai", "mistral-small-latest"), "low", {"reasoning_effort": "high"}),
]


@pytest.mark.parametrize(("dialect", "effort", "expected"), EFFORTS)
def test_effort_in_each_dialect(dialect: Dialect, effort: str | None, expected: Json) -> None:
    body, translation = sent(dialect, reasoning={"effort": effort})
    fields = ("reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs")
    assert {name: body[name] for name in fields if name in body} == expected
    level = body.get("reasoning_effort", effort)
    told = any(adaptation.param == "reasoning.effort" for adaptation in translation.adaptations)
    assert told or (level == effort and expected) or effort == "none" or "reasoning_effort" not in expected


def test_t26_a_call_that_must_be_made_outweighs_thinking() -> None:
    body, translation = sent(PRESETS["deepseek"], tools=[TOOL], tool_choice="required", reasoning={"effort": "high"})
    assert (body["tool_choice"], body["thinking"]) == ("required", {"type": "disabled"})
    assert "reasoning_effort" not in body
    assert any(adaptation.param == "reasoning.effort" for adaptation in translation.adaptations)
    assert "tool_choice" not in sent(PRESETS["deepseek"], tools=[TOOL], tool_choice="auto")[0]


def test_thinking_excludes_parameters() -> None:
    body, translation = sent(named("api.openai.com", "gpt-5"), temperature=0.5)
    assert "temperature" not in body
    assert [str(adaptation.param) for adaptation in translation.adaptations] == ["temperature"]
    assert (
        sent(named("api.openai.com", "gpt-5.1"), temperature=0.5, reasoning={"effort": "none"})[0]["temperature"] == 0.5
    )


CHOICES: list[tuple[str, Any, Any, list[str]]] = [
    ("lmstudio", {"type": "function", "name": "look"}, "required", ["look"]),
    ("glm", {"type": "function", "name": "look"}, None, ["look"]),
    ("glm", "none", None, []),
    ("ollama", "auto", None, ["look", "other"]),
    ("kimi", "required", None, ["look", "other"]),
    ("dashscope", "required", None, ["look", "other"]),
]


@pytest.mark.parametrize(("preset", "asked", "choice", "offered"), CHOICES)
def test_t24_choices_that_a_backend_lacks(preset: str, asked: Any, choice: Any, offered: list[str]) -> None:
    body, translation = sent(PRESETS[preset], tools=[TOOL, OTHER], tool_choice=asked)
    assert body.get("tool_choice") == choice
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == offered
    lost = asked not in ("none", "auto") and choice is None
    assert lost == any(adaptation.action == "dropped" for adaptation in translation.adaptations)


def test_t24_the_only_tool_is_named_where_none_can_be_required() -> None:
    one = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "look"}]}
    for tools, asked in (([TOOL], "required"), ([TOOL, OTHER], one)):
        body, translation = sent(PRESETS["llama-cpp-python"], tools=tools, tool_choice=asked)
        assert body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
        assert [adaptation.action for adaptation in translation.adaptations] == ["changed"]


RUNGS = [
    ("generic", "json_schema", False),
    ("llama-cpp-python", "json_object", False),
    ("deepseek", "json_object", True),
    ("minimax", None, True),
    ("anthropic", None, False),
]


@pytest.mark.parametrize(("preset", "form", "told"), RUNGS)
def test_the_ladder_of_structured_output(preset: str, form: str | None, told: bool) -> None:
    body, _ = sent(PRESETS[preset], text=FORMAT)
    assert body.get("response_format", {}).get("type") == form
    assert ("JSON Schema" in body["messages"][0]["content"]) == told
    if preset == "llama-cpp-python":
        assert body["response_format"]["schema"] == SCHEMA


def test_tools_and_a_format_that_exclude_each_other() -> None:
    body, _ = sent(PRESETS["groq"], text=FORMAT, tools=[TOOL])
    assert "response_format" not in body
    assert "JSON Schema" in body["messages"][0]["content"]


def image(url: str) -> list[Json]:
    return [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]


def test_an_image_says_its_type() -> None:
    body, _ = sent(PRESETS["generic"], input=image("data:;base64,iVBORw0KGgoAAAA="))
    assert body["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgoAAAA="


def test_a_backend_without_eyes_gets_no_image() -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(PRESETS["deepseek"], input=image("https://example.com/a.png"))
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "input[0].content[0]")


def file(**fields: str) -> list[Json]:
    return [{"role": "user", "content": [{"type": "input_file", **fields}]}]


def test_files_as_each_backend_takes_them() -> None:
    pdf = "data:application/pdf;base64,JVBERi0="
    text = "data:text/plain;base64,aGVsbG8="
    assert sent(PRESETS["mistral"], input=file(file_data=pdf))[0]["messages"][0]["content"] == [
        {"type": "document_url", "document_url": pdf}
    ]
    url = "https://example.com/a.pdf"
    assert sent(PRESETS["openrouter"], input=file(file_url=url))[0]["messages"][0]["content"] == [
        {"type": "file", "file": {"file_data": url}}
    ]
    content = sent(PRESETS["groq"], input=file(file_data=text, filename="a.txt"))[0]["messages"][0]["content"]
    assert content == "<file name='a.txt'>\nhello\n</file>"
    for given in ({"file_data": pdf}, {"file_url": url}):
        assert sent(PRESETS["groq"], input=file(**given))[1].adaptations[0].action == "emulated"
    for given in ({"file_data": "data:application/zip;base64,AAAA"}, {"file_url": "ftp://example.com/a"}):
        with pytest.raises(InvalidRequest, match="takes no file"):
            sent(PRESETS["groq"], input=file(**given))


def test_audio_as_each_backend_takes_it() -> None:
    spoken = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}]}]
    parts = {
        name: sent(PRESETS[name], input=spoken)[0]["messages"][0]["content"][0]
        for name in ("generic", "sglang", "dashscope")
    }
    assert parts["generic"]["input_audio"] == {"data": "AAAA", "format": "mp3"}
    assert parts["sglang"]["audio_url"] == {"url": "data:audio/mp3;base64,AAAA"}
    assert parts["dashscope"]["input_audio"]["data"] == "data:audio/mp3;base64,AAAA"


def test_lengths_and_limits() -> None:
    assert sent(PRESETS["openai"], max_output_tokens=20)[0]["max_completion_tokens"] == 20
    assert sent(PRESETS["kimi"])[0]["max_tokens"] == 32_768
    assert sent(PRESETS["glm"], temperature=1.5)[0]["temperature"] == 1


SCHEMAS: list[tuple[str, Json, Json]] = [
    (
        "kimi",
        {
            "$schema": "s",
            "$defs": {"place": {"type": "string"}},
            "properties": {"a": {"$ref": "#/$defs/place", "description": "where"}},
        },
        {"type": "object", "properties": {"a": {"type": "string", "description": "where"}}},
    ),
    (
        "kimi",
        {"type": "object", "properties": {"a": {"type": "string", "anyOf": [{"const": "x"}, {"const": "y"}]}}},
        {
            "type": "object",
            "properties": {"a": {"anyOf": [{"type": "string", "const": "x"}, {"type": "string", "const": "y"}]}},
        },
    ),
    (
        "gemini",
        {
            "type": "object",
            "properties": {"n": {"type": ["integer", "null"], "exclusiveMinimum": 0}, "c": {"const": 1}},
        },
        {
            "type": "object",
            "properties": {
                "n": {"type": "integer", "nullable": True, "description": "(exclusiveMinimum: 0)"},
                "c": {"enum": [1]},
            },
        },
    ),
    (
        "llamacpp",
        {"type": "object", "properties": {"pattern": {"type": "string", "pattern": "b+"}}},
        {"type": "object", "properties": {"pattern": {"type": "string", "description": "(pattern: b+)"}}},
    ),
    (
        "xai",
        {"type": "object", "additionalProperties": False, "properties": {}},
        {"type": "object", "properties": {}},
    ),
    (
        "dashscope",
        {"type": "object", "$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"},
        {"type": "object", "properties": {"n": {"properties": {"n": {"description": "(a value like n)"}}}}},
    ),
]


@pytest.mark.parametrize(("preset", "schema", "expected"), SCHEMAS)
def test_t21_t22_schemas_lose_no_meaning(preset: str, schema: Json, expected: Json) -> None:
    body, translation = sent(PRESETS[preset], tools=[{**TOOL, "parameters": schema}])
    assert body["tools"][0]["function"]["parameters"] == expected
    lost = "(" in json.dumps(expected)
    assert lost == any(adaptation.param == "tools.look" for adaptation in translation.adaptations)


def test_references_that_explode_are_bounded() -> None:
    definitions = {
        f"d{n}": {"properties": {key: {"$ref": f"#/$defs/d{n + 1}"} for key in "abcdefgh"}} for n in range(12)
    }
    body, _ = sent(PRESETS["kimi"], tools=[{**TOOL, "parameters": {"$defs": definitions, "$ref": "#/$defs/d0"}}])
    assert len(json.dumps(body)) < 20_000_000


def test_all_tools_are_strict_or_none() -> None:
    body, _ = sent(PRESETS["cerebras"], tools=[{**TOOL, "strict": True}, OTHER])
    assert all("strict" not in tool["function"] for tool in body["tools"])


def test_gemini_wants_names_that_begin_with_a_letter() -> None:
    history = [{"type": "function_call", "call_id": "c", "name": "3d", "arguments": "{}"}]
    body, translation = sent(PRESETS["gemini"], tools=[{**TOOL, "name": "3d"}], input=[LOOP[0], *history])
    (name,) = (tool["function"]["name"] for tool in body["tools"])
    assert name.startswith("_3d_")
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == name
    assert translation.tools.client_name(name).name == "3d"


def test_mistral_goes_on_from_the_assistants_words() -> None:
    body, _ = sent(PRESETS["mistral"], input=[LOOP[0], {"role": "assistant", "content": "The answer is"}])
    assert body["messages"][1] == {"role": "assistant", "content": "The answer is", "prefix": True}


@pytest.mark.parametrize(
    ("host", "model", "kept"),
    [
        ("api.openai.com", "o4-mini", False),
        ("api.openai.com", "gpt-4o", True),
        ("api.openai.com", "gpt-5.2", True),
        ("api.openai.com", "gpt-5-chat-latest", True),
        ("api.moonshot.ai", "kimi-k2.6", False),
        ("api.moonshot.ai", "kimi-k2-0905-preview", True),
        ("api.deepseek.com", "deepseek-chat", True),
        ("api.x.ai", "grok-4-fast-non-reasoning", True),
    ],
)
def test_only_thinking_models_lose_the_temperature(host: str, model: str, kept: bool) -> None:
    assert ("temperature" in sent(named(host, model), temperature=0.5)[0]) == kept
