"""`Attempts`: a question on its way to an answer, over as many attempts as that takes.

    made ──▶ open ──▶ answering ──▶ closed
              ▲ │         │
              │ │ refused │ move: it failed before its first content
              └─┴─────────┤
              ▲           │ ask: another question, behind an answer that was read
              └───────────┘

A refusal leads to another attempt where the verdict is to go on; else it is raised.

An attempt is one translation of the question, made for one target, and one call that sends it. Each has a translation
of its own, with its own list of adaptations: none is patched, and nobody else holds one for longer than it lasts. What
outlives an attempt is kept here: the question, what its media hold, what was learned, and what is to be reported beyond
its translation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence

import msgspec

from proxy.callers import Caller
from proxy.process.aside import aside
from proxy.process.grammars import Grammars
from proxy.upstream.body import IntoChunks, Straight
from proxy.upstream.calls import UpstreamCall
from proxy.upstream.connections import Upstreams
from proxy.upstream.contents import Contents, MediaReaders
from proxy.upstream.lesson_book import LessonBook
from proxy.upstream.plan import Plan, Route
from proxy.upstream.wire import Question
from translators.asking.inline import may_hold_media
from translators.asking.translate import Translation
from translators.dialects import Dialect
from translators.errors import BridgeError, UpstreamError
from translators.recovery.lessons import Lesson
from translators.recovery.verdict import Again, Budget, Verdict, verdict
from translators.report import Adaptation
from translators.tools import InputCheck
from translators.wire.chunk_template import Chunk


class Sender:
    """What the attempts of every exchange need."""

    def __init__(self, upstreams: Upstreams, readers: MediaReaders, grammars: Grammars) -> None:
        self.upstreams = upstreams
        self.grammars = grammars
        self.lessons = LessonBook()
        self.readers = readers


class Attempt:
    """A question as one target is asked it; `call` is the one that asked, None as long as it has not been opened."""

    __slots__ = ("call", "route", "translation")

    def __init__(self, route: Route, translation: Translation, call: UpstreamCall | None = None) -> None:
        self.route = route
        self.translation = translation
        self.call = call

    def __repr__(self) -> str:
        return f"Attempt({self.route!r}, {'not sent' if self.call is None else self.call})"


class Attempts:
    """At the targets of `plan`, for a request of `caller` with `client_headers`.

    Made with the translation for the first target, so that whatever is wrong with the request is known before anything
    is sent. Raises InvalidRequest.
    """

    def __init__(
        self, sender: Sender, plan: Plan, question: Question, client_headers: Mapping[str, str], caller: Caller
    ) -> None:
        self._sender = sender
        self._question = question
        self._client_headers = client_headers
        self._caller = caller
        self._budget = Budget()
        self._lessons: list[Lesson] = []  # those that this question goes by; an answer has yet to prove them
        self._carried: list[Adaptation] = []  # to be reported beside what the translation itself does
        self._contents: Contents | None = None
        route = plan.first
        self._attempt = Attempt(route, self._translate(question, route, sender.lessons.dialect(route, caller)))

    def __repr__(self) -> str:
        return f"Attempts({self._question!r}, {self._attempt!r}, lessons: {[each.about for each in self._lessons]})"

    @property
    def translation(self) -> Translation:
        """That of the current attempt: another object after each."""
        return self._attempt.translation

    @property
    def adaptations(self) -> list[Adaptation]:
        """What was reported of the current attempt, and of the answers before its own."""
        return self._attempt.translation.adaptations

    @property
    def question(self) -> Question:
        """What was asked last."""
        return self._question

    @property
    def route(self) -> Route:
        return self._attempt.route

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of the upstream's answer that travel back."""
        call = self._attempt.call
        return {} if call is None else call.headers

    @property
    def said_done(self) -> bool:
        call = self._attempt.call
        return call is not None and call.said_done

    def report(self, adaptation: Adaptation) -> None:
        """Has something reported that is true of every attempt."""
        self._carried.append(adaptation)
        self.adaptations.append(adaptation)

    async def load_grammars(self) -> None:
        """Finds out which inputs of tools can be checked. Raises InvalidRequest for a grammar that nobody can use."""
        if self.translation.tools.grammars:
            await self._sender.grammars.load(self.translation, self._caller.owner)

    async def check(self, inputs: Sequence[InputCheck]) -> list[Sequence[str | None]]:
        """What is wrong with each reading of each input; nothing for one that could not be checked."""
        return await self._sender.grammars.check(inputs, self.translation, self._caller.owner)

    async def open(self) -> None:
        """Sends the question until an upstream takes it, or a refusal stands.

        Raises UpstreamError, and InvalidRequest for media that cannot be fetched.
        """
        while True:
            try:
                await self._send()
                return
            except UpstreamError as error:
                found = self._verdict(error)
                if not isinstance(found, Again):
                    raise
                await self._go_by(found, error)

    async def move(self, error: UpstreamError) -> bool:
        """Whether another attempt answers in the place of one that ended with `error` before its first content.

        Raises as `open` does where that one is refused.
        """
        found = self._verdict(error)
        if not isinstance(found, Again):
            return False
        await self.aclose()
        await self._go_by(found, error)
        await self.open()
        return True

    async def ask(self, question: Question, why: Adaptation) -> None:
        """Sends another question, in place of one whose answer has been read.

        It is asked in the dialect that this answer was had in, so that what goes upstream begins with the bytes of the
        question before. Raises UpstreamError and InvalidRequest as `open` does: then the answer before is the last, and
        all is as it was.
        """
        answered, asked, lessons, carried = self._attempt, self._question, [*self._lessons], [*self._carried]
        if answered.call is not None:
            await answered.call.aclose()
        self._question = question
        self._carried = list(dict.fromkeys([*self._carried, *self.adaptations, why]))
        try:
            await self._translate_again(answered.translation.dialect)
            await self.open()
        except BridgeError:
            self._attempt, self._question, self._lessons, self._carried = answered, asked, lessons, carried
            raise

    def read(self) -> Awaitable[list[Chunk]]:
        """The chunks that arrived together, and none when all have been read. Raises UpstreamError."""
        return self._call.read()

    def deliver(self, into: IntoChunks, straight: Straight | None) -> Awaitable[None]:
        """Gives `into` chunks as they arrive, until it answers False, or `read` has to say what comes next.

        What can go `straight` goes there.
        """
        return self._call.deliver(into, straight)

    def ended(self, *, well: bool) -> None:
        """Keeps for others what the refusals taught, where the answer to what was left of the question went well."""
        lessons, self._lessons = self._lessons, []
        for lesson in lessons if well else ():
            if lesson.certain:
                self._sender.lessons.remember(self.route, self._caller, lesson)

    async def aclose(self) -> None:
        """Closes the connection of the current attempt; those of the others are closed."""
        if self._attempt.call is not None:
            await self._attempt.call.aclose()

    @property
    def _call(self) -> UpstreamCall:
        assert self._attempt.call is not None, "nothing has been sent"
        return self._attempt.call

    async def _send(self) -> None:
        attempt = self._attempt
        chat, dialect = attempt.translation.chat, attempt.translation.dialect
        if may_hold_media(chat):
            if self._contents is None:
                self._contents = Contents(self._sender.readers, self._caller.owner)
            await self._contents.put_into(chat, dialect)
        body = await aside(self._question.size, attempt.route.wire.body, attempt.translation)
        call = self._sender.upstreams.call(attempt.route, body, self._client_headers)
        await call.open()
        attempt.call = call

    def _verdict(self, error: UpstreamError) -> Verdict:
        return verdict(error, self.translation.chat, self.translation.dialect, self._budget)

    async def _go_by(self, again: Again, error: UpstreamError) -> None:
        """Puts the question in the form that a refusal has taught."""
        self._budget = again.budget
        self._lessons.append(again.lesson)
        self._carried.append(Adaptation("changed", again.lesson.about, f"refused: {error.message}"))
        await self._translate_again(again.lesson.dialect)

    async def _translate_again(self, dialect: Dialect) -> None:
        route = self._attempt.route
        translation = await aside(self._question.size, self._translate, self._question, route, dialect)
        self._attempt = Attempt(route, translation)
        await self.load_grammars()
        told = self.adaptations
        told += [adaptation for adaptation in self._carried if adaptation not in told]

    def _translate(self, question: Question, route: Route, dialect: Dialect) -> Translation:
        sealer = route.translation.sealer.of(self._caller.owners)
        settings = msgspec.structs.replace(route.translation, sealer=sealer)
        return route.wire.translate(question, dialect, settings)
