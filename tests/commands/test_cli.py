"""The command, run as a process: what it prints, how it ends, and what is left of it. Also the form of its log."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from proxy.commands.main import main
from proxy.commands.translate import translate_command
from proxy.config import Config, ModelSettings, UpstreamSettings
from tests.support.command import Command

CONFIG = """
server: {drain_delay: 0.0}
upstreams:
  example: {base_url: "https://api.example.com/v1/", api_key: sk-hidden, dialect: openai}
  embedded: {kind: local}
models:
  mine: {upstream: example, model: theirs}
  "gpt-*": {upstream: example}
"""
WITH_LOCAL = CONFIG + '  "*": {upstream: embedded}\n'

# Runs the command with stand-ins for what it starts: the application, the embedded server, the translation.
STAND_INS = """
import contextlib, os, sys, threading, types
import msgspec
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
import proxy.local_model.server
from proxy.config import hide_secrets, load_config
from translators.errors import InvalidRequest

def create_app(config, drain):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        if os.environ.get("STAND_IN") == "app fails":
            raise RuntimeError("no store")
        yield
        print("application closed", flush=True)

    async def show(request):
        return PlainTextResponse(msgspec.json.encode(config, enc_hook=hide_secrets))

    async def echo(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})

    return Starlette(routes=[Route("/", show), Mount("/echo", echo)], lifespan=lifespan)

class LocalServer:
    base_url = "http://127.0.0.1:5/v1"

    def __init__(self, settings):
        self.closing = threading.Event()
        if os.environ.get("STAND_IN") == "no extra":
            raise proxy.local_model.server.LocalServerUnavailable("not installed")

    def __enter__(self):
        print("local server starts", flush=True)
        if os.environ.get("STAND_IN") == "slow start":
            self.closing.wait()
            raise proxy.local_model.server.LocalServerUnavailable("ended before it was ready")
        return self

    def __exit__(self, *error):
        self.closing.set()
        print("local server stopped", flush=True)

def translate_command(config, body, model):
    if model == "nowhere":
        raise InvalidRequest("No such model.", param="model", code="model_not_found")
    chat = msgspec.json.encode({"asked": model, "input": msgspec.json.decode(body)["input"]})
    return types.SimpleNamespace(body=chat, notes=["dropped truncation: unknown there"])

app = types.ModuleType("proxy.app")
app.create_app = create_app
sys.modules["proxy.app"] = app
import proxy.commands.translate  # behind the stand-in: what it imports may import the application
proxy.commands.translate.translate_command = translate_command
proxy.local_model.server.LocalServer = LocalServer

if __name__ == "__main__":
    from proxy.commands.main import main
    sys.exit(main())
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "local.yaml").write_text(WITH_LOCAL)
    return Command(tmp_path, ("-m", "proxy"))


@pytest.fixture
def staged(command: Command) -> Command:
    (command.folder / "stand_ins.py").write_text(STAND_INS)
    return command._replace(program=("stand_ins.py",))


