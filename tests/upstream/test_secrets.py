"""Secrets planted in a configuration and in requests, and an upstream that repeats them in every text it can."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import pickle
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.callers import Caller
from proxy.commands.main import main
from proxy.config import ConfigError
from proxy.exchange.exchange import Asked
from proxy.exchange.stages import Asker
from proxy.state.history import NO_HISTORY
from proxy.telemetry.log import LineFormatter, LineHandler
from proxy.upstream.redaction import HIDDEN, Redactor
from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.live import LiveProxy
from tests.support.live import config_for as live_config
from tests.support.running import config_for, read_config, running
from tests.support.translation import Run
from translators.answering.turns import NEVER_AGAIN
from translators.errors import redacted
from translators.recovery.upstream_errors import read_error
from translators.schema.responses import ResponsesRequest

Json = dict[str, Any]
UPSTREAM_KEY, HEADER_KEY = "sk-up/0123+456789", "gw-header-98765"
CLIENT_KEY, OWN_KEY = "client-own-key-1", "dm-caller-2468"
CONTENT = {"role": "assistant", "content": "hi"}
CHUNK = {"choices": [{"index": 0, "delta": CONTENT, "finish_reason": None}]}
secrets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=12, max_size=40)


def _forms(secret: str) -> list[str]:
    masked = [f"{secret[:6]}***{secret[-4:]}", f"{secret[:4]}...{secret[-3:]}"]
    return [secret, quote(secret, safe=""), f"Bearer {secret}", *masked]


@given(secrets, st.text(max_size=20), st.text(max_size=20))
def test_no_form_of_a_secret_stays(secret: str, before: str, behind: str) -> None:
    hide = Redactor([secret])
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
        shown = hide(f"{before} {form} {behind}")
        assert HIDDEN in shown
        assert secret not in shown.replace(before, "").replace(behind, "")


@pytest.mark.parametrize("form", [*_forms(UPSTREAM_KEY)[3:], "sk-up/01******6789", "sk-u…89", "sk-up/xxxxxxx6789"])
def test_what_a_server_left_of_a_key_goes_too(form: str) -> None:
    assert Redactor([UPSTREAM_KEY])(f"Incorrect API key provided: {form}. See docs.").startswith(
        f"Incorrect API key provided: {HIDDEN}"
    )


@pytest.mark.parametrize("before", [0, 10, 48, 55, 63, 240, 250, 255, 990, 3990, 3999])
def test_no_cut_leaves_half_of_a_secret(before: int) -> None:
    texts = {"message": "m" * before + UPSTREAM_KEY, "code": "c" * before + UPSTREAM_KEY, "param": "p" * before}
    error = read_error(400, json.dumps({"error": texts | {"param": texts["param"] + UPSTREAM_KEY}}).encode())
    told = redacted(error, Redactor([UPSTREAM_KEY]))
    assert UPSTREAM_KEY[:4] not in f"{told.message} {told.code} {told.param}"
    assert len(f"{told.message} {told.code} {told.param}") < 5000


@pytest.mark.parametrize("text", ["wait... what", "**bold** words", "a ... b", "x" * 40, "*" * 100_000, "…" * 10_000])
def test_other_marks_stay(text: str) -> None:
    assert Redactor([UPSTREAM_KEY])(text) == text


@pytest.mark.parametrize("noise", ["a ... b ", "**", "ab** ", "… ", "xxxx\n"])
@pytest.mark.parametrize("form", [*_forms(UPSTREAM_KEY)[3:], "sk-u…89"])
def test_no_number_of_other_marks_lets_one_through(noise: str, form: str) -> None:
    shown = Redactor([UPSTREAM_KEY])(f"{noise * 300} key: {form} given")
    assert form not in shown
    assert shown.endswith(f"{HIDDEN} given")


def test_a_tier_that_may_be_a_secret_is_no_tier() -> None:
    for tier in (UPSTREAM_KEY, "sk-up/0123456789", "a1b2c3d4", "x" * 33, "a b"):
        stream = Run().feed({"service_tier": tier, "choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]})
        response = stream.finish().response
        assert response["service_tier"] == "default"
        assert tier not in json.dumps(response)
        assert "service_tier" in [adaptation.param for adaptation in stream.stream.adaptations]


def test_what_is_inside_of_a_secret_is_one() -> None:
    basic = f"Basic {base64.b64encode(b'name:pass-word-1').decode()}"
    hide = Redactor([basic, "postgresql://u:p%40ssword-2@h/db"])
    assert hide("pass-word-1 p@ssword-2 p%40ssword-2 none") == f"{HIDDEN} {HIDDEN} {HIDDEN} none"


def test_a_redactor_shows_nothing_and_travels_to_workers() -> None:
    hide = Redactor([UPSTREAM_KEY])
    assert UPSTREAM_KEY not in repr(hide)
    assert pickle.loads(pickle.dumps(hide))(UPSTREAM_KEY) == HIDDEN


def test_what_holds_a_clients_headers_does_not_show_them() -> None:
    headers = {"authorization": f"Bearer {UPSTREAM_KEY}"}
    caller, params = Caller("team", "owner"), ResponsesRequest(model="m")
    asker: Any = Asker(None, "a plan", headers, caller, NEVER_AGAIN, time.time)  # type: ignore[arg-type]
    assert repr(asker) == "Asker('a plan' for 'team')"
    assert repr(Asked(params, NO_HISTORY, caller, headers)) == "Asked('m' for 'team')"


# --- through the whole proxy ---------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _proxy(tmp_path: Path, **upstream: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, ChatBackend]]:
    async with ChatBackend() as backend:
        own = {} if upstream.get("pass_client_key") else {"api_keys": [OWN_KEY]}
        settings = config_for(backend, server=own, upstream=upstream, store={"kind": "memory"})
        key = CLIENT_KEY if upstream.get("pass_client_key") else OWN_KEY
        async with (
            running(read_config(settings, tmp_path)) as base_url,
            httpx2.AsyncClient(base_url=base_url, headers={"authorization": f"Bearer {key}"}, timeout=60) as http,
        ):
            yield http, backend


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the proxy logs, as it is written where nothing is hidden by the log itself."""
    written = io.StringIO()
    handler = LineHandler(written)
    handler.setFormatter(LineFormatter())
    logger = logging.getLogger("proxy")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield written
    logger.removeHandler(handler)
    logger.setLevel(level)


