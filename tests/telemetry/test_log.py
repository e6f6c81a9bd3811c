"""The log: a line a record, and lines together."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import sys
from collections.abc import Iterator

import pytest

from proxy.telemetry.log import LineFormatter, LineHandler, configure_logging, tell

# ---- a line


def formatted(message: str, *arguments: object, **fields: object) -> str:
    record = logging.LogRecord("proxy.x", logging.INFO, "", 0, message, arguments, None)
    record.created = 1_700_000_000.25
    record.__dict__.update(fields)
    return LineFormatter().format(record)


def test_a_record_is_one_line() -> None:
    head = "2023-11-14T22:13:20.250Z INFO proxy.x "
    assert formatted("done %d", 5) == head + "done 5"
    assert formatted("done", status=200, model="é/1", color_message="x") == head + "done status=200 model=é/1"
    assert formatted("a\nb\x1b[0m é") == head + r"a\nb\u001b[0m é"
    assert formatted("m", a="x y", b="", c='"', d="k=v", e="l\nm", f=None) == (
        head + r'm a="x y" b="" c="\"" d="k=v" e="l\nm" f=None'
    )


def test_an_exception_is_on_the_same_line() -> None:
    try:
        int("x")
    except ValueError:
        line = formatted("failed", exc_info=sys.exc_info())
    assert "\n" not in line
    assert re.search(r' failed exception="Traceback .*ValueError: invalid literal', line)


@pytest.fixture
def restored_logging() -> Iterator[None]:
    names = ["", "proxy", "uvicorn", "uvicorn.error", "uvicorn.access"]
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.level, logger.handlers[:], logger.propagate) for logger in loggers]
    yield
    for logger, (level, handlers, propagate) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers, logger.propagate = handlers, propagate


@pytest.mark.usefixtures("restored_logging")
def test_who_is_heard(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug")
    for name in ("proxy.a", "uvicorn.error", "httpcore.http11", "uvicorn.access"):
        logging.getLogger(name).debug("authorization: Bearer of-somebody")
        logging.getLogger(name).warning("careful")
    lines = [line.split()[1:3] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        ["DEBUG", "proxy.a"],
        ["WARNING", "proxy.a"],
        ["WARNING", "proxy.server"],
        ["WARNING", "httpcore.http11"],
    ]


# ---- lines together


class Written(io.StringIO):
    """A stream that tells of each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[list[str]] = []
        self.first = asyncio.Event()

    def write(self, text: str) -> int:
        self.writes.append([line.split(" ")[3] for line in text.splitlines()])
        self.first.set()
        return len(text)


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def logger(written: Written) -> Iterator[logging.Logger]:
    logger = logging.getLogger("proxy.test_log")
    handler = LineHandler(written)
    handler.setFormatter(LineFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)


def say(logger: logging.Logger, *messages: str) -> None:
    for message in messages:
        tell(logger, message, dict)


async def test_what_a_loop_tells_is_written_together(logger: logging.Logger, written: Written) -> None:
    say(logger, "one", "two")
    assert written.writes == []
    await written.first.wait()
    say(logger, "three")
    assert written.writes == [["one", "two"]]


async def test_any_other_record_takes_with_it_what_waits(logger: logging.Logger, written: Written) -> None:
    say(logger, "before")
    logger.info("now")
    assert written.writes == [["before", "now"]]


async def test_what_another_thread_tells_is_written_in_order(logger: logging.Logger, written: Written) -> None:
    await asyncio.to_thread(say, logger, "alone")
    say(logger, "before")
    await asyncio.to_thread(say, logger, "thread")
    logger.info("after")
    assert written.writes == [["alone"], ["before", "thread", "after"]]


async def test_many_lines_do_not_wait(logger: logging.Logger, written: Written) -> None:
    say(logger, *map(str, range(300)))
    assert [len(lines) for lines in written.writes] == [256]


def test_without_a_loop_nothing_waits(logger: logging.Logger, written: Written) -> None:
    say(logger, "one", "two")
    assert written.writes == [["one"], ["two"]]


def test_what_a_loop_left_is_written_by_the_next(logger: logging.Logger, written: Written) -> None:
    async def leave() -> None:
        say(logger, "left")

    async def say_and_wait() -> None:
        say(logger, "next")
        await written.first.wait()

    asyncio.run(leave())
    assert written.writes == []
    asyncio.run(say_and_wait())
    assert written.writes == [["left", "next"]]


def test_the_end_of_the_process_writes_the_rest(logger: logging.Logger, written: Written) -> None:
    async def leave() -> None:
        say(logger, "last")

    asyncio.run(leave())
    logging.shutdown()
    assert written.writes == [["last"]]


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError("unspeakable")


async def test_a_record_that_cannot_be_told_costs_no_other_its_line(
    logger: logging.Logger, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    say(logger, "good")
    tell(logger, "bad", lambda: {"fact": Unspeakable()})
    logger.warning("also good")
    assert written.writes == [["good", "also"]]
    assert "unspeakable" in capsys.readouterr().err
