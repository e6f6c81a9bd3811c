"""`Exchange`: the life of one request, from its body to the last event of its response.

Made: parsed, routed, translated. Opened: the upstream has answered. `events()` then gives what the client
gets, batch by batch; a plain answer is the same with the events left unread. Closed: so is the upstream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack

from msgspec import Struct

from proxy.routing import Route, Router
from proxy.sending import Sender, Sending
from translators.errors import BridgeError
from translators.report import Adaptation
from translators.request import parse_request, to_chat
from translators.schema.events import Event
from translators.schema.responses import Response
from translators.stream import ResponseStream


class Services(Struct, frozen=True):
    """What every exchange needs; `clock` gives Unix seconds, `new_id(prefix)` an identifier."""

    router: Router
    sender: Sender
    clock: Callable[[], float]
    new_id: Callable[[str], str]
    max_depth: int


class Exchange:
    """Raises BridgeError when made from a body that is no request, or for a model that is not known."""

    def __init__(self, services: Services, body: bytes, client_headers: Mapping[str, str]) -> None:
        parsed = parse_request(body, max_depth=services.max_depth)
        self.route: Route = services.router.route(parsed.params.model)
        self.streamed = bool(parsed.params.stream)
        self._call = Sending(
            services.sender,
            self.route,
            lambda dialect: to_chat(parsed, dialect, self.route.translation),
            client_headers,
        )
        translation = self._call.translation
        self.adaptations: list[Adaptation] = translation.adaptations
        self._clock = services.clock
        self._stream = ResponseStream(translation, new_id=services.new_id, created_at=int(services.clock()))
        self._call.stream = self._stream
        self._stack = AsyncExitStack()

    @property
    def response(self) -> Response:
        return self._stream.response

    @property
    def error(self) -> BridgeError | None:
        """Why the response failed, if it did."""
        return self._stream.error

    @property
    def headers(self) -> Mapping[str, str]:
        """The upstream's headers that travel back."""
        return self._call.headers

    async def open(self) -> None:
        """Waits for the upstream's first answer. Raises UpstreamError where it refuses."""
        await self._stack.enter_async_context(self._call)

    def start(self) -> list[Event]:
        return self._stream.start()

    def keep_alive(self) -> list[Event]:
        return self._stream.keep_alive()

    def fail(self, error: BridgeError) -> list[Event]:
        return self._stream.fail(error, completed_at=self._now())

    async def events(self) -> AsyncIterator[list[Event]]:
        """The events behind the first two, those together that arrived together. Ends with the terminal one."""
        stream = self._stream
        try:
            async for chunks in self._call.batches():
                events: list[Event] = []
                for chunk in chunks:
                    events += stream.feed(chunk)
                if events:
                    yield events
                if stream.ended:
                    return
            yield stream.finish(said_done=self._call.said_done, completed_at=self._now())
        except BridgeError as error:
            yield self.fail(error)

    async def close(self) -> None:
        await self._stack.aclose()

    def _now(self) -> int:
        return int(self._clock())
