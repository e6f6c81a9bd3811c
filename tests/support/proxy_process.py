"""`ProxyProcess`: the command in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

ROOT = Path(__file__).parents[2]


class ProxyProcess:
    """`url` ends in `/v1`. `store` and `server` are the settings of that name."""

    def __init__(
        self, folder: Path, base_url: str, store: dict[str, Any], *, server: dict[str, Any] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "config.yaml"
        upstreams = {"up": {"base_url": base_url, "dialect": "generic"}}
        models = {"*": {"upstream": "up"}}
        document = {"server": server or {}, "upstreams": upstreams, "models": models, "store": store}
        self._config.write_bytes(msgspec.json.encode(document))

    async def __aenter__(self) -> Self:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy", "serve", "--config", str(self._config), "--port", "0"),
            cwd=ROOT,
            start_new_session=True,
            env=clean,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        found = re.search(r"http://[0-9.]+:\d+", line)
        assert found is not None, line
        self.url = f"{found[0]}/v1"
        return self

    @property
    def pid(self) -> int:
        return self._process.pid

    async def kill(self) -> None:
        """SIGKILL, its workers included: no handler runs, nothing is flushed."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()