def get(port: int) -> tuple[Any, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        answer = connection.getresponse()
        return json.load(answer), {name.lower(): value for name, value in answer.getheaders()}


# ---- check


def test_check_shows_where_each_model_goes(command: Command) -> None:
    status, out, err = command.run("check", "--offline", "--config", "local.yaml")
    table, *dialects, trials = out.split("\n\n")
    assert (status, err) == (0, "")
    assert table == (
        "MODEL  UPSTREAM  BASE URL                    SENT MODEL  DIALECT\n"
        "mine   example   https://api.example.com/v1  theirs      openai\n"
        "gpt-*  example   https://api.example.com/v1  (as asked)  openai\n"
        "*      embedded  (embedded)                  smollm2     llamacpp"
    )
    assert [told.splitlines()[0] for told in dialects] == [
        "mine, gpt-*: dialect openai (upstream setting)",
        "*: dialect llamacpp (kind local)",
    ]
    assert re.search(r'^  max_tokens_field: "max_completion_tokens" +\(preset openai\)$', dialects[0], re.MULTILINE)
    assert trials.startswith("configuration: local.yaml\nupstream embedded: ok: embedded, ")


def test_check_tells_problems_by_line(command: Command) -> None:
    (command.folder / "config.yaml").write_text(
        CONFIG.replace("model: theirs", "modle: theirs") + "  other: {upstream: none}\n"
    )
    assert command.run("check") == (
        2,
        "",
        "config.yaml:7: models.mine.modle: unknown key (did you mean model?)\n"
        "config.yaml:9: models.other.upstream: unknown upstream none (known: embedded, example)\n",
    )


def test_check_takes_the_file_of_the_flag_else_of_the_environment(command: Command) -> None:
    environ = {"DRAGOMAN_CONFIG": "local.yaml"}
    assert "embedded" in command.run("check", "--offline", environ=environ)[1]
    assert "embedded" not in command.run("check", "--offline", "--config", "config.yaml", environ=environ)[1]
    assert command.run("check", "--config", "nowhere.yaml", environ=environ) == (
        2,
        "",
        "nowhere.yaml: cannot be read: No such file or directory\n",
    )


# ---- translate


def test_translate_prints_the_request_indented_and_what_was_lost(staged: Command) -> None:
    status, out, err = staged.run("translate", "--model", "mine", sent='{"input": "é 1e3"}')
    assert (status, out) == (0, '{\n  "asked": "mine",\n  "input": "é 1e3"\n}\n')
    assert err == "dropped truncation: unknown there\n"


def test_translate_prints_errors_as_the_client_would_see_them(staged: Command) -> None:
    status, out, err = staged.run("translate", "--model", "nowhere")
    assert (status, out) == (1, "")
    assert json.loads(err)["error"]["code"] == "model_not_found"
    status, out, err = staged.run("translate", "--config", "nowhere.yaml")
    assert (status, out, err) == (2, "", "nowhere.yaml: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, []),
        ({"conversation": None, "previous_response_id": None}, []),
        ({"conversation": "conv_1"}, ["conversation"]),
        ({"previous_response_id": "resp_1"}, ["previous_response_id"]),
    ],
)
def test_translate_says_which_parts_only_a_store_knows(fields: dict[str, object], named: list[str]) -> None:
    config = Config(
        upstreams={"there": UpstreamSettings(base_url="http://127.0.0.1:1/v1", dialect="generic")},
        models={"*": ModelSettings(upstream="there")},
    )
    body = json.dumps({"model": "mine", "input": "Hi"} | fields).encode()
    notes = [note for note in translate_command(config, body, None).notes if "store of a server" in note]
    assert [note.split("'")[1] for note in notes] == named


# ---- serve: what keeps it from serving


def test_serve_with_a_faulty_configuration(command: Command) -> None:
    status, out, err = command.run("serve", "--port", "99999", environ={"DRAGOMAN_LOG_LEVEL": "loud"})
    assert (status, out) == (2, "")
    assert err == (
        "DRAGOMAN_PORT (or --port): expected int <= 65535\n"
        "DRAGOMAN_LOG_LEVEL (or --log-level): expected one of debug, info, warning, error\n"
    )


