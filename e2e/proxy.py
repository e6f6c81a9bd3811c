"""`running_proxy(config)`: the proxy as a process of its own, as a user starts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_READY = re.compile(r"^dragoman listens on (http://\S+) ")
_START_SECONDS = 60.0


@contextlib.asynccontextmanager
async def running_proxy(config: Path, log: Path) -> AsyncIterator[str]:
    """Starts the proxy, gives its base URL, and ends it by SIGTERM."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy", "serve", "--config", str(config), "--port", "0"),
            cwd=ROOT,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=out,
        )
    try:
        yield f"{await _announced(process, log)}/v1"
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _announced(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(_START_SECONDS):
        async for line in process.stdout:
            if found := _READY.match(line.decode()):
                return found[1]
    raise RuntimeError(f"the proxy ended with status {await process.wait()}; its log is {log}")
