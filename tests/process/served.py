"""`Served`: the command at work in a process of its own, heard by its log, and clients of every kind of turn."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).parents[2]
_LISTENS = "0A"  # as /proc/net/tcp has it
PATIENCE = 60.0  # only a bound for a test that fails

Json = dict[str, Any]


class Served:
    """`port` is where it listens. `server` and `store` are settings; `terminal` its standard input, if it has one.
    `at_birth` is what each of its processes runs before anything else, in Python."""

    def __init__(
        self,
        folder: Path,
        upstream: str,
        *,
        server: Json | None = None,
        store: Json | None = None,
        terminal: int | None = None,
        at_birth: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "config.yaml"
        document = {
            "server": {"port": 0, **(server or {})},
            "upstreams": {"up": {"base_url": upstream, "dialect": "generic"}},
            "models": {"*": {"upstream": "up"}},
            "store": store or {"data_dir": str(folder / "data")},
        }
        self._config.write_bytes(msgspec.json.encode(document))
        (folder / "sitecustomize.py").write_text(at_birth)
        self._terminal = asyncio.subprocess.DEVNULL if terminal is None else terminal
        self._lines: list[str] = []
        self._spoke = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.start()
        await self.announced()
        return self

    async def start(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy", "serve", "--config", str(self._config)),
            cwd=ROOT,
            env=clean | {"PYTHONPATH": os.pathsep.join([str(self._config.parent), str(ROOT)])},
            stdin=self._terminal,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._listening = asyncio.ensure_future(self._listen())

    async def announced(self) -> None:
        assert self.process.stdout is not None
        line = (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode()
        found = re.search(r"http://127.0.0.1:(\d+)", line)
        assert found is not None, self.log
        self.port = int(found[1])

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        assert self.process.stdout is not None
        await self.process.stdout.read()
        await self._listening
        await self.process.wait()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    @property
    def log(self) -> str:
        return "".join(self._lines)

    async def logged(self, words: str, times: int = 1) -> None:
        """Until its log has these words in so many lines."""
        async with self._spoke:
            await asyncio.wait_for(
                self._spoke.wait_for(lambda: sum(words in line for line in self._lines) >= times), PATIENCE
            )

    async def ended(self) -> int:
        """Its exit status, when it has ended by itself and all it said has been heard."""
        status = await asyncio.wait_for(self.process.wait(), PATIENCE)
        await self._listening
        assert "Traceback" not in self.log
        assert " ERROR " not in self.log
        return status

    async def _listen(self) -> None:
        stderr = self.process.stderr
        assert stderr is not None
        while line := await stderr.readline():
            async with self._spoke:
                self._lines.append(line.decode())
                self._spoke.notify_all()

    def holders(self) -> set[int]:
        """The processes that have the socket that listens on the port."""
        entries = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        local = f"0100007F:{self.port:04X}"
        (socket,) = {f"socket:[{entry[9]}]" for entry in entries if entry[1] == local and entry[3] == _LISTENS}
        found = set()
        for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
            with contextlib.suppress(OSError):  # closed since
                if os.readlink(descriptor) == socket:
                    found.add(int(descriptor.parts[2]))
        return found

    # --- clients ---------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        url = f"http://127.0.0.1:{self.port}"
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE, verify=False, trust_env=False) as client:
            yield client

    async def get(self, path: str) -> httpx2.Response:
        async with self.client() as client:
            return await client.get(path)

    async def ask(self, **fields: Any) -> httpx2.Response:
        """One request, to the end of its answer."""
        async with self.client() as client:
            return await client.post("/v1/responses", json={"model": "m", "input": "Hi", **fields})

    @contextlib.asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        async with connect(f"ws://127.0.0.1:{self.port}/v1/responses", proxy=None) as socket:
            yield socket


async def begin_turn(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(msgspec.json.encode({"type": "response.create", "model": "m", "input": "Hi", **fields}).decode())


async def events_of(socket: ClientConnection) -> list[Json]:
    """Those of one turn, to its end or an error."""
    events: list[Json] = []
    while not events or events[-1]["type"] not in ("response.completed", "response.failed", "error"):
        events.append(msgspec.json.decode(await asyncio.wait_for(socket.recv(), PATIENCE)))
    return events