# How an upstream gets its key, and the secrets that there are then.
WAYS: dict[str, tuple[Json, tuple[str, ...]]] = {
    "api_key": ({"api_key": UPSTREAM_KEY}, (UPSTREAM_KEY, OWN_KEY)),
    "headers": ({"headers": {"x-api-key": HEADER_KEY}}, (HEADER_KEY, OWN_KEY)),
    "both": (
        {"api_key": UPSTREAM_KEY, "headers": {"x-api-key": f"Token {HEADER_KEY}"}},
        (UPSTREAM_KEY, HEADER_KEY, OWN_KEY),
    ),
    "client": ({"pass_client_key": True, "forward_headers": ["x-more"]}, (CLIENT_KEY, "forwarded-value-7")),
}


def _errors(planted: tuple[str, ...]) -> list[Json]:
    echo = "You sent " + ", ".join(form for secret in planted for form in _forms(secret))
    return [
        {"error": {"message": echo, "type": echo, "param": echo, "code": echo}},
        {"error": echo},
        {"detail": [{"msg": echo}]},
        {"error": {"message": "no", "metadata": {"raw": echo}}},
        {"error": {"message": f"Unsupported parameter: temperature. {echo}", "code": "unsupported_parameter"}},
    ]


def _assert_hidden(text: str, planted: tuple[str, ...]) -> None:
    for secret in planted:
        for shown in (secret, quote(secret, safe=""), f"{secret[:6]}***", f"...{secret[-3:]}"):
            assert shown not in text, shown


@pytest.mark.parametrize("way", WAYS)
async def test_planted_secrets_are_in_no_output(tmp_path: Path, way: str, log: io.StringIO) -> None:
    upstream, planted = WAYS[way]
    async with _proxy(tmp_path, **upstream) as (http, backend):

        async def ask(**more: Any) -> httpx2.Response:
            asked = {"model": "m", "input": "hi", "temperature": 1, **more}
            return await http.post("/v1/responses", json=asked, headers={"x-more": "forwarded-value-7"})

        for error in _errors(planted):
            headers = {"x-request-id": f"{planted[0]} of Bearer {planted[1]}"}
            for status in (400, 401, 403, 413, 422, 429, 500):
                backend.always(json_answer(error, status=status, headers=headers))
                for stream in (False, True):
                    answer = await ask(stream=stream)
                    assert answer.status_code >= 400
                    _assert_hidden(f"{answer.text} {answer.headers}", planted)
            if "error" not in error:
                continue  # no error within a stream
            backend.script(sse_answer([CHUNK, {**error, "choices": []}]))
            answer = await ask(stream=True)
            _assert_hidden(answer.text, planted)
            created = json.loads(answer.text.split("data: ")[1].split("\n")[0])
            stored = await http.get(f"/v1/responses/{created['response']['id']}")
            assert stored.json()["status"] == "failed"
            _assert_hidden(stored.text, planted)
    for handler in logging.getLogger("proxy").handlers:
        handler.flush()
    assert "refused" in log.getvalue()
    _assert_hidden(log.getvalue(), planted)


async def test_the_log_itself_knows_the_secrets() -> None:
    written = io.StringIO()
    planted = (UPSTREAM_KEY, HEADER_KEY)
    handler = LineHandler(written, Redactor(planted))
    handler.setFormatter(LineFormatter())
    try:
        raise RuntimeError(f"with {UPSTREAM_KEY}")
    except RuntimeError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, f"key {HEADER_KEY}", (), (RuntimeError, error, None))
    handler.handle(record)
    _assert_hidden(written.getvalue(), planted)
    assert HIDDEN in written.getvalue()


