"""`Sending`: a translated request on its way: media fetched, sent, and sent once more after a refusal that teaches.

It is used like the `UpstreamCall` inside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import msgspec

from proxy.fetch import Fetcher
from proxy.learned import Learned
from proxy.routing import Route
from proxy.upstream import UpstreamCall, Upstreams
from translators.dialects import Dialect
from translators.errors import UpstreamError
from translators.inline import addresses, inline
from translators.learned import learn
from translators.report import Adaptation
from translators.request import Translation
from translators.runs import Chunk
from translators.stream import ResponseStream

Translate = Callable[[Dialect], Translation]


class Sender:
    """What every sending needs."""

    def __init__(self, upstreams: Upstreams, fetcher: Fetcher) -> None:
        self.upstreams = upstreams
        self.fetcher = fetcher
        self.learned = Learned()


class Sending:
    """`translate` gives the request in another dialect; `stream` is told what its answer will be to."""

    def __init__(
        self,
        sender: Sender,
        route: Route,
        translate: Translate,
        client_headers: Mapping[str, str],
    ) -> None:
        self.translation = translate(sender.learned.dialect(route))
        self._sender = sender
        self._route = route
        self._translate = translate
        self._client_headers = client_headers
        self._stack = AsyncExitStack()
        self._call: UpstreamCall | None = None
        self.stream: ResponseStream | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        return {} if self._call is None else self._call.headers

    @property
    def said_done(self) -> bool:
        return self._call is not None and self._call.said_done

    async def __aenter__(self) -> Self:
        """Raises UpstreamError, and InvalidRequest for media that cannot be fetched."""
        try:
            await self._send()
        except UpstreamError as error:
            if not self._learn_from(error):
                raise
            await self._send()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def batches(self) -> AsyncIterator[list[Chunk]]:
        """The chunks that arrived together, time after time. Raises UpstreamError."""
        assert self._call is not None, "it has not been sent"
        async for chunks in self._call.batches():
            yield chunks

    async def send_again(self, translation: Translation) -> None:
        """Another request in place of one whose answer has been read. Raises UpstreamError."""
        call = self._sender.upstreams.call(self._route, translation.body(), self._client_headers)
        await self._stack.enter_async_context(call)
        self.translation, self._call = translation, call

    async def _send(self) -> None:
        wanted = addresses(self.translation.chat, self.translation.dialect)
        if wanted:
            inline(self.translation.chat, await self._sender.fetcher.fetch_all(wanted))
        self._call = self._sender.upstreams.call(self._route, self.translation.body(), self._client_headers)
        await self._stack.enter_async_context(self._call)

    def _learn_from(self, error: UpstreamError) -> bool:
        lesson = learn(error, self.translation.chat, self.translation.dialect)
        if lesson is None:
            return False
        self._sender.learned.remember(self._route, lesson)
        again = self._translate(lesson.dialect)
        adaptations = self.translation.adaptations  # others hold this very list
        adaptations[:] = [*again.adaptations, Adaptation("changed", lesson.about, f"refused: {error.message}")]
        self.translation = msgspec.structs.replace(again, adaptations=adaptations)
        if self.stream is not None:
            self.stream.answers(self.translation)
        return True
