"""`Sending`: a translated request on its way: media made ready, sent, and sent once more after a refusal that teaches.

It is used like the `UpstreamCall` inside it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence

import msgspec

from proxy.inbound.access import Caller
from proxy.media.documents import DocumentReader
from proxy.media.fetch import Fetcher
from proxy.process.grammars import Grammars
from proxy.upstream.body import IntoChunks, Straight
from proxy.upstream.calls import UpstreamCall, Upstreams
from proxy.upstream.lessons import Learned
from proxy.upstream.routing import Route
from translators.answering.stream import ResponseStream
from translators.asking.inline import addresses, documents, inline, may_hold_media, put_texts
from translators.asking.translate import ParsedRequest, Translation, to_chat
from translators.dialects import Dialect
from translators.errors import UpstreamError
from translators.items.item import Item
from translators.recovery.lessons import Lesson, learn
from translators.report import Adaptation
from translators.schema.chat import ChatRequest
from translators.tools import InputCheck
from translators.wire.chunk_template import Chunk


class Sender:
    """What every sending needs."""

    def __init__(self, upstreams: Upstreams, fetcher: Fetcher, documents: DocumentReader, grammars: Grammars) -> None:
        self.upstreams = upstreams
        self.grammars = grammars
        self.learned = Learned()
        self._fetcher = fetcher
        self._documents = documents

    async def prepare(self, request: ChatRequest, dialect: Dialect, owner: str) -> None:
        """Fetches and reads what the upstream cannot. Raises InvalidRequest."""
        remote = addresses(request, dialect)
        if remote:
            inline(request, await self._fetcher.fetch_all(remote))
        unread = documents(request, dialect)
        if unread:
            put_texts(request, await self._documents.read_all(unread, owner), dialect)


class Sending:
    """Of a request of `caller` behind a history; `stream` is told what its answer will be to, where that changes."""

    def __init__(
        self,
        sender: Sender,
        route: Route,
        parsed: ParsedRequest,
        history: Sequence[Item],
        client_headers: Mapping[str, str],
        caller: Caller,
    ) -> None:
        sealer = route.translation.sealer.of(caller.owners)
        self._settings = msgspec.structs.replace(route.translation, sealer=sealer)
        self.translation = to_chat(parsed, sender.learned.dialect(route, caller), self._settings, history)
        self._sender = sender
        self._route = route
        self._parsed = parsed
        self._history = history
        self._client_headers = client_headers
        self._caller = caller
        self._lesson: Lesson | None = None  # until the answer has proved it
        self._call: UpstreamCall | None = None
        self.stream: ResponseStream | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        return {} if self._call is None else self._call.headers

    @property
    def said_done(self) -> bool:
        return self._call is not None and self._call.said_done

    async def load_grammars(self) -> None:
        """Finds out which inputs of tools can be checked. Raises InvalidRequest for a grammar that nobody can use."""
        if self.translation.tools.grammars:
            await self._sender.grammars.load(self.translation, self._caller.owner)

    async def check(self, inputs: Sequence[InputCheck]) -> list[Sequence[str | None]]:
        """What is wrong with each reading of each input; nothing for one that could not be checked."""
        return await self._sender.grammars.check(inputs, self.translation, self._caller.owner)

    async def open(self) -> None:
        """Raises UpstreamError, and InvalidRequest for media that cannot be fetched."""
        try:
            await self._send()
        except UpstreamError as error:
            lesson = learn(error, self.translation.chat, self.translation.dialect)
            if lesson is None:
                raise
            self._translate_again(lesson, error)
            await self.load_grammars()
            await self._send()
            self._lesson = lesson if lesson.certain else None

    def ended(self, *, well: bool) -> None:
        """What the refusal of its first form taught is kept, if its second had an answer."""
        lesson, self._lesson = self._lesson, None
        if lesson is not None and well:
            self._sender.learned.remember(self._route, self._caller, lesson)

    def read(self) -> Awaitable[list[Chunk]]:
        """The chunks that arrived together, and none when all have been read. Raises UpstreamError."""
        assert self._call is not None, "it has not been sent"
        return self._call.read()

    def pour(self, into: IntoChunks, straight: Straight | None) -> Awaitable[None]:
        """Gives `into` chunks as they arrive, until it answers False, or `read` has to say what comes next.

        What can go `straight` goes there.
        """
        assert self._call is not None, "it has not been sent"
        return self._call.pour(into, straight)

    async def send_again(self, translation: Translation) -> None:
        """Another request in place of one whose answer has been read. Raises UpstreamError."""
        call = self._sender.upstreams.call(self._route, translation.body(), self._client_headers)
        await self.aclose()
        await call.open()
        self.translation, self._call = translation, call

    async def aclose(self) -> None:
        if self._call is not None:
            await self._call.aclose()

    async def _send(self) -> None:
        if may_hold_media(self.translation.chat):
            await self._sender.prepare(self.translation.chat, self.translation.dialect, self._caller.owner)
        call = self._sender.upstreams.call(self._route, self.translation.body(), self._client_headers)
        await call.open()
        self._call = call

    def _translate_again(self, lesson: Lesson, error: UpstreamError) -> None:
        again = to_chat(self._parsed, lesson.dialect, self._settings, self._history)
        adaptations = self.translation.adaptations  # others hold this very list
        adaptations[:] = [*again.adaptations, Adaptation("changed", lesson.about, f"refused: {error.message}")]
        self.translation = msgspec.structs.replace(again, adaptations=adaptations)
        if self.stream is not None:
            self.stream.answers(self.translation)
