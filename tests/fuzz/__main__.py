"""`python -m tests.fuzz [--seconds N] [--seed N] [--replay DIRECTORY]`: counts what came of cases, keeps what fails.

Case number n of a seed is always the same. A failing case is made smaller, as far as that is quick, and saved; the
exit status is 1 then.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NoReturn

from tests.fuzz import through_core
from tests.fuzz.case import FuzzCase
from tests.fuzz.through_app import Application

HANGS_AFTER = 20  # seconds; the slowest case takes a tenth of one
SHRINKS_FOR = 10.0
MOST_FAILURES = 10

Target = Callable[[FuzzCase], Awaitable[str]]


class Hangs(BaseException):
    """A case that does not end. No `Exception`: nobody may take it for an error of the upstream."""


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the command's output


async def _core(case: FuzzCase) -> str:
    return through_core.run(case)


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    signal.alarm(HANGS_AFTER)
    try:
        yield
    finally:
        signal.alarm(0)


def _on_alarm(number: int, frame: object) -> NoReturn:
    raise Hangs(f"it did not end within {HANGS_AFTER} s")


def _no_network(*arguments: object, **options: object) -> NoReturn:
    raise socket.gaierror("there is no network here")


async def fault_of(target: Target, case: FuzzCase) -> BaseException | None:
    try:
        with _alarm():
            await target(case)
    except (Exception, Hangs) as error:
        return error
    return None


async def shrunk(target: Target, case: FuzzCase, error: BaseException) -> FuzzCase:
    """A smaller case that fails in the same way."""
    end = time.monotonic() + SHRINKS_FOR
    while True:
        for smaller in case.smaller():
            if time.monotonic() > end:
                return case
            if type(await fault_of(target, smaller)) is type(error):
                case = smaller
                break
        else:
            return case


class Session:
    """Runs cases until the time is over or too many have failed."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.counts: Counter[str] = Counter()
        self.failures = 0
        self._seed = seed
        self._directory = directory

    async def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        async with Application() as application:
            number = 0
            while time.monotonic() < end and self.failures < MOST_FAILURES:
                case = FuzzCase.made_from(self._seed * 10**9 + number)
                for name, target in (("core", _core), ("app", application.run)):
                    await self._try(name, target, case, number)
                number += 1

    async def _try(self, name: str, target: Target, case: FuzzCase, number: int) -> None:
        try:
            with _alarm():
                word = await target(case)
        except (Exception, Hangs) as error:
            self.failures += 1
            where = self._directory / f"{name}-{self._seed}-{number}"
            (await shrunk(target, case, error)).save(where)
            traceback.print_exception(error)
            say(f"FAILED {name}: {type(error).__name__}: {error}\n  python -m tests.fuzz --replay {where}")
        else:
            self.counts[f"{name} {word}"] += 1


async def replay(directory: Path) -> None:
    case = FuzzCase.load(directory)
    say(f"core: {through_core.run(case)}")
    async with Application() as application:
        say(f"app: {await application.run(case)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), help="where failing cases are saved")
    parser.add_argument("--replay", type=Path, help="a saved case")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    socket.getaddrinfo = _no_network
    signal.signal(signal.SIGALRM, _on_alarm)
    if arguments.replay is not None:
        asyncio.run(replay(arguments.replay))
        return 0
    session = Session(arguments.seed, arguments.failures)
    asyncio.run(session.run(arguments.seconds))
    for word, count in sorted(session.counts.items()):
        say(f"{count:8} {word}")
    say(f"{session.counts.total()} runs, {session.failures} failed, seed {arguments.seed}")
    return 1 if session.failures else 0


if __name__ == "__main__":
    sys.exit(main())
