"""One log for the whole process: a line a record on stderr, UTC, extra fields as `key=value`.

What is told of every request (`tell`) is written together: each line by itself costs a third of the request it is
about. None waits longer than `_TOGETHER_SECONDS`; any other record, and the end of the process, takes along what waits.

What a record holds is written as it is, but for line breaks and other control characters: callers log names,
counts and durations, never a body or a key; a secret of the configuration that comes along all the same is hidden.
Foreign libraries are heard from WARNING up, since some of them write headers at DEBUG.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import logging.config
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from proxy.config import LogLevel

_TOGETHER_SECONDS = 0.05
_TOGETHER_LINES = 256
# What every record has of its own; `color_message` is uvicorn's second spelling of its message.
_PLAIN = logging.makeLogRecord({"levelno": logging.INFO, "levelname": "INFO"}).__dict__
_STANDARD = frozenset(_PLAIN) | {"message", "asctime", "taskName", "color_message"}
# uvicorn tells of its starts and stops, and of what it caught, under names that are only its own history.
_SERVERS_OWN = frozenset({"uvicorn", "uvicorn.error"})
_SERVER = "proxy.server"
QUIET = "proxy.server.websocket"
"""The logger of what speaks of every connection and of what is in it: only its warnings are heard."""
_BARE = re.compile(r'[^\s"=\\\x00-\x1f\x7f-\x9f]+')


class _Told(logging.LogRecord):
    """One that may wait a moment, with its fields in `facts`. Made without finding out what no line tells."""

    facts: Mapping[str, object]

    def __init__(self, name: str, message: str, facts: Mapping[str, object], level: int) -> None:
        self.__dict__ = fields = _PLAIN.copy()
        if level != logging.INFO:
            fields["levelno"], fields["levelname"] = level, logging.getLevelName(level)
        fields["name"], fields["msg"], fields["facts"] = name, message, facts
        fields["created"] = now = time.time()
        fields["msecs"] = now % 1 * 1000


class LineFormatter(logging.Formatter):
    """Made to be quick, since every request is told of: a second is spelled once, and numbers need no quotes."""

    def __init__(self) -> None:
        super().__init__()
        self._second = -1
        self._spelled = ""

    def format(self, record: logging.LogRecord) -> str:
        if type(record) is _Told:
            return f"{self._moment(record)} {record.levelname} {record.name} {record.msg} {_shown(record.facts)}"
        shown = [_shown(_extra(record))]
        if record.exc_info:
            shown.append(f"exception={_quoted(self.formatException(record.exc_info))}")
        message = _one_line(record.getMessage())
        name = _SERVER if record.name in _SERVERS_OWN else record.name
        return " ".join([self._moment(record), record.levelname, name, message, *filter(None, shown)])

    def _moment(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._spelled = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._spelled}.{int(record.created % 1 * 1000):03d}Z"


class LineHandler(logging.StreamHandler[TextIO]):
    """Formats and writes what is told together, as soon as an event loop comes to it; without one, at once."""

    def __init__(self, stream: TextIO, hide: Callable[[str], str] = str) -> None:
        """`hide` takes secrets out of lines; those written together cost one look."""
        super().__init__(stream)
        self._hide = hide
        self._waiting: list[logging.LogRecord] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that is about to write them

    def handle(self, record: logging.LogRecord) -> bool:
        """Without taking the lock, which costs as much again, where the record only has to wait with others."""
        if type(record) is not _Told:
            return super().handle(record)
        self._waiting.append(record)
        if len(self._waiting) >= _TOGETHER_LINES or not self._is_awaited():
            self.flush()
        return True

    def emit(self, record: logging.LogRecord) -> None:
        self._waiting.append(record)
        self.flush()

    def _is_awaited(self) -> bool:
        """Whether a loop will write what waits."""
        if self._loop is None or self._loop.is_closed():
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                return False
            self._loop.call_later(_TOGETHER_SECONDS, self.flush)
        return True

    def flush(self) -> None:
        with self.lock or contextlib.nullcontext():
            self._loop = None
            waiting = self._waiting.copy()
            if waiting:
                del self._waiting[: len(waiting)]  # the list stays: another thread may be about to append
                self._write(waiting)

    def _write(self, records: list[logging.LogRecord]) -> None:
        lines = self._hide("".join([self._line(record) for record in records]))
        try:
            self.stream.write(lines)
            self.stream.flush()
        except Exception:  # of the stream, as in every handler: whoever is told of goes on
            self.handleError(records[-1])

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return f"{self.format(record)}\n"
        except Exception:  # a fault of whoever said it: its neighbours are told all the same
            self.handleError(record)
            return ""


def logging_settings(level: LogLevel, hide: Callable[[str], str] = str) -> dict[str, Any]:
    """The settings in the form `logging.config.dictConfig` and uvicorn's workers take."""
    own = {"level": level.upper()}
    stderr = {
        "class": "proxy.telemetry.log.LineHandler",
        "formatter": "line",
        "stream": "ext://sys.stderr",
        "hide": hide,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "proxy.telemetry.log.LineFormatter"}},
        "handlers": {"stderr": stderr},
        "root": {"level": "ERROR" if level == "error" else "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "proxy": own,
            QUIET: {"level": "ERROR" if level == "error" else "WARNING"},
            "uvicorn": own,
            # Its debug records are those of the WebSocket library: every header, keys among them.
            "uvicorn.error": {"level": "INFO" if level == "debug" else level.upper()},
            "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


def configure_logging(level: LogLevel, hide: Callable[[str], str] = str) -> None:
    """Send every logger of the process through `LineFormatter`, its lines through `hide`."""
    # Records need neither their place in the code nor their thread: no line tells them, and finding out takes as long
    # as all the rest. The switches are those of the standard library's own advice on logging that has to be quick.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.config.dictConfig(logging_settings(level, hide))


def tell(
    logger: logging.Logger, message: str, facts: Callable[[], Mapping[str, object]], level: int = logging.INFO
) -> None:
    """`logger.log(level, message, extra=facts())` for a third of its cost, since every request is told of.

    `message` is a fixed text of one line; filters of the logger itself, of which ours have none, are not asked.
    """
    if logger.isEnabledFor(level):
        logger.callHandlers(_Told(logger.name, message, facts(), level))


def _extra(record: logging.LogRecord) -> Mapping[str, object]:
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}


def _shown(facts: Mapping[str, object]) -> str:
    words = [str(value) for value in facts.values()]
    if not (all(words) and _BARE.fullmatch("".join(words))):  # one look, since nearly none needs quotes
        words = [_quoted(word) for word in words]
    return " ".join([f"{key}={word}" for key, word in zip(facts, words, strict=True)])


def _quoted(text: str) -> str:
    """In quotes, where it needs them."""
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    """Printable on one line: a client may have chosen part of the text."""
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)[1:-1]