def test_the_commands_show_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        upstream = {
            "base_url": f"http://127.0.0.1:{port}/v1",
            "api_key": UPSTREAM_KEY,
            "headers": {"x-key": HEADER_KEY},
            "dialect": {"preset": "azure", "query": {"api-key": CLIENT_KEY}},
        }
        file = tmp_path / "config.yaml"
        file.write_text(json.dumps({"upstreams": {"up": upstream}, "models": {"*": {"upstream": "up"}}}))
        main(["check", "--config", str(file)])
        assert main(["doctor", "up", "--model", "m", "--config", str(file)]) == 1
    captured = capsys.readouterr()
    _assert_hidden(captured.out + captured.err, (UPSTREAM_KEY, HEADER_KEY, CLIENT_KEY))
    assert f"127.0.0.1:{port}" in captured.err
    assert "connection refused" in captured.err


def test_the_keys_of_this_proxy_are_not_sent_upstream(tmp_path: Path) -> None:
    settings = {
        "server": {"api_keys": [OWN_KEY]},
        "upstreams": {"up": {"base_url": "http://h/v1", "pass_client_key": True}},
        "models": {"*": {"upstream": "up"}},
    }
    with pytest.raises(ConfigError, match=r"upstreams\.up\.pass_client_key: would send .* set api_key"):
        read_config(settings, tmp_path)


# --- the operator's key --------------------------------------------------------------------------

REFUSED = {"error": {"message": "Incorrect API key provided: sk-up***789", "code": "invalid_api_key"}}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_key_of_the_operator_is_no_fault_of_the_client(
    tmp_path: Path, status: int, stream: bool
) -> None:
    async with _proxy(tmp_path, api_key=UPSTREAM_KEY) as (http, backend):
        backend.script(json_answer(REFUSED, status=status))
        answer = await http.post("/v1/responses", json={"model": "m", "input": "hi", "stream": stream})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (502, "upstream_key_refused")
        assert "upstreams.scripted.api_key" in error["message"]
        assert "Incorrect" not in error["message"]


async def test_it_is_none_within_a_stream_either(tmp_path: Path) -> None:
    async with _proxy(tmp_path, api_key=UPSTREAM_KEY) as (http, backend):
        backend.script(sse_answer([CHUNK, {**REFUSED, "choices": []}]))
        answer = await http.post("/v1/responses", json={"model": "m", "input": "hi", "stream": True})
        assert "upstreams.scripted.api_key" in answer.text
        assert "Incorrect" not in answer.text


async def test_a_missing_key_is_told_to_callers_with_keys(tmp_path: Path) -> None:
    async with _proxy(tmp_path) as (http, backend):
        backend.script(json_answer({"error": "No key."}, status=401))
        answer = await http.post("/v1/responses", json={"model": "m", "input": "hi"})
        assert answer.status_code == 502
        assert "has none for it" in answer.json()["error"]["message"]


async def test_the_clients_own_key_may_be_refused(tmp_path: Path) -> None:
    async with _proxy(tmp_path, pass_client_key=True) as (http, backend):
        backend.script(json_answer({"error": {"message": "Incorrect API key"}}, status=401))
        answer = await http.post("/v1/responses", json={"model": "m", "input": "hi"})
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Incorrect API key")


@pytest.mark.parametrize(
    "error", [{"message": "Your input was flagged by moderation."}, {"message": "No.", "code": "cyber_policy"}]
)
async def test_a_refused_subject_is_the_clients_matter(tmp_path: Path, error: Json) -> None:
    async with _proxy(tmp_path, api_key=UPSTREAM_KEY) as (http, backend):
        backend.script(json_answer({"error": error}, status=403))
        answer = await http.post("/v1/responses", json={"model": "m", "input": "hi"})
        assert (answer.status_code, answer.json()["error"]["message"]) == (403, error["message"])


async def test_a_huge_model_name_is_refused_and_no_name_makes_a_long_line(log: io.StringIO) -> None:
    async with ChatBackend(strict=False) as backend, LiveProxy(live_config(backend.base_url)) as proxy:
        backend.always(sse_answer([CHUNK, CHUNK]))
        for length, status in ((1_000_000, 400), (1025, 400), (1024, 200)):
            answer = await proxy.http.post("/responses", json={"model": "m" * length, "input": "hi"})
            assert answer.status_code == status
            if status == 400:
                error = answer.json()["error"]
                assert (error["param"], error["code"]) == ("model", "string_above_max_length")
                assert len(answer.text) < 1000
    for handler in logging.getLogger("proxy").handlers:
        handler.flush()
    assert max(map(len, log.getvalue().splitlines()), default=0) < 2000
