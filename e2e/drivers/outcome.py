"""`run(scenarios, refusals(ask))`: each scenario of a Python client, one line of JSON each on stdout.

The drivers run in an environment that holds the clients and nothing of this project. Where the proxy is and which key
to present, the clients take from OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf"
    "FcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
GREETING = "Hello from the other side."
THOUGHT = "I must look at the weather first."
SECOND_THOUGHT = "Now I know the weather in Paris."
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
# What the upstream refuses, by scenario: the name of the SDK's class of error, its message, its code.
SDK_ERRORS = {
    "error-400": ("BadRequestError", "too peculiar", "invalid_value"),
    "error-401": ("AuthenticationError", "Incorrect API key", "invalid_api_key"),
    "error-429": ("RateLimitError", "Rate limit", "rate_limit_exceeded", "retry-after: 7"),
    "error-500": ("InternalServerError", "had an error"),
    "overflow": ("BadRequestError", "context length", "context_length_exceeded"),
}
# The same for clients that show people the message and nothing else.
MESSAGES = {scenario: words[1:2] for scenario, words in SDK_ERRORS.items()}

Scenario = Callable[[], Any]


class CalledElsewhere(Exception):
    """A client looked for a server that is not the proxy."""


_elsewhere: list[str] = []
_runner = asyncio.Runner()  # one event loop, as clients keep connections


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


def run(scenarios: Iterable[Scenario], refused: Mapping[str, Scenario]) -> None:
    """Runs functions named for their scenarios, then `refused`; of all these only those in the command line, if any."""
    known = {scenario.__name__: scenario for scenario in scenarios} | refused
    with _runner:
        for name in [name for name in known if name in (sys.argv[1:] or known)]:
            try:
                _done(known[name]())
            except Exception as error:  # whatever a client raises is the outcome
                _tell(name, f"{_line(error)}{type(error).__name__}: {error}"[:1000])
            else:
                _tell(name, f"it called {_elsewhere}" if _elsewhere else None)


def _done(outcome: Any) -> Any:
    """What a function returned, or the coroutine that it returned."""
    return _runner.run(outcome) if inspect.iscoroutine(outcome) else outcome


def _line(error: Exception) -> str:
    """Where in the driver it was raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == sys.argv[0]]
    return f"line {frames[-1].lineno}: " if frames else ""


def refusals(
    ask: Callable[[str, bool], Any],
    told: Mapping[str, tuple[str, ...]] = SDK_ERRORS,
    *,
    kinds: ModuleType | type[Exception] = Exception,
    streamed: tuple[bool, ...] = (False, True),
    notices_cut: bool = True,
) -> dict[str, Scenario]:
    """The scenarios in which the upstream refuses, and `cut`, in which it breaks off.

    `ask(scenario, streamed)` asks the model named for the scenario and must raise; it may be a coroutine. `told` has
    the words of each error. `kinds` is what `ask` itself must raise: one class, or the module that has the classes;
    otherwise their names may stand in an error that it came from. Clients that take a broken stream for a whole one
    have no scenario `cut`.
    """
    cases = {**told, "cut": ()} if notices_cut else told
    return {name: _refusal(ask, name, words, kinds, streamed) for name, words in cases.items()}


def _refusal(
    ask: Callable[[str, bool], Any],
    name: str,
    words: tuple[str, ...],
    kinds: ModuleType | type[Exception],
    ways: tuple[bool, ...],
) -> Scenario:
    kind = kinds if isinstance(kinds, type) else getattr(kinds, words[0]) if words else Exception

    def scenario() -> None:
        for streamed in ways:
            try:
                outcome = _done(ask(name, streamed))
            except kind as error:
                _expect_words(error, words)
            else:
                raise AssertionError(f"it was answered, streamed: {streamed}: {outcome}")

    return scenario


def _expect_words(error: BaseException, words: tuple[str, ...]) -> None:
    """The words stand in the error, or in one that it came from. Raises AssertionError."""
    seen: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        headers = getattr(getattr(cause, "response", None), "headers", None) or {}
        wait = f"retry-after: {headers.get('retry-after')}"
        seen.append(f"{type(cause).__name__} {cause} {getattr(cause, 'body', '')} {wait}")
        cause = cause.__cause__ or cause.__context__
    missing = [word for word in words if not any(word in text for text in seen)]
    assert not missing, f"{missing} not in {seen}"


def weather(city: str) -> str:
    return f"It is sunny in {city}."


def _tell(scenario: str, complaint: str | None) -> None:
    sys.stdout.write(json.dumps({"scenario": scenario, "complaint": complaint}) + "\n")
    sys.stdout.flush()
