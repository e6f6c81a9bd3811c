"""The servers to compare, each one entry: how it is started, which API it speaks, when it is ready.

A further server is a further entry here, or in `peers.py` if it is another project's.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks.bodies import CHAT, RESPONSES, Api
from benchmarks.processes import ROOT


@dataclass(frozen=True)
class Launch:
    """What a server is told: the port to serve, the upstream's, a folder of its own, workers, a database's address.

    `beside_port` is the port of a second upstream, for requests that are sent beside those that are measured.
    """

    port: int
    upstream_port: int
    folder: Path
    workers: int = 1
    database: str | None = None
    beside_port: int | None = None

    @property
    def upstream(self) -> str:
        return f"http://127.0.0.1:{self.upstream_port}/v1"

    def write_config(self, config: Mapping[str, object]) -> str:
        # JSON is YAML.
        path = self.folder / "config.yaml"
        path.write_text(json.dumps(config))
        return str(path)


@dataclass(frozen=True)
class Server:
    """`ready` is a path that answers 200 when the server can work, or None where any answer says so.

    `keeping` holds, by the kind of its store, the same server as it is measured where answers are kept; `transports`
    the same by its HTTP client; `beside` the same as it is measured beside demanding neighbours.
    """

    name: str
    command: Callable[[Launch], list[str]]
    version: Callable[[], str]
    api: Api = RESPONSES
    ready: str | None = "/readyz"
    ready_limit: float = 30.0
    takes_workers: bool = False
    needs_database: bool = False
    needs_second_upstream: bool = False
    keeping: Mapping[str, "Server"] = field(default_factory=dict)
    transports: Mapping[str, "Server"] = field(default_factory=dict)
    beside: "Server | None" = None
    environment: Mapping[str, str] = field(default_factory=dict)


def _upstream(launch: Launch) -> list[str]:
    serve = [sys.executable, "-m", "benchmarks.upstream", "--port", str(launch.port)]
    return [*serve, "--processes", str(launch.workers)]


def _passthrough(transport: str) -> Callable[[Launch], list[str]]:
    def command(launch: Launch) -> list[str]:
        serve = [sys.executable, "-m", "benchmarks.passthrough", "--port", str(launch.port)]
        return [*serve, "--upstream", launch.upstream, "--transport", transport]

    return command


def _floor(launch: Launch) -> list[str]:
    serve = [sys.executable, "-m", "benchmarks.floor", "--port", str(launch.port)]
    return [*serve, "--upstream", launch.upstream, "--workers", str(launch.workers)]


def _dragoman(store: str = "memory", transport: str = "native") -> Callable[[Launch], list[str]]:
    def command(launch: Launch) -> list[str]:
        settings = {"kind": store, "data_dir": str(launch.folder)}
        if launch.database is not None:
            settings["dsn"] = launch.database
        upstreams = {"bench": {"base_url": launch.upstream, "dialect": "openai", "transport": transport}}
        return _serve(launch, {"upstreams": upstreams, "models": {"*": {"upstream": "bench"}}, "store": settings})

    return command


def _serve(launch: Launch, config: Mapping[str, object]) -> list[str]:
    server = {"host": "127.0.0.1", "port": launch.port, "workers": launch.workers}
    path = launch.write_config({"server": server, **config})
    return [sys.executable, "-m", "proxy", "serve", "--config", path]


def _dragoman_beside(launch: Launch) -> list[str]:
    """Neighbours have an upstream of their own, which takes no files, so that documents are read here.

    A grammar may take two seconds in place of five, so that it ends within the time of the streams.
    """
    other = f"http://127.0.0.1:{launch.beside_port}/v1"
    upstreams = {
        "bench": {"base_url": launch.upstream, "dialect": "openai"},
        "beside": {"base_url": other, "dialect": "deepseek"},
    }
    models = {"paced-*": {"upstream": "bench"}, "*": {"upstream": "beside"}}
    store = {"kind": "sqlite", "data_dir": str(launch.folder)}
    return _serve(launch, {"upstreams": upstreams, "models": models, "store": store, "grammars": {"timeout": 2.0}})


def _keeping(store: str) -> Server:
    return Server(f"dragoman-{store}", _dragoman(store), _revision, needs_database=store == "postgres")


def _packages(*names: str) -> Callable[[], str]:
    return lambda: ", ".join(f"{name} {version(name)}" for name in names)


def _revision() -> str:
    """The checkout's commit, marked where files differ from it."""
    describe = ["git", "describe", "--always", "--dirty", "--tags"]
    told = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown revision"


DIRECT = Server("direct", _upstream, _packages("uvloop"), api=CHAT, ready="/v1/models", takes_workers=True)
PASSTHROUGH = Server(
    "passthrough", _passthrough("aiohttp"), _packages("starlette", "uvicorn", "aiohttp", "uvloop"), api=CHAT
)
PASSTHROUGH_HTTPX2 = Server("passthrough-httpx2", _passthrough("httpx2"), _packages("httpx2"), api=CHAT)
FLOOR = Server("floor", _floor, _packages("uvicorn", "httptools", "uvloop"), api=CHAT, takes_workers=True)
DRAGOMAN = Server(
    "dragoman",
    _dragoman(),
    _revision,
    takes_workers=True,
    keeping={store: _keeping(store) for store in ("memory", "sqlite", "postgres")},
    transports={kind: Server(f"dragoman-{kind}", _dragoman(transport=kind), _revision) for kind in ("native", "httpx")},
    beside=Server("dragoman-beside", _dragoman_beside, _revision, needs_second_upstream=True),
)

SERVERS = (DIRECT, FLOOR, PASSTHROUGH, PASSTHROUGH_HTTPX2, DRAGOMAN)
USUAL = (DIRECT, PASSTHROUGH, DRAGOMAN)
