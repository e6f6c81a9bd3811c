"""Which upstream a model name goes to, and what is said about one that goes nowhere."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config import LOCAL_MODEL, Config, ModelSettings, UpstreamSettings, builtin_config
from proxy.upstream.entries import LOCAL_DIALECT
from proxy.upstream.routing import Router
from translators.asking.parse import parse_defaults
from translators.asking.translate import Settings
from translators.dialects import PRESETS
from translators.errors import InvalidRequest

UPSTREAMS = {
    "openai": UpstreamSettings(base_url="https://api.openai.com/v1"),
    "llama": UpstreamSettings(base_url="http://127.0.0.1:8000/v1", dialect="llamacpp"),
    "local": UpstreamSettings(kind="local"),
}


def router(models: dict[str, ModelSettings]) -> Router:
    return Router(Config(upstreams=UPSTREAMS, models=models))


def to(upstream: str, model: str | None = None) -> ModelSettings:
    return ModelSettings(upstream=upstream, model=model)


def refused(routes: Router, model: str | None) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        routes.route(model)
    return caught.value


def test_a_route_tells_all_about_itself() -> None:
    entry = to("openai", "their-name")
    route = router({"mine": entry}).route("mine")
    assert (route.name, route.model, route.upstream_name) == ("mine", "their-name", "openai")
    assert (route.upstream, route.settings) == (UPSTREAMS["openai"], entry)
    assert route.dialect == PRESETS["openai"]


def test_the_dialect_goes_by_the_setting_else_by_the_host_else_by_the_kind() -> None:
    routes = router({"a": to("llama"), "b": to("openai"), "c": to("local")})
    assert [routes.route(name).dialect.name for name in "abc"] == ["llamacpp", "openai", LOCAL_DIALECT]


def test_exact_wins_over_pattern_and_the_more_literal_pattern_over_the_other() -> None:
    routes = router(
        {
            "*": to("local", "default"),
            "gpt-*": to("openai", "short"),
            "gpt-4*": to("openai", "long"),
            "gpt-[45]*": to("openai", "one of two"),
            "*-mini": to("openai", "as short"),
            "gpt-4o": to("openai", "exact"),
        }
    )
    asked = ["gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-3", "o-mini", "gpt-mini", "GPT-4o", "other"]
    sent = [routes.route(name).model for name in asked]
    # `gpt-[45]*` has no more literal characters than `gpt-*`, which the file names first.
    assert sent == ["exact", "long", "short", "short", "as short", "as short", "default", "default"]


def test_equally_literal_patterns_keep_the_order_of_the_file() -> None:
    models = {"a*": to("openai", "first"), "*z": to("openai", "second")}
    assert router(models).route("az").model == "first"
    assert router(dict(reversed(models.items()))).route("az").model == "second"


def test_a_name_without_rename_travels_on_but_not_to_the_embedded_server() -> None:
    routes = router({"gpt-*": to("openai"), "small-*": to("local"), "big": to("local", "big-7b"), "plain": to("llama")})
    assert {name: routes.route(name).model for name in ("gpt-9", "small-1", "big", "plain")} == {
        "gpt-9": "gpt-9",
        "small-1": LOCAL_MODEL,
        "big": "big-7b",
        "plain": "plain",
    }


def test_names_are_the_exact_ones_in_order() -> None:
    routes = router({"z": to("local"), "*": to("local"), "g*": to("openai"), "a": to("openai")})
    assert routes.names() == ("z", "a")
    assert [route.name for route in routes.entries()] == ["z", "*", "g*", "a"]


@pytest.mark.parametrize("absent", [None, ""])
def test_g10_no_name_takes_the_default_where_that_has_a_name_to_send(absent: str | None) -> None:
    assert router({"*": to("openai", "gpt-5")}).route(absent).name == "gpt-5"
    local = Router(builtin_config()).route(absent)
    assert (local.name, local.model, local.upstream_name) == (LOCAL_MODEL, LOCAL_MODEL, "local")
    for models in ({"*": to("openai")}, {"a": to("local"), "b*": to("local")}):
        error = refused(router(models), absent)
        assert (error.status, error.code, error.param) == (400, "missing_required_parameter", "model")


def test_an_unknown_name_is_told_the_known_ones() -> None:
    error = refused(router({"one": to("local"), "gpt-*": to("openai")}), "two")
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert error.message == "The model 'two' does not exist here. Known models: one, gpt-*."


def test_the_message_is_bounded() -> None:
    error = refused(router({f"model-{number}": to("local") for number in range(50)}), "x" * 1_000)
    assert len(error.message) < 600
    assert error.message.endswith(", model-19 and 30 more.")


def test_what_the_translation_is_told() -> None:
    entry = ModelSettings(
        upstream="openai",
        model="sent",
        defaults={"temperature": 0.5},
        extra_body={"top_k": 3},
        drop_params=("user",),
    )
    told = router({"a": entry}).route("a").translation
    assert told == Settings(
        model="sent",
        on_unsupported="report",
        defaults=parse_defaults({"temperature": 0.5}),
        extra_body={"top_k": 3},
        drop_params=("user",),
        summary_tokens=8192,
    )
    assert router({"a*": to("openai")}).route("a1").translation == Settings(model="a1", summary_tokens=8192)


def test_on_unsupported_of_a_model_wins() -> None:
    models = {"a": ModelSettings(upstream="local", on_unsupported="report"), "b": to("local")}
    routes = Router(Config(upstreams=UPSTREAMS, models=models, on_unsupported="refuse"))
    assert [routes.route(name).translation.on_unsupported for name in "ab"] == ["report", "refuse"]


NAMES = st.text(st.sampled_from("ab*?[]!-"), min_size=1, max_size=6)


@settings(deadline=None)
@given(models=st.dictionaries(NAMES, st.sampled_from([to("openai"), to("local")])), asked=NAMES)
def test_every_name_has_one_route_or_is_refused(models: dict[str, ModelSettings], asked: str) -> None:
    routes = router(models)
    if asked not in routes.names() and not any(fnmatchcase(asked, name) for name in models.keys() - {*routes.names()}):
        assert refused(routes, asked).code == "model_not_found"
        return
    route = routes.route(asked)
    assert route.name == asked
    assert route == routes.route(asked)
    if asked in routes.names():
        assert route.settings is models[asked]
