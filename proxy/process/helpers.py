"""`Helpers`: processes for work that a stranger's words can make expensive, such as grammars and documents.

A process can be stopped, which a thread cannot, and has a memory of its own. Each does one job at a time, within a
limit of time and one of memory, and serves again as long as it keeps to them; one that does not is killed, and the
next job gets another. They are started when there is work, get their places in turns (`Turns`) and end when they have
had nothing to do for a while, or with their parent. None knows the environment, in which secrets may stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from proxy.process.helper_main import LENGTHS
from proxy.process.turns import Busy, Turns

MAX_WAITING = 256
"""How many jobs of one kind may wait; half of them may be one owner's."""
WAIT_SECONDS = 30.0
"""How long one waits: longer than the slowest job may take, and no longer than clients do."""
_START_SECONDS = 30.0
_IDLE_SECONDS = 60.0
_LAST_SECONDS = 5.0
_WRITE = 1 << 18
_MAX_ANSWER = 64 << 20
_MAIN = Path(__file__).with_name("helper_main.py")
# What a Python needs to be found and to find its libraries.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV")

Reason = Literal["time", "memory", "died", "busy"]


class HelperFault(Exception):
    """A job that was not done: its process took too long or too much memory, died, or there was no place for it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Job(Struct, frozen=True):
    """`module` has a `run(head, body)`; `seconds` is how long it may take, once it has begun."""

    module: str
    head: Mapping[str, Any]
    body: bytes
    seconds: float


class Answer(Struct):
    """What a helper answers to every job; the rest of the answer is the job's own."""

    tired: bool = False
    over: Literal["time", "memory"] | None = None


class Helpers:
    """For jobs of some `modules`; `memory` is what each process may take, in bytes, and `kept` how many stay warm."""

    def __init__(self, modules: Sequence[str], *, processes: int, memory: int, kept: int = 0) -> None:
        self._modules = tuple(modules)
        self._memory = memory
        self._kept = kept
        self._turns = Turns(processes, max_waiting=MAX_WAITING, wait_seconds=WAIT_SECONDS)
        self._idle: list[_Helper] = []  # the one that was used last is used next: it remembers most
        self._all: set[_Helper] = set()
        self._reaper: asyncio.TimerHandle | None = None

    async def warm(self) -> None:
        """Starts one, where there is none, so that the first job need not wait for it."""
        if not self._all:
            try:
                self._rest(await self._start())
            except HelperFault:
                return  # the first job will tell

    async def run(self, owner: str, job: Job) -> bytes:
        """The answer as JSON. Raises HelperFault."""
        try:
            await self._turns.take(owner)
        except Busy:
            raise HelperFault("busy") from None
        try:
            return await self._do(job)
        finally:
            self._turns.give_back(owner)

    async def _do(self, job: Job) -> bytes:
        helper = self._awake() or await self._start()
        try:
            async with asyncio.timeout(job.seconds):
                said = await helper.ask(
                    {**job.head, "job": job.module, "seconds": job.seconds, "memory": self._memory}, job.body
                )
            answer = msgspec.json.decode(said, type=Answer)
        except TimeoutError:
            await self._end(helper)
            raise HelperFault("time") from None
        except (OSError, EOFError, msgspec.DecodeError):
            self._all.discard(helper)
            raise HelperFault("time" if await helper.last_word() == -signal.SIGPROF else "died") from None
        except BaseException:
            await self._end(helper)
            raise
        if answer.tired:
            await self._end(helper)
        else:
            self._rest(helper)
        if answer.over is not None:
            raise HelperFault(answer.over)
        return said

    def _awake(self) -> _Helper | None:
        while self._idle:
            helper = self._idle.pop()
            if helper.lives:
                return helper
            self._all.discard(helper)
        return None

    async def _start(self) -> _Helper:
        """Raises HelperFault."""
        helper = None
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", str(_MAIN), *self._modules),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                start_new_session=True,  # a Ctrl-C is the parent's to handle
            )
            helper = _Helper(process)
            self._all.add(helper)
            async with asyncio.timeout(_START_SECONDS):
                await helper.hear()
        except BaseException as error:
            if helper is not None:
                await self._end(helper)
            if isinstance(error, OSError | EOFError | TimeoutError):
                raise HelperFault("busy") from None  # it is the machine that has no place for it
            raise
        return helper

    def _rest(self, helper: _Helper) -> None:
        loop = asyncio.get_running_loop()
        helper.idle_since = loop.time()
        self._idle.append(helper)
        if self._reaper is None:
            self._reaper = loop.call_later(_IDLE_SECONDS, self._reap, loop)

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        """Lets those go that have had nothing to do."""
        self._reaper = None
        while len(self._idle) > self._kept and self._idle[0].idle_since <= loop.time() - _IDLE_SECONDS:
            helper = self._idle.pop(0)
            helper.let_go()
            self._all.discard(helper)
        if len(self._idle) > self._kept:
            self._reaper = loop.call_later(_IDLE_SECONDS, self._reap, loop)

    async def _end(self, helper: _Helper) -> None:
        self._all.discard(helper)
        await helper.end()

    async def aclose(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        self._idle.clear()
        for helper in list(self._all):
            await self._end(helper)


class _Helper:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.idle_since = 0.0
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._to = process.stdin
        self._from = process.stdout

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    async def ask(self, head: Mapping[str, Any], body: bytes) -> bytes:
        """Raises OSError and EOFError where it dies of that."""
        said = json.dumps(head).encode()
        self._to.write(LENGTHS.pack(len(said), len(body)) + said)
        view = memoryview(body)
        for at in range(0, len(view), _WRITE):
            self._to.write(view[at : at + _WRITE])
            await self._to.drain()
        await self._to.drain()
        return await self.hear()

    async def hear(self) -> bytes:
        """Raises EOFError."""
        head, _ = LENGTHS.unpack(await self._from.readexactly(LENGTHS.size))
        if head > _MAX_ANSWER:
            raise EOFError
        return await self._from.readexactly(head)

    def let_go(self) -> None:
        """It ends with its standard input."""
        self._to.close()

    async def last_word(self) -> int:
        """How it ended, of one that has closed its output: -n where signal n ended it. In any case it is over."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    return await self._process.wait()
            return 0
        finally:
            await self.end()

    async def end(self) -> None:
        """Kills it, if it lives."""
        if self.lives:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
