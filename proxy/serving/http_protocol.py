"""`HttpProtocol`: uvicorn's, but what is written in one turn of the event loop leaves together, and all has its limits.

ASGI leaves writing to the server, and uvicorn writes at once: the head of an answer by itself, and every chunk between
reading one connection and the next. It also has an extension of its own, `BodyWriter`.

uvicorn bounds neither the head of a request nor the time that one takes to arrive, loses the body of a request that
offers an upgrade, and drops a client that has nothing more to say before it is answered. What is used of its insides
is named in `tests/serving/test_uvicorn.py`, which fails when it changes.

How a connection lives stands in `bounded`; here is what its bytes become: heads and bodies of requests, offers of other
protocols, and a client that has said all.
"""

from __future__ import annotations

import httptools

from proxy.net.body_writer import EXTENSION
from proxy.process.drain import Phase
from proxy.serving.bounded import BoundedProtocol
from proxy.serving.departure import ListenerProbe
from proxy.serving.intake import long_handshake
from proxy.serving.refusal import malformed
from proxy.serving.upgrade import without_offer
from translators.errors import BridgeError

_ALWAYS_ANSWERED = frozenset({b"/healthz", b"/readyz"})  # a server that is full is not to be restarted for that
_MOST_WAITING_REQUESTS = 16  # behind the one that is answered; no client of today sends a second before that


class _Refused(Exception):
    """Raised within a callback of the parser, which stops it."""


class HttpProtocol(BoundedProtocol):
    """Reads requests, and has the application answer them."""

    url = b""  # uvicorn makes it with the first request
    _offered_upgrade = False

    def eof_received(self) -> bool | None:  # type: ignore[override]  # as asyncio has it
        """Answers a client that has said all, if it has not seen any of the answer yet and still listens."""
        cycle = self.cycle
        if self._refusal is not None or cycle is None or not self._whole or self._reads_head():
            return None
        if cycle.response_started or cycle.scope["http_version"] != "1.1":
            return None
        cycle.keep_alive = False
        self._probe = ListenerProbe(self.transport, self.loop)
        return True

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        self._intake.begin(len(data))
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if self._refusal is None:
                self._refuse(self._passed() or malformed())
            return
        between = self._whole and not self._reads_head()
        self._intake.end(between=between)
        if between:
            if self.cycle is not None and self.cycle.response_complete:
                self._rest()  # empty lines, or the end of a body that nobody waited for
        elif passed := self._passed():
            self._refuse(passed)
        elif self._whole:
            self._wait_for_head()
        else:
            self._connections.read_body(self, self.loop)

    def _passed(self) -> BridgeError | None:
        return self._intake.passed(self.headers, self.url)

    def _may_ask(self) -> bool:
        """Whether there is room for the request whose head has come, or needs none."""
        return self._connections.admit(self, self.loop) or self.url.partition(b"?")[0] in _ALWAYS_ANSWERED

    def on_headers_complete(self) -> None:
        if self._passed() is not None:
            raise _Refused
        if not self._may_ask():
            self._connections.refused(self.loop)
            self.turn_away()
            raise _Refused
        self._intake.body = 0
        # A handshake is a GET (RFC 6455, section 4.1): with any other method it is an offer like that of HTTP/2.
        if self.parser.should_upgrade() and not (self.parser.get_method() == b"GET" and self._should_upgrade()):
            self._offered_upgrade = True
            return
        if len(self.pipeline) >= _MOST_WAITING_REQUESTS:
            raise _Refused
        self._whole = False
        self._deadline = None
        super().on_headers_complete()
        self.scope["extensions"] = {EXTENSION: {"write": self._body_writer}}
        if self._drain.phase is not Phase.SERVING:
            self.retire()

    def on_body(self, body: bytes) -> None:
        self._intake.body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offered_upgrade:
            return  # the parser takes what follows for the other protocol
        self._whole = True
        self._deadline = None
        self._connections.answer(self)
        super().on_message_complete()

    def _after_upgrade(self, rest: bytes) -> None:
        if not self._offered_upgrade:
            if long := long_handshake(self.headers):
                self._refuse(long)
                return
            self._connections.leave(self)
            self.handle_websocket_upgrade()
            return
        self._offered_upgrade = False
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(malformed())
            return
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.data_received(without_offer(method, self.url, version, self.headers) + rest)
