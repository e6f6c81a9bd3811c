"""Which dialect is in force for a model, and where each of its facts is from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.config import ConfigError
from proxy.upstream.routing import Router
from tests.support.running import read_config
from translators.dialects import PRESETS, choose, problems
from translators.dialects.presets import BACKENDS

HOSTS = [
    ("api.openai.com", "openai"),
    ("contoso.openai.azure.com", "azure"),
    ("api.deepseek.com", "deepseek"),
    ("dashscope-intl.aliyuncs.com", "dashscope"),
    ("bedrock-runtime.us-west-2.amazonaws.com", "bedrock"),
    ("127.0.0.1:11434", "ollama"),
    ("localhost:1234", "lmstudio"),
    ("api.openai.com.evil.example", "generic"),
    ("127.0.0.1:8000", "generic"),
]


@pytest.mark.parametrize(("host", "name"), HOSTS)
def test_the_host_names_the_backend(host: str, name: str) -> None:
    assert choose(host=host, model_name="m").dialect.name == name


def test_there_is_a_preset_for_each_backend() -> None:
    assert " ".join(sorted(PRESETS)) == (
        "anthropic ark azure baidu bedrock cerebras cohere dashscope databricks deepseek fireworks gemini generic glm "
        "groq kimi llama-cpp-python llamacpp lmstudio minimax mistral nim ollama openai openrouter perplexity sglang "
        "stepfun tgi together vllm xai"
    )


def test_the_nearer_source_wins() -> None:
    chosen = choose(
        {"preset": "vllm", "images": ["data"], "audio": "none"},
        {"audio": "audio_url"},
        host="api.openai.com",
        model_name="mistralai/Devstral-2",
    )
    assert chosen.dialect.name == "vllm"
    told = {fact: chosen.origins[fact] for fact in ("tool_call_id", "reasoning_field", "images", "audio")}
    assert told == {
        "tool_call_id": "family mistral",
        "reasoning_field": "preset vllm",
        "images": "upstream setting",
        "audio": "model setting",
    }


def test_a_backend_outweighs_the_families_of_its_models() -> None:
    assert choose(host="api.groq.com", model_name="deepseek-chat").dialect.reasoning_replay == "never"
    assert choose(host="example.com", model_name="deepseek-chat").dialect.reasoning_replay == "all"


def test_what_is_as_everywhere_has_no_source() -> None:
    assert choose({"audio": "input_audio"}, host="", model_name="m").origins == {}


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_every_rule_for_models_is_a_change(name: str) -> None:
    """A rule that changes nothing was superseded or is a slip."""
    backend = BACKENDS[name]
    for rule in backend.models:
        assert rule.facts != {key: backend.facts.get(key) for key in rule.facts}


@pytest.mark.parametrize(
    ("setting", "path", "said"),
    [
        ("opnai", (), "did you mean openai?"),
        ({"preset": "opnai"}, ("preset",), "did you mean openai?"),
        ({"max_token_field": "max_tokens"}, ("max_token_field",), "did you mean max_tokens_field?"),
        ({"images": ["zip"]}, ("images",), "expected one of"),
        ({"tools": "yes"}, ("tools",), "expected `bool`, got `str`"),
    ],
)
def test_faulty_settings_are_told(setting: Any, path: tuple[str, ...], said: str) -> None:
    ((found_path, message),) = problems(setting)
    assert found_path == path
    assert said in message


def test_a_fact_is_set_in_the_configuration(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "upstreams": {"a": {"base_url": "http://127.0.0.1:1/v1", "dialect": {"preset": "vllm", "files": ["url"]}}},
        "models": {"m": {"upstream": "a", "dialect": {"max_temperature": 1}}},
    }
    dialect = Router(read_config(settings, tmp_path)).route("m").dialect
    assert (dialect.name, dialect.files, dialect.max_temperature) == ("vllm", frozenset({"url"}), 1.0)
    settings["models"]["m"]["dialect"] = {"max_temprature": 1}
    with pytest.raises(ConfigError, match=r"config.yaml:\d+: models.m.dialect.max_temprature: unknown fact"):
        read_config(settings, tmp_path)
