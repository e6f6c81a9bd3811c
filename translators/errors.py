"""The errors of the bridge, each carrying what to tell the client and where.

Every error knows its HTTP status and the four keys of OpenAI's envelope
(`message`, `type`, `param`, `code`); `envelope()` gives the body to send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, TypeVar

import msgspec

MOST_OF_A_WORD = 100  # characters: enough to know one's own words by

MOST_OF_A_PATH = 256  # a path into a request, whose keys are the client's
MOST_OF_A_MESSAGE = 1000


def bounded(words: object, limit: int = MOST_OF_A_WORD) -> str:
    """What somebody wrote, as an error may repeat it: no message grows with a request.

    Whatever is told of a client's or an upstream's own words goes through here.
    """
    text = str(words)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


class ErrorBody(msgspec.Struct, frozen=True):
    """OpenAI's error object: all four keys are always present."""

    message: str
    type: str
    param: str | None
    code: str | None


class Envelope(msgspec.Struct, frozen=True):
    error: ErrorBody


class BridgeError(Exception):
    """The base of every error that may reach a client."""

    status: int = 500
    type: str = "server_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        type: str | None = None,  # noqa: A002 - the wire's own word
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.retry_after = retry_after
        if status is not None:
            self.status = status
        if type is not None:
            self.type = type

    def body(self, codes: Mapping[str, str] = {}) -> ErrorBody:
        """OpenAI's error object; `codes` are other names for codes, by our own."""
        return ErrorBody(self.message, self.type, self.param, codes.get(self.code or "", self.code))

    def envelope(self, codes: Mapping[str, str] = {}) -> bytes:
        """The JSON body of an error answer, as OpenAI's SDKs read it."""
        return msgspec.json.encode(Envelope(self.body(codes)))


MAX_MESSAGE = 4000
"""Characters of an error's message: backends echo whole requests in theirs."""

AnyError = TypeVar("AnyError", bound=BridgeError)


LONGEST_CODE = 64
"""Characters of a code: real ones are a few words."""


def redacted(error: AnyError, hide: Callable[[str], str]) -> AnyError:
    """The same error in texts that `hide` has been over, and of a length that one can read.

    It is cut last: of a secret that a cut goes through, `hide` would not know the half that is left.
    """
    told = copy(error)
    message = hide(error.message)
    told.message = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"
    told.args = (told.message,)
    told.type = hide(error.type)
    told.param = None if error.param is None else bounded(hide(error.param), MOST_OF_A_PATH)
    told.code = None if error.code is None else hide(error.code)[:LONGEST_CODE]
    return told


class InvalidRequest(BridgeError):
    """The client's mistake: a 4xx that names the field in `param`."""

    status = 400
    type = "invalid_request_error"

    def __init__(self, message: str, *, param: str | None = None, **more: Any) -> None:
        param = None if param is None else bounded(param, MOST_OF_A_PATH)
        super().__init__(bounded(message, MOST_OF_A_MESSAGE), param=param, **more)


class UpstreamError(BridgeError):
    """The upstream refused, failed or could not be reached.

    `headers` are those of its answer that may travel back to the client.
    """

    status = 502
    headers: Mapping[str, str] = {}


class UpstreamProtocolError(UpstreamError):
    """The upstream answered with something that is not Chat Completions."""