def test_serve_on_a_port_in_use(staged: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, out, err = staged.run("serve", "--config", "local.yaml", "--port", port)
    assert (status, out) == (1, "")
    assert err == f"dragoman: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_serve_on_a_host_that_is_none(staged: Command) -> None:
    status, _, err = staged.run("serve", "--config", "local.yaml", "--host", "999.0.0.1", "--port", "0")
    assert status == 1
    assert err.startswith("dragoman: cannot listen on 999.0.0.1:0: ")
    assert err.count("\n") == 1


def test_serve_without_the_embedded_server(staged: Command) -> None:
    arguments = ("serve", "--config", "local.yaml", "--port", "0")
    assert staged.run(*arguments, environ={"STAND_IN": "no extra"}) == (2, "", "dragoman: not installed\n")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_an_application_that_does_not_start(staged: Command, workers: str) -> None:
    arguments = ("serve", "--config", "local.yaml", "--port", "0", "--workers", workers)
    status, out, err = staged.run(*arguments, environ={"STAND_IN": "app fails"})
    assert (status, out) == (1, "local server starts\nlocal server stopped\n")
    assert "no store" in err


# ---- serve: at work


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_until_a_signal(staged: Command, number: signal.Signals, workers: str) -> None:
    arguments = ("serve", "--config", "local.yaml", "--port", "0", "--workers", workers)
    with staged.running(*arguments) as process:
        config, headers = get(process.port())
        process.popen.send_signal(number)
        status, out, err = process.end()
    assert status == 0
    assert out == "application closed\n" * int(workers) + "local server stopped\n"
    assert "Traceback" not in err
    assert not {"server", "date"} & headers.keys()
    assert config["upstreams"]["embedded"]["base_url"] == "http://127.0.0.1:5/v1"
    assert config["upstreams"]["example"]["api_key"] == "***"


def test_flags_win_over_the_environment_and_that_over_the_file(staged: Command) -> None:
    settings = "server: {port: 1, host: 192.0.2.1, log_level: error, max_depth: 9, drain_delay: 0.0}"
    (staged.folder / "config.yaml").write_text(CONFIG.replace("server: {drain_delay: 0.0}", settings))
    environ = {"DRAGOMAN_HOST": "127.0.0.1", "DRAGOMAN_PORT": "2", "DRAGOMAN_LOG_LEVEL": "warning"}
    with staged.running("serve", "--port", "0", "--log-level", "info", environ=environ) as process:
        config, _ = get(process.port())
    shown = {name: config["server"][name] for name in ("host", "port", "log_level", "max_depth")}
    assert shown == {"host": "127.0.0.1", "port": 0, "log_level": "info", "max_depth": 9}


def test_a_request_under_way_is_answered_before_the_end(staged: Command) -> None:
    with staged.running("serve", "--port", "0") as process:
        with socket.create_connection(("127.0.0.1", process.port()), timeout=100) as client:
            client.sendall(b"POST /echo/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            with client.makefile("rb") as answer:
                assert any(line == b"first\r\n" for line in answer)
                process.popen.send_signal(signal.SIGTERM)
                process.wait_for("nothing new is taken", process.popen.stderr)
                client.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
                assert answer.read() == b"6\r\nsecond\r\n0\r\n\r\n"
        assert process.end()[0] == 0


def test_a_signal_while_the_embedded_server_starts(staged: Command) -> None:
    arguments = ("serve", "--config", "local.yaml", "--port", "0")
    with staged.running(*arguments, environ={"STAND_IN": "slow start"}) as process:
        process.wait_for("local server starts", process.popen.stdout)
        process.popen.send_signal(signal.SIGTERM)
        assert process.end() == (0, "local server stopped\n", "")


@pytest.mark.parametrize("store", ["{kind: memory}", "{kind: sqlite}"])
def test_workers_with_a_store_of_their_own_are_warned_of(staged: Command, store: str) -> None:
    """One that is asked for, or that stands in for a file where there is no directory for it."""
    (staged.folder / "memory.yaml").write_text(CONFIG + f"store: {store}\n")
    arguments = ("serve", "--config", "memory.yaml", "--port", "0", "--workers", "2")
    with staged.running(*arguments, environ={"XDG_STATE_HOME": "/dev/null/nowhere"}) as process:
        process.wait_for(r"Z WARNING proxy\.\S+ each worker .* workers=2$", process.popen.stderr)
        process.port()
        process.popen.send_signal(signal.SIGTERM)
        assert process.end()[0] == 0


# ---- the command line


def test_version_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, status in ((["--version"], 0), ([], 2), (["serve", "--port", "x"], 2)):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == status
    assert capsys.readouterr().out.startswith("dragoman ")


def test_main_returns_its_status(capsys: pytest.CaptureFixture[str], command: Command) -> None:
    assert main(["check", "--config", str(command.folder / "config.yaml")]) == 0
    assert "sk-hidden" not in capsys.readouterr().out
