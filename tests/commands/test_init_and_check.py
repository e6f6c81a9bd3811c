"""`dragoman init` and what `dragoman check` tries, warns of and prints as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from proxy.config import ConfigError, load_config
from tests.commands.conftest import LIST, BackendThread
from tests.support.chat_backend import json_answer
from tests.support.command import Command

NOWHERE = "http://127.0.0.1:9/v1"


def test_init_writes_what_check_and_serve_take(command: Command, backend: BackendThread) -> None:
    backend.backend.serve("/v1/models", json_answer(LIST))
    status, out, err = command.run("init", "--upstream", backend.base_url, "--model", "small")
    assert (status, err) == (0, "")
    assert out.startswith("config.yaml is written.\n\nMODEL")
    assert "upstream backend: ok: answers, 2 models\n" in out
    assert out.endswith("\nNow: dragoman serve\n")
    config = load_config(command.folder / "config.yaml", {})
    assert config.upstreams["backend"].base_url == backend.base_url
    assert list(config.models) == ["small", "*"]


def test_init_finds_the_base_that_lists_models(command: Command, backend: BackendThread) -> None:
    backend.backend.serve("/v1/models", json_answer(LIST))
    address = backend.base_url.removesuffix("/v1")
    assert command.run("init", "--upstream", f"{address}/")[0] == 0
    assert load_config(command.folder / "config.yaml", {}).upstreams["backend"].base_url == backend.base_url


def test_init_writes_no_key_but_its_variable(command: Command) -> None:
    arguments = ("init", "--offline", "--upstream", "https://api.deepseek.com/v1", "--output", "mine.yaml")
    status, out, err = command.run(*arguments, environ={"DEEPSEEK_API_KEY": "sk-planted-secret"})
    assert (status, err) == (0, "")
    assert out.endswith("Now: dragoman serve --config mine.yaml\n")
    text = (command.folder / "mine.yaml").read_text()
    assert "sk-planted-secret" not in text + out
    config = load_config(command.folder / "mine.yaml", {"DEEPSEEK_API_KEY": "sk-1"})
    assert config.upstreams["deepseek"].api_key is not None
    with pytest.raises(ConfigError, match="DEEPSEEK_API_KEY is not set"):
        load_config(command.folder / "mine.yaml", {})


def test_init_harms_no_file_and_asks_nobody_without_a_terminal(command: Command) -> None:
    (command.folder / "config.yaml").write_text("precious")
    status, _, err = command.run("init", "--upstream", NOWHERE)
    assert (status, err) == (
        1,
        "dragoman: config.yaml is there already: --force writes over it, --output names another\n",
    )
    assert (command.folder / "config.yaml").read_text() == "precious"
    assert command.run("init", "--output", "other.yaml") == (
        2,
        "",
        "dragoman: --upstream: is needed where nobody can be asked\n",
    )
    status, _, err = command.run("init", "--upstream", "ftp://x", "--output", "other.yaml")
    assert (status, err) == (2, "dragoman: --upstream: must be an http:// or https:// address\n")
    status, _, err = command.run("init", "--offline", "--upstream", NOWHERE, "--output", "no/such/folder.yaml")
    assert (status, err) == (1, "dragoman: cannot write no/such/folder.yaml: No such file or directory\n")


def test_check_warns_of_what_is_probably_not_meant(command: Command) -> None:
    (command.folder / "config.yaml").write_text(
        f"""
upstreams:
  used: {{base_url: "{NOWHERE}"}}
  idle: {{base_url: "{NOWHERE}"}}
models:
  m: {{upstream: used, drop_params: [tempature, top_k], extra_body: {{top_k: 1}}}}
  "gpt-.*": {{upstream: used}}
  "gpt-[": {{upstream: used}}
  "gpt-[45]*": {{upstream: used}}
  "claude-3.5-*": {{upstream: used}}
"""
    )
    environ = {"DRAGOMAN_PROT": "1", "DRAGOMAN_PORT": "tcp://10.0.0.1:80", "DRAGOMAN_SERVICE_HOST": "10.0.0.1"}
    status, _, err = command.run("check", "--offline", environ=environ)
    assert status == 0
    link = "is Kubernetes' own, of a Service with this name, and not used: set enableServiceLinks to false"
    assert err.splitlines() == [
        f"warning: DRAGOMAN_PORT: {link}",
        "warning: DRAGOMAN_PROT: is no setting (did you mean DRAGOMAN_PORT?)",
        "warning: config.yaml:4: upstreams.idle: is used by no model",
        "warning: config.yaml:6: models.m.drop_params[0]: tempature is never sent (did you mean temperature?)",
        'warning: config.yaml:7: models."gpt-.*": is a pattern of * ? [abc], not a regular expression '
        "(did you mean gpt-*?)",
        'warning: config.yaml:8: models."gpt-[": has a [ without its ], which stands for itself',
    ]


def test_a_variable_that_the_file_names_is_meant(command: Command) -> None:
    text = (
        f"upstreams: {{a: {{base_url: '{NOWHERE}', api_key: '${{DRAGOMAN_MINE}}'}}}}\nmodels: {{m: {{upstream: a}}}}\n"
    )
    (command.folder / "config.yaml").write_text(text)
    assert command.run("check", "--offline", environ={"DRAGOMAN_MINE": "sk-1"})[2] == ""


def test_check_tells_upstreams_that_will_not_serve(command: Command, backend: BackendThread) -> None:
    backend.backend.serve("/v1/models", json_answer(LIST))
    (command.folder / "config.yaml").write_text(
        f"""
