"""`run(scenarios)`: each scenario of a Python client, one line of JSON each on stdout.

The drivers run in an environment that holds the clients and nothing of this project. Where the proxy is and which key
to present, the clients take from OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf"
    "FcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
GREETING = "Hello from the other side."
THOUGHT = "I must look at the weather first."
SECOND_THOUGHT = "Now I know the weather in Paris."


class CalledElsewhere(Exception):
    """A client looked for a server that is not the proxy."""


_elsewhere: list[str] = []


def _at_home(event: str, arguments: tuple) -> None:
    """An audit hook: a client that opens a connection to another machine fails, and is told of."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in (None, "127.0.0.1", b"127.0.0.1", "localhost", "::1"):
        _elsewhere.append(str(host))
        raise CalledElsewhere(str(host))


sys.addaudithook(_at_home)


def weather(city: str) -> str:
    return f"It is sunny in {city}."


def run(scenarios: Mapping[str, Callable[[], Any]]) -> None:
    """With arguments, those scenarios only."""
    with asyncio.Runner() as runner:  # one event loop, as clients keep connections
        for name in [name for name in scenarios if name in (sys.argv[1:] or scenarios)]:
            try:
                outcome = scenarios[name]()
                if inspect.iscoroutine(outcome):
                    runner.run(outcome)
            except Exception as error:  # whatever a client raises is the outcome
                _tell(name, f"{_line(error)}{type(error).__name__}: {error}"[:1000])
            else:
                _tell(name, f"it called {_elsewhere}" if _elsewhere else None)


def _line(error: Exception) -> str:
    """Where in the driver it was raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == sys.argv[0]]
    return f"line {frames[-1].lineno}: " if frames else ""


def expect_error(error: BaseException, *words: str) -> None:
    """The words stand in the error, or in one that it came from."""
    seen: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        seen.append(f"{type(cause).__name__} {cause} {getattr(cause, 'body', '')}")
        cause = cause.__cause__ or cause.__context__
    missing = [word for word in words if not any(word in text for text in seen)]
    assert not missing, f"{missing} not in {seen}"


def _tell(scenario: str, complaint: str | None) -> None:
    sys.stdout.write(json.dumps({"scenario": scenario, "complaint": complaint}) + "\n")
    sys.stdout.flush()
