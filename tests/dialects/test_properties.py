"""R2 and R5 for every preset under every model rule and family, which the presets by themselves do not show."""

from __future__ import annotations

import json

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.strategies import responses_requests, texts
from tests.support.dialect_rules import check_dialect_request
from tests.support.translation import Json, encode
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, Translation, to_chat
from translators.dialects import Dialect, choose
from translators.dialects.call_ids import CALL_ID_FORMS
from translators.dialects.presets import BACKENDS
from translators.errors import InvalidRequest

MODELS = (
    *("deepseek-v4", "kimi-k2.6", "kimi-k2.7-code", "kimi-k3", "glm-4.7", "glm-5.2", "glm-5.3", "qwen3-32b"),
    *(
        "mistral-small-latest",
        "magistral-medium",
        "minimax-m2",
        "openai/gpt-oss-20b",
        "gemini-3-pro",
        "gpt-5",
        "gpt-4o",
    ),
    *("claude-sonnet", "llama-4", "grok-4.5", "grok-3-mini", "sonar-deep-research"),
)


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    preset, model = draw(st.sampled_from(sorted(BACKENDS))), draw(st.sampled_from(MODELS))
    return choose(preset, host="", model_name=model).dialect


def possible(request: Json, dialect: Dialect) -> Translation:
    """The translation, for a request that asks for nothing the backend lacks."""
    try:
        return to_chat(parse_request(encode(request)), dialect, Settings(model="m"))
    except InvalidRequest as error:
        assume(error.code != "unsupported_value")
        raise


@given(responses_requests(), dialects())
def test_a_strict_server_of_the_dialect_takes_it(request: Json, dialect: Dialect) -> None:
    """R2."""
    check_dialect_request(json.loads(possible(request, dialect).body()), dialect)


@given(responses_requests(), dialects(), texts())
def test_g17_a_longer_history_begins_with_the_bytes_of_the_shorter(request: Json, dialect: Dialect, said: str) -> None:
    """R5, for a loop of tools that goes on."""
    items = request["input"] if isinstance(request["input"], list) else [{"role": "user", "content": request["input"]}]
    if items[-1].get("role") != "user":
        items = [*items, {"role": "user", "content": "go on"}]
    more = [
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "so"}]},
        {"role": "assistant", "content": said},
        *({"type": "function_call", "call_id": f"new_{n}", "name": "f", "arguments": "{}"} for n in range(2)),
        *({"type": "function_call_output", "call_id": f"new_{n}", "output": said} for n in range(2)),
        {"role": "user", "content": "and now?"},
    ]
    shorter = json.loads(possible({**request, "input": items}, dialect).body())["messages"]
    longer = json.loads(possible({**request, "input": [*items, *more]}, dialect).body())["messages"]
    assert encode(longer)[: len(encode(shorter)) - 1] == encode(shorter)[:-1]


@given(st.lists(st.text(min_size=1), unique=True), st.sampled_from(sorted(CALL_ID_FORMS)))
def test_t40_t41_call_ids_stay_apart(ids: list[str], form: str) -> None:
    change = CALL_ID_FORMS[form]
    assert len({change(call_id) for call_id in ids}) == len(ids)
    assert [change(change(call_id)) for call_id in ids] == [change(call_id) for call_id in ids]