upstreams:
  there: {{base_url: "{backend.base_url}"}}
  gone: {{base_url: "{NOWHERE}"}}
  halfway: {{base_url: "{backend.base_url.removesuffix("/v1")}"}}
models:
  small: {{upstream: there}}
  medium: {{upstream: there}}
  other: {{upstream: gone}}
  "*": {{upstream: halfway}}
"""
    )
    status, out, err = command.run("check")
    assert (status, err) == (0, "")
    assert "upstream there: warning: does not list medium, but small, large\n" in out
    assert "upstream gone: warning: The upstream 'gone' at 127.0.0.1:9" in out
    assert "upstream halfway: warning: The upstream 'halfway' answered 404 to GET /models." in out


def test_check_fails_where_serve_could_not_start(command: Command) -> None:
    (command.folder / "plain").write_text("a file")
    text = (
        "store: {data_dir: plain/data}\nupstreams: {a: {base_url: 'http://127.0.0.1:9'}}\nmodels: {m: {upstream: a}}\n"
    )
    (command.folder / "config.yaml").write_text(text)
    status, out, _ = command.run("check", "--offline")
    assert status == 1
    plain = command.folder / "plain"
    assert f"store: failed: {plain} cannot be written: give it to the user that serves, or name another" in out


def test_check_makes_nothing(command: Command) -> None:
    text = "store: {data_dir: new/data}\nupstreams: {a: {base_url: 'http://127.0.0.1:9'}}\nmodels: {m: {upstream: a}}\n"
    (command.folder / "config.yaml").write_text(text)
    status, out, _ = command.run("check", "--offline")
    assert status == 0
    assert "store: ok: new/data (will be made)" in out
    assert os.listdir(command.folder) == ["config.yaml"]


def test_check_as_json(command: Command) -> None:
    text = f"upstreams: {{a: {{base_url: '{NOWHERE}', dialect: vllm}}}}\nmodels: {{m: {{upstream: a, model: n}}}}\n"
    (command.folder / "config.yaml").write_text(text)
    status, out, err = command.run("check", "--json", "--offline")
    told = json.loads(out)
    assert (status, err, told["ok"], told["file"], told["problems"]) == (0, "", True, "config.yaml", [])
    (model,) = told["models"]
    assert model.pop("facts")
    assert model == {"name": "m", "upstream": "a", "base_url": NOWHERE, "sent_model": "n", "dialect": "vllm"}
    assert [trial["outcome"] for trial in told["trials"]] == ["ok"]
    (command.folder / "config.yaml").write_text(text + "modles: {}\n")
    status, out, err = command.run("check", "--json")
    assert (status, err) == (2, "")
    assert json.loads(out)["problems"] == [
        {"message": "unknown key (did you mean models?)", "key": "modles", "file": "config.yaml", "line": 3}
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(command: Command, shell: str) -> None:
    status, out, err = command.run("completion", shell)
    assert (status, err) == (0, "")
    assert all(word in out for word in ("serve", "check", "codex-config", "log-level"))


def test_the_files_of_the_example_are_not_in_the_way(tmp_path: Path) -> None:
    """An address on the command line takes the place of the file's upstreams, and of nothing else in it."""
    (tmp_path / "config.yaml").write_text(
        "server: {port: 1234}\nupstreams: {a: {base_url: 'https://a.example/v1'}}\nmodels: {m: {upstream: a}}\n"
    )
    environ = {"DRAGOMAN_UPSTREAM": "http://h/v1/", "DRAGOMAN_UPSTREAM_MODEL": "n", "DRAGOMAN_UPSTREAM_KEY": "sk-1"}
    config = load_config(tmp_path / "config.yaml", environ)
    assert config.server.port == 1234
    assert [(name, upstream.base_url) for name, upstream in config.upstreams.items()] == [("upstream", "http://h/v1")]
    assert {name: model.model for name, model in config.models.items()} == {"n": None, "*": "n"}
    with pytest.raises(
        ConfigError, match=r"DRAGOMAN_UPSTREAM \(or --upstream\): must be an http:// or https:// address"
    ):
        load_config(tmp_path / "config.yaml", {"DRAGOMAN_UPSTREAM": "h:1"})
