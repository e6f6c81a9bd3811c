"""The configuration: what is read, what is refused and where, and that the shipped file tells the truth."""

from __future__ import annotations

import itertools
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.config import (
    Config,
    ConfigError,
    DocumentSettings,
    ErrorSettings,
    FetchSettings,
    GrammarSettings,
    KeySettings,
    ModelSettings,
    Secret,
    ServerSettings,
    StoreSettings,
    UpstreamSettings,
    builtin_config,
    hide_secrets,
    load_config,
    local_base_urls_value,
    with_base_urls,
)
from proxy.telemetry.log import LineFormatter
from translators.dialects import PRESETS

SHIPPED = Path(__file__).parents[2] / "config.yaml"
MINIMAL = "upstreams: {a: {base_url: 'https://api.example.com/v1'}}\nmodels: {m: {upstream: a}}\n"

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def load(text: str | bytes, environ: Mapping[str, str] | None = None) -> Config:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_config(file, environ or {})


def problems(text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
    """Each problem as it is shown, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(text, environ)
    return [re.sub(r"^.*?(?=config\.yaml)", "", str(problem)) for problem in caught.value.problems]


# ---- the shipped file


def test_the_shipped_file_is_what_runs_without_one() -> None:
    assert load_config(SHIPPED, {}) == builtin_config()


def with_every_setting(text: str) -> Any:
    """The shipped file with each `#name:` line taken as a setting."""
    return yaml.safe_load(re.sub(r"(?m)^( *)#(?=[a-z0-9_]+:)", r"\1", text))


def documented(struct: type[msgspec.Struct]) -> dict[str, Any]:
    document = with_every_setting(SHIPPED.read_text())
    sections: dict[type[msgspec.Struct], list[dict[str, Any]]] = {
        Config: [document],
        ServerSettings: [document["server"]],
        UpstreamSettings: list(document["upstreams"].values()),
        ModelSettings: [document["models"]["*"]],
        KeySettings: list(document["keys"].values()),
        StoreSettings: [document["store"]],
        FetchSettings: [document["fetch"]],
        DocumentSettings: [document["documents"]],
        GrammarSettings: [document["grammars"]],
        ErrorSettings: [document["errors"]],
    }
    return {key: value for section in sections[struct] for key, value in section.items()}


@pytest.mark.parametrize(
    "struct",
    [
        Config,
        ServerSettings,
        KeySettings,
        UpstreamSettings,
        ModelSettings,
        StoreSettings,
        FetchSettings,
        DocumentSettings,
        GrammarSettings,
        ErrorSettings,
    ],
)
def test_the_shipped_file_documents_every_setting(struct: type[msgspec.Struct]) -> None:
    shown = documented(struct)
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    assert shown.keys() == fields.keys()
    # What has no default, or whose default is a section of its own, is shown by an example.
    examples = {"upstream", "base_url", "kind", "server", "keys", "upstreams", "models", "store", "fetch"}
    examples |= {"documents", "grammars", "errors"}
    for name in fields.keys() - examples:
        default = struct(upstream="a") if struct is ModelSettings else struct()
        value = getattr(default, name)
        assert shown[name] == (list(value) if isinstance(value, tuple) else value), name


def test_every_setting_of_the_shipped_file_has_a_comment() -> None:
    lines = SHIPPED.read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r" *#[a-z0-9_]+: ", line):
            assert re.match(r" *# \S", before), line


# ---- C1: round trip, and unknown keys by name

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
TOKEN = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-_"), min_size=1, max_size=8).map("x-".__add__)
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12).map(Secret)
SECONDS = st.floats(min_value=0.001, max_value=86_400)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
PARAMETER = TEXT.filter(lambda name: name not in ("messages", "model", "stream"))
DEFAULTS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "max_output_tokens": st.integers(16, 10_000),
        "instructions": TEXT,
        "metadata": st.dictionaries(TEXT, TEXT, max_size=2),
        "reasoning": st.just({"effort": "low"}),
    },
)
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "dialect": st.sampled_from(["auto", *PRESETS]),
    "return_headers": st.lists(TOKEN, max_size=3).map(tuple),
    "transport": st.sampled_from(["native", "httpx"]),
    "connect_timeout": SECONDS,
    "first_byte_timeout": SECONDS,
    "read_timeout": SECONDS,
}
CHAT = st.builds(
    UpstreamSettings,
    base_url=st.sampled_from(["https://api.example.com/v1", "http://127.0.0.1:8000", "http://[::1]:1/a"]),
    api_key=st.none() | VISIBLE,
    headers=st.dictionaries(TOKEN, VISIBLE, max_size=3),
    forward_headers=st.lists(TOKEN, max_size=3).map(tuple),
    ca_file=st.sampled_from([None, __file__]),
    **COMMON,
)
OPEN = st.builds(
    UpstreamSettings, base_url=st.just("http://h/v1"), pass_client_key=st.booleans(), verify_tls=st.booleans()
)
LOCAL = st.builds(
    UpstreamSettings,
    kind=st.just("local"),
    model_path=st.sampled_from([None, __file__]),
    context_size=st.integers(256, 10**6),
    threads=st.integers(1, 64),
    **COMMON,
)
SERVER = st.builds(
    ServerSettings,
    host=NAME,
    port=st.integers(0, 65_535),
    workers=st.integers(1, 64),
    api_keys=st.lists(VISIBLE, max_size=3).map(tuple),
    log_level=st.sampled_from(["debug", "info", "warning", "error"]),
    max_body_bytes=st.integers(1, 2**40),
    max_depth=st.integers(1, 900),
    keep_alive_seconds=st.floats(0, 3600),
)
KEYS = st.dictionaries(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True),
    st.builds(
        KeySettings,
        sha256=st.integers(0, 2**256 - 1).map(lambda number: (f"{number:064x}",)),
        models=st.none() | st.lists(NAME, max_size=2).map(tuple),
    ),
    max_size=1,
)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    upstreams = draw(st.dictionaries(NAME, CHAT | OPEN | LOCAL, min_size=1, max_size=3))
    model = st.builds(
        ModelSettings,
        upstream=st.sampled_from(sorted(upstreams)),
        model=st.none() | NAME,
        defaults=DEFAULTS,
        extra_body=st.dictionaries(PARAMETER, JSON, max_size=3),
        drop_params=st.lists(PARAMETER, max_size=3).map(tuple),
        on_unsupported=st.sampled_from([None, "report", "refuse"]),
    )
    server, keys = draw(SERVER), draw(KEYS)
    if any(upstream.pass_client_key for upstream in upstreams.values()):  # refused beside keys
        server, keys = msgspec.structs.replace(server, api_keys=()), {}
    return Config(
        server=server,
        keys=keys,
        upstreams=upstreams,
        models=draw(st.dictionaries(NAME, model, min_size=1, max_size=3)),
        on_unsupported=draw(st.sampled_from(["report", "refuse"])),
    )


def reveal(value: object) -> str:
    assert isinstance(value, Secret)
    return value.reveal()


def without_dollars(value: Any) -> Any:
    """Every string value so written that it stands for itself."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: without_dollars(inner) for key, inner in value.items()}
    return [without_dollars(inner) for inner in value] if isinstance(value, list | tuple) else value


def to_document(config: Config) -> Any:
    return without_dollars(msgspec.to_builtins(config, enc_hook=reveal, builtin_types=()))


@unhurried
@given(config=configs(), flow=st.booleans())
def test_round_trip(config: Config, flow: bool) -> None:
    assert load(yaml.safe_dump(to_document(config), default_flow_style=flow)) == config


def tables(document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every mapping of the document whose keys are settings, not names of the operator's choice."""
    free = {"headers", "defaults", "extra_body", "codes"}
    if isinstance(document, dict) and not free & set(path):
        if path not in (("upstreams",), ("models",), ("keys",)):
            yield path, document
        for key, value in document.items():
            yield from tables(value, (*path, key))


@unhurried
@given(config=configs(), key=TOKEN, choice=st.integers(0, 10))
def test_an_unknown_key_is_named(config: Config, key: str, choice: int) -> None:
    document = to_document(config)
    places = list(tables(document))
    _, table = places[choice % len(places)]
    table[key] = 1
    text = yaml.safe_dump(document)
    (problem,) = problems(text)
    assert f"{key}: unknown key" in problem
    line = int(problem.split(":")[1])
    assert f"{key}: 1" in text.splitlines()[line - 1]


def test_an_unknown_key_brings_the_nearest_known_one() -> None:
    text = "upstreams:\n  example:\n    base_ulr: https://api.example.com/v1\nmodels: {m: {upstream: example}}\n"
    assert problems(text) == ["config.yaml:3: upstreams.example.base_ulr: unknown key (did you mean base_url?)"]


# ---- what is refused, and where


def upstream(settings: str) -> str:
    return f"upstreams:\n  a:\n    base_url: http://h/v1\n    {settings}\nmodels: {{m: {{upstream: a}}}}\n"


def local(settings: str) -> str:
    return f"upstreams:\n  a:\n    kind: local\n    {settings}\nmodels: {{m: {{upstream: a}}}}\n"


def model(settings: str) -> str:
    return f"upstreams: {{a: {{kind: local}}}}\nmodels:\n  m:\n    upstream: a\n    {settings}\n"


REFUSED = [
    ("", "config.yaml: the file is empty: it needs `upstreams` and `models`"),
    ("# nothing\n", "config.yaml: the file is empty: it needs `upstreams` and `models`"),
    ("- a\n", "config.yaml:1: expected a mapping of settings, got a list"),
    ("a\n", "config.yaml:1: expected a mapping of settings, got text"),
    ("server: {port: 1}\n", "config.yaml:1: models: names no model: at least one is needed"),
    ("models:\n", "config.yaml:1: models: names no model: at least one is needed"),
    ("a: 1\n  b: 2\n", "config.yaml:2: YAML syntax: mapping values are not allowed here"),
    ("models:\n  *: {}\n", "config.yaml:2: YAML syntax: while scanning an alias expected alphabetic or numeric"),
    ("models: {}\n---\nmodels: {}\n", "config.yaml:2: YAML syntax: expected a single document in the stream"),
    (b"models: \xff\n", "config.yaml: not readable as YAML text: "),
    (b"models: \x00\n", "config.yaml: not readable as YAML text: "),
    ("[" * 2000, "config.yaml: too large or too deeply nested"),
    (MINIMAL + "models: {}\n", "config.yaml:3: models: repeats the key of line 2"),
    (MINIMAL + "? [a]\n: 1\n", "config.yaml:1: a key must be plain text"),
    (MINIMAL + "server: {port: '8080'}\n", "config.yaml:3: server.port: expected int, got str"),
    (MINIMAL + "server: {port: 99999}\n", "config.yaml:3: server.port: expected int <= 65535"),
    (MINIMAL + "server: {port: yes}\n", "config.yaml:3: server.port: expected int, got bool"),
    (MINIMAL + "server: {port: }\n", "config.yaml:3: server.port: expected int, got null"),
    (MINIMAL + "server: {host: ''}\n", "config.yaml:3: server.host: expected str of length >= 1"),
    (MINIMAL + "server: [1]\n", "config.yaml:3: server: expected a mapping of settings, got a list"),
    (MINIMAL + "server: 5\n", "config.yaml:3: server: expected a mapping of settings, got a number"),
    (MINIMAL + "server: true\n", "config.yaml:3: server: expected a mapping of settings, got true or false"),
    (MINIMAL + "server: {api_keys: k}\n", "config.yaml:3: server.api_keys: expected a list, got text"),
    (MINIMAL + "server: {api_keys: {k: 1}}\n", "config.yaml:3: server.api_keys: expected a list, got a mapping"),
    (
        MINIMAL + "server:\n  api_keys:\n  - good\n  - 12345\n",
        "config.yaml:6: server.api_keys[1]: expected str, got int; put it in quotes",
    ),
    (MINIMAL + "server: {api_keys: ['']}\n", "config.yaml:3: server.api_keys[0]: must be one or more visible"),
    (MINIMAL + "server: {keep_alive_seconds: .nan}\n", "config.yaml:3: server.keep_alive_seconds: must be a finite"),
    (MINIMAL + "server: {log_level: loud}\n", "config.yaml:3: server.log_level: expected one of debug, info, warning"),
    (MINIMAL + "server: {log_level: !!int x}\n", "config.yaml:3: server.log_level: is not written as its YAML tag"),
    (MINIMAL + "server: {log_level: !x info}\n", "config.yaml:3: server.log_level: YAML tags other than"),
    (MINIMAL + "server: !x {}\n", "config.yaml:3: server: YAML tags other than"),
    (MINIMAL + "server: {<<: 5}\n", "config.yaml:3: server: `<<` takes a mapping or a list of mappings"),
    (MINIMAL + "store: {kind: tape}\n", "config.yaml:3: store.kind: expected one of sqlite, memory, postgres"),
    (MINIMAL + "on_unsupported: hide\n", "config.yaml:3: on_unsupported: expected one of report, refuse"),
    ("upstreams: {a: }\nmodels: {m: {upstream: a}}\n", "config.yaml:1: upstreams.a.base_url: is required"),
    ("upstreams: {a: 5}\nmodels: {m: {upstream: a}}\n", "config.yaml:1: upstreams.a: expected a mapping of settings"),
    (upstream("base_url: http://h/"), "config.yaml:4: upstreams.a.base_url: repeats the key of line 3"),
    (upstream("api_key: ' k'"), "config.yaml:4: upstreams.a.api_key: must be one or more visible"),
    (upstream("api_key: k\n    pass_client_key: true"), "config.yaml:5: upstreams.a.pass_client_key: excludes api_key"),
    (upstream("headers: {Authorization: x}\n    api_key: k"), "config.yaml:4: upstreams.a.headers.authorization: excl"),
    (upstream("headers: {Content-Length: '1'}"), "config.yaml:4: upstreams.a.headers.Content-Length: content-length"),
    (upstream("headers: {a b: '1'}"), 'config.yaml:4: upstreams.a.headers."a b": must be the name of an HTTP header'),
    (upstream('headers: {a: "x\\ny: z"}'), "config.yaml:4: upstreams.a.headers.a: must be visible ASCII text"),
    (upstream("headers: {X-A: x, x-a: y}"), "config.yaml:4: upstreams.a.headers.x-a: differs from a key before it"),
    (upstream("forward_headers: [x-a, Authorization]"), "config.yaml:4: upstreams.a.forward_headers[1]: authorization"),
    (upstream("return_headers: [Set-Cookie]"), "config.yaml:4: upstreams.a.return_headers[0]: set-cookie cannot"),
    (upstream("dialect: opnai"), "config.yaml:4: upstreams.a.dialect: unknown dialect opnai (did you mean openai?)"),
    (upstream("transport: pigeon"), "config.yaml:4: upstreams.a.transport: expected one of native, httpx"),
    (upstream("read_timeout: 0"), "config.yaml:4: upstreams.a.read_timeout: expected float > 0.0"),
    (upstream("read_timeout: .inf"), "config.yaml:4: upstreams.a.read_timeout: must be a finite number"),
    (upstream("ca_file: nowhere.pem"), "config.yaml:4: upstreams.a.ca_file: no such file"),
    (upstream(f"ca_file: {__file__}\n    verify_tls: false"), "config.yaml:4: upstreams.a.ca_file: is never read"),
    (upstream("context_size: 4096"), "config.yaml:4: upstreams.a.context_size: has a meaning for `kind: local` only"),
    (local("base_url: http://h/v1"), "config.yaml:4: upstreams.a.base_url: has a meaning for `kind: chat` only"),
    (local("headers: {x: y}"), "config.yaml:4: upstreams.a.headers: has a meaning for `kind: chat` only"),
    (local("model_path: nowhere.gguf"), "config.yaml:4: upstreams.a.model_path: no such file"),
    (model("model: ''"), "config.yaml:5: models.m.model: expected str of length >= 1"),
    (model("defaults: 1"), "config.yaml:5: models.m.defaults: expected a mapping"),
    (model("defaults: {a: [.nan]}"), "config.yaml:5: models.m.defaults.a[0]: must be a finite number"),
    (model("extra_body: &x {a: *x}"), "config.yaml:5: models.m.extra_body.a: an alias to a value that it is itself"),
    (model('model: "\\ud800"'), "config.yaml:5: models.m.model: must be Unicode text"),
    (model('extra_body: {"\\ud800": 1}'), "config.yaml:5: models.m.extra_body: a key must be plain text"),
    (model("defaults: {temprature: 1}"), "config.yaml:5: models.m.defaults.temprature: 'temprature' is no parameter"),
    (model("defaults:\n      reasoning:\n        effort: 5"), "config.yaml:7: models.m.defaults.reasoning.effort: "),
    (model("extra_body: {model: a}"), "config.yaml:5: models.m.extra_body.model: cannot be set here"),
    (model("drop_params: [a, messages]"), "config.yaml:5: models.m.drop_params[1]: messages cannot be left out"),
    (model("drop_params: [a, 1]"), "config.yaml:5: models.m.drop_params[1]: expected str, got int"),
    (
        "upstreams: {a: {kind: local}}\nmodels:\n  gpt-4.1: {upstream: b}\n",
        'config.yaml:3: models."gpt-4.1".upstream: unknown upstream b (known: a)',
    ),
    ("models:\n  m: {upstream: b}\n", "config.yaml:2: models.m.upstream: unknown upstream b (known: none)"),
    ("upstreams: {a: {kind: local}}\nmodels: {m: {}}\n", "config.yaml:2: models.m.upstream: is required"),
    ("upstreams: {a: {kind: local}}\nmodels: {'': {upstream: a}}\n", 'config.yaml:2: models."": expected str of'),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_refused(text: str | bytes, expected: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://h/", "must be an http:// or https:// address"),
        ("h/v1", "must be an http:// or https:// address"),
        ("http://", "must be an http:// or https:// address"),
        ("http://h:99999/", "must have a port from 1 to 65535"),
        ("http://h:0/", "must have a port from 1 to 65535"),
        ("http://user:pass/word@h/", "must have a port from 1 to 65535"),
        ("http://[word/", "must be an http:// or https:// address"),
        ("http://user:word@h/", "must not hold credentials"),
        ("http://h/v1?key=word", "must not have a query"),
        ("http://h/v1#word", "must not have a query or a fragment"),
        ("http://h/v1/chat/completions", "must end before /chat/completions"),
        ("http://h/ v1", "must be an address in visible ASCII"),
        ("", "must be an address in visible ASCII"),
    ],
)
def test_base_url_refused_and_not_repeated(url: str, expected: str) -> None:
    (problem,) = problems(f"upstreams: {{a: {{base_url: '{url}'}}}}\nmodels: {{m: {{upstream: a}}}}\n")
    assert problem.startswith(f"config.yaml:1: upstreams.a.base_url: {expected}")
    assert "word" not in problem


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems(
        "server:\n"
        "  prot: 1\n"
        "  port: 99999\n"
        "upstreams:\n"
        "  a: {kind: local, threads: 0}\n"
        "  b: {dialect: nonsense}\n"
        "models:\n"
        "  m: {upstream: c, drop_params: 5}\n"
        "  n: {upstream: a, model: '${NOT_SET}'}\n",
        {"DRAGOMAN_WORKERS": "none"},
    )
    assert [problem.split(": ")[:2] for problem in found] == [
        ["DRAGOMAN_WORKERS (or --workers)", "expected int, got str"],
        ["config.yaml:2", "server.prot"],
        ["config.yaml:3", "server.port"],
        ["config.yaml:5", "upstreams.a.threads"],
        ["config.yaml:6", "upstreams.b.base_url"],
        ["config.yaml:6", "upstreams.b.dialect"],
        ["config.yaml:8", "models.m.drop_params"],
        ["config.yaml:8", "models.m.upstream"],
        ["config.yaml:9", "models.n.model"],
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "nowhere.yaml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})


@pytest.mark.parametrize("entry", ["[{0}, {0}, {0}]", "{{<<: [{0}, {0}, {0}]}}"])
def test_a_few_lines_cannot_stand_for_billions(entry: str) -> None:
    lines = ["a0: &a0 {x: 1}"] + [f"a{i}: &a{i} {entry.format(f'*a{i - 1}')}" for i in range(1, 60)]
    (problem,) = problems("\n".join(lines))
    assert problem == "config.yaml: too large or too deeply nested for a configuration"


def test_merge_keys_that_turn_in_a_circle() -> None:
    (problem,) = problems("a: &a {<<: &b {<<: *a}}\n")
    assert problem == "config.yaml: too large or too deeply nested for a configuration"


@unhurried
@given(
    text=st.binary(max_size=60) | st.text(st.sampled_from("ab:-{}[]*&!<|>$'\"\n ,#?0.~"), max_size=40).map(str.encode)
)
def test_any_bytes_give_a_configuration_or_its_problems(text: bytes) -> None:
    assert all(problem.startswith("config.yaml") for problem in problems(text))


@unhurried
@given(document=st.dictionaries(st.sampled_from(["server", "upstreams", "models", "store", "on_unsupported"]), JSON))
def test_any_document_gives_a_configuration_or_its_problems(document: dict[str, Any]) -> None:
    assert problems(yaml.safe_dump(document))


# ---- what is accepted


def test_defaults_of_a_minimal_file() -> None:
    assert load(MINIMAL) == Config(
        upstreams={"a": UpstreamSettings(base_url="https://api.example.com/v1")},
        models={"m": ModelSettings(upstream="a")},
    )


def test_sections_with_nothing_in_them_are_at_their_defaults() -> None:
    text = MINIMAL + "server:\nstore:\n"
    assert load(text) == load(MINIMAL)
    assert load(upstream("headers:\n    forward_headers:\n")).upstreams["a"].forward_headers == ()


def test_spellings_that_are_made_one() -> None:
    parsed = load(upstream("headers: {X-A: b}\n    forward_headers: [X-C]\n    return_headers: [X-D]")).upstreams["a"]
    assert parsed.headers == {"x-a": Secret("b")}
    assert (parsed.forward_headers, parsed.return_headers) == (("x-c",), ("x-d",))
    assert load(MINIMAL.replace("/v1", "/v1//")).upstreams["a"].base_url == "https://api.example.com/v1"


def test_names_are_text_however_yaml_reads_them() -> None:
    config = load(
        "upstreams: {1: {kind: local}}\nmodels: {no: {upstream: '1'}, 2024-08-06: {upstream: '1'}, ~: {upstream: '1'}}"
    )
    assert list(config.models) == ["no", "2024-08-06", "~"]


def test_a_date_is_text() -> None:
    assert load(model("model: 2024-08-06")).models["m"].model == "2024-08-06"


def test_merge_keys() -> None:
    config = load(
        "upstreams:\n"
        "  a: &a {base_url: 'http://a/v1', read_timeout: 5, connect_timeout: 1}\n"
        "  b: {<<: *a, base_url: 'http://b/v1'}\n"
        "  c: {<<: [{read_timeout: 7}, *a]}\n"
        "models: {m: {upstream: b}}\n"
    )
    assert config.upstreams["b"] == UpstreamSettings(base_url="http://b/v1", read_timeout=5, connect_timeout=1)
    assert config.upstreams["c"] == UpstreamSettings(base_url="http://a/v1", read_timeout=7, connect_timeout=1)


# ---- the environment


def test_variables_in_values() -> None:
    config = load(
        upstream("api_key: ${KEY}\n    headers: {x-a: 'a ${B:-c} $$ $D ${E:-}-'}\n    read_timeout: ${WAIT:-7}"),
        {"KEY": "sk-1", "B": "", "E": "e"},
    )
    parsed = config.upstreams["a"]
    assert parsed.api_key == Secret("sk-1")
    assert parsed.headers == {"x-a": Secret("a c $ $D e-")}
    assert parsed.read_timeout == 7.0


def test_variables_are_not_read_in_keys_and_not_twice() -> None:
    config = load(model("extra_body: {'${A}': '${A}'}"), {"A": "${B}"})
    assert config.models["m"].extra_body == {"${A}": "${B}"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${NO_A} ${NO_B} ${NO_A}", "environment variable NO_A, NO_B is not set"),
        ("${}", "`${` must begin `${NAME}`"),
        ("${NO_A", "`${` must begin `${NAME}`"),
        ("${1A}", "`${` must begin `${NAME}`"),
        ("${NO_A:-${NO_B}}", "`${` must begin `${NAME}`"),
    ],
)
def test_variables_that_cannot_be_filled_in(value: str, expected: str) -> None:
    (problem,) = problems(upstream(f"dialect: '{value}'"))
    assert problem.startswith(f"config.yaml:4: upstreams.a.dialect: {expected}")


def test_the_environment_wins_over_the_file() -> None:
    environ = {
        "DRAGOMAN_HOST": "0.0.0.0",
        "DRAGOMAN_PORT": "9",
        "DRAGOMAN_LOG_LEVEL": "debug",
        "DRAGOMAN_WORKERS": "3",
    }
    config = load(MINIMAL + "server: {port: 1, max_depth: 7}\n", environ)
    assert config.server == ServerSettings(host="0.0.0.0", port=9, log_level="debug", workers=3, max_depth=7)
    assert load(MINIMAL, dict.fromkeys(environ, "")) == load(MINIMAL)


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(None, {}) == builtin_config()
    Path("config.yaml").write_text(MINIMAL)
    assert load_config(None, {}) == load(MINIMAL)
    Path("other.yaml").write_text(MINIMAL + "on_unsupported: refuse\n")
    assert load_config(None, {"DRAGOMAN_CONFIG": "other.yaml"}).on_unsupported == "refuse"
    assert load_config(Path("config.yaml"), {"DRAGOMAN_CONFIG": "other.yaml"}).on_unsupported == "report"


def test_the_addresses_of_local_servers() -> None:
    base_urls = {"a": "http://127.0.0.1:5/v1"}
    moved = load(local("threads: 2"), {"DRAGOMAN_LOCAL_BASE_URLS": local_base_urls_value(base_urls)})
    assert moved == with_base_urls(load(local("threads: 2")), base_urls)
    assert moved.upstreams["a"] == UpstreamSettings(kind="local", threads=2, base_url=base_urls["a"])
    (problem,) = problems(local("threads: 2"), {"DRAGOMAN_LOCAL_BASE_URLS": "[1]"})
    assert problem.startswith("DRAGOMAN_LOCAL_BASE_URLS: ")


# ---- secrets


def test_secrets_do_not_show() -> None:
    text = upstream("api_key: ${KEY}\n    headers: {x-a: '${KEY}'}") + "server: {api_keys: ['${KEY}']}\n"
    config = load(text, {"KEY": "sk-hidden"})
    assert config.server.api_keys == (Secret("sk-hidden"),)
    assert config.upstreams["a"].api_key != Secret("other")
    shown = [repr(config), str(config), msgspec.json.encode(config, enc_hook=hide_secrets).decode()]
    record = logging.makeLogRecord({"msg": "%s", "args": (config,), "name": "proxy", "settings": config})
    for view in [*shown, LineFormatter().format(record)]:
        assert "***" in view
        assert "sk-hidden" not in view
    with pytest.raises(TypeError):
        msgspec.json.encode(config)
    with pytest.raises(NotImplementedError):
        hide_secrets(object())


@pytest.mark.parametrize("key", ["", "sk-hidden\n", " sk-hidden", "ské-hidden"])
def test_a_faulty_secret_is_not_repeated(key: str) -> None:
    text = upstream("api_key: ${KEY}\n    headers: {x-a: '${KEY}'}") + "server: {api_keys: ['${KEY}']}\n"
    found = problems(text, {"KEY": key})
    assert len(found) == 3
    assert "hidden" not in "".join(found)


@pytest.mark.parametrize("value", ["*hidden-key", "!hidden-key", "{sk-hidden: 1}", "[sk-hidden]", "!hidden!key x"])
def test_an_unquoted_secret_is_not_repeated(value: str) -> None:
    assert "hidden-key" not in "".join(problems(upstream(f"api_key: {value}")))


def test_every_setting_that_may_hold_a_key_is_secret() -> None:
    fields = [*msgspec.structs.fields(ServerSettings), *msgspec.structs.fields(UpstreamSettings)]
    types = {field.name: repr(field.type) for field in fields}
    assert all("Secret" in types[name] for name in ("api_keys", "api_key", "headers"))
