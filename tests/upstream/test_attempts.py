"""`Attempts`: what outlives an attempt, and what does not."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any, Literal

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from proxy.callers import Caller
from proxy.config import (
    Config,
    DocumentSettings,
    FetchSettings,
    GrammarSettings,
    ModelSettings,
    Secret,
    UpstreamSettings,
)
from proxy.media.documents import DocumentReader
from proxy.media.fetch import Fetcher
from proxy.process.grammars import Grammars
from proxy.telemetry.metrics import Metrics
from proxy.upstream.attempts import Attempts, Sender
from proxy.upstream.connections import Upstreams
from proxy.upstream.contents import MediaReaders
from proxy.upstream.routing import Router
from proxy.upstream.wire import Question
from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer, silence, sse_answer
from tests.support.translation import Json, encode
from translators.asking.parse import parse_request
from translators.asking.tail import RejectedCall, RejectedCalls
from translators.errors import InvalidRequest, UpstreamError
from translators.recovery.upstream_errors import error_in_chunk
from translators.recovery.verdict import MOST_LESSONS
from translators.report import Adaptation
from translators.schema.chat import ChatChunk
from translators.tools import ToolName

COMPLETION: Json = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}]
}
BODY: Json = {"model": "m", "input": "hi", "temperature": 0.5, "top_p": 0.5}
WHY = Adaptation("emulated", "input", "the answer was empty: the model was asked again")
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


def refusal(name: str) -> Answer:
    error = {"message": f"Unsupported parameter: '{name}'", "param": name, "code": "unsupported_parameter"}
    return json_answer({"error": error}, status=400)


class Bench:
    """Attempts at one backend, and the addresses that were fetched for them."""

    def __init__(self, backend: ChatBackend, **upstream: Any) -> None:
        settings = UpstreamSettings(base_url=backend.base_url, **{"dialect": "generic", **upstream})
        config = Config(upstreams={"up": settings}, models={"*": ModelSettings(upstream="up")})
        self.fetched: list[str] = []
        self.works = 1  # so often an address can be fetched
        self.router = Router(config)
        self.upstreams = Upstreams(config.upstreams)
        self.documents, self.grammars = DocumentReader(DocumentSettings()), Grammars(GrammarSettings())
        fetcher = Fetcher(FetchSettings(), transport=httpx2.MockTransport(self._serve))
        self.sender = Sender(self.upstreams, MediaReaders(fetcher, self.documents), self.grammars)

    def _serve(self, request: httpx2.Request) -> httpx2.Response:
        self.fetched.append(str(request.url))
        if len(self.fetched) > self.works:
            return httpx2.Response(410)
        return httpx2.Response(200, content=PNG, headers={"content-type": "image/png"})

    def attempts(self, body: Json = BODY) -> Attempts:
        return Attempts(self.sender, self.router.plan("m"), question(body), {}, Caller("", "a"))

    def learned(self) -> set[str]:
        return {about for _, about in self.sender.lessons.in_force()}


@contextlib.asynccontextmanager
async def bench(backend: ChatBackend, **upstream: Any) -> AsyncIterator[Bench]:
    made = Bench(backend, **upstream)
    try:
        yield made
    finally:
        await made.upstreams.aclose()
        await made.documents.aclose()
        await made.grammars.aclose()


def question(body: Json) -> Question:
    return Question(parse_request(encode(body)))


def sent(backend: ChatBackend) -> list[list[str]]:
    return [sorted({"temperature", "top_p"} & request.json.keys()) for request in backend.requests]


async def test_a_lesson_makes_another_attempt_and_leaves_the_first_as_it_was() -> None:
    async with ChatBackend() as backend, bench(backend) as made:
        backend.script(refusal("temperature"), json_answer(COMPLETION))
        attempts = made.attempts()
        first, reported = attempts.translation, list(attempts.adaptations)
        await attempts.open()
        assert attempts.translation is not first
        assert first.adaptations == reported
        assert "changed temperature" in "; ".join(map(str, attempts.adaptations))
        assert "sent" not in repr(attempts)
        await attempts.aclose()


async def test_what_is_asked_again_goes_by_the_lessons_and_teaches_more() -> None:
    """The second question, and not the first, is what the third request holds."""
    async with ChatBackend() as backend, bench(backend) as made:
        backend.script(refusal("temperature"), json_answer(COMPLETION), refusal("top_p"), json_answer(COMPLETION))
        attempts = made.attempts()
        await attempts.open()
        assert await attempts.read()
        await attempts.ask(question({**BODY, "input": "hi, and more"}), WHY)
        assert sent(backend) == [["temperature", "top_p"], ["top_p"], ["top_p"], []]
        assert [request.json["messages"][-1]["content"] for request in backend.requests] == [
            "hi",
            "hi",
            "hi, and more",
            "hi, and more",
        ]
        told = [str(adaptation) for adaptation in attempts.adaptations]
        assert len(told) == len(set(told))
        assert str(WHY) in told
        assert {"changed temperature", "changed top_p"} < {each.partition(":")[0] for each in told}
        assert made.learned() == set()
        attempts.ended(well=True)
        assert made.learned() == {"temperature", "top_p"}
        await attempts.aclose()


async def test_where_asking_again_is_refused_the_answer_before_is_the_last() -> None:
    """What a refused question taught, nothing has proved."""
    async with ChatBackend() as backend, bench(backend) as made:
        backend.script(json_answer(COMPLETION), refusal("temperature"), json_answer({"error": "no"}, status=500))
        attempts = made.attempts()
        await attempts.open()
        assert await attempts.read()
        answered, reported = attempts.translation, list(attempts.adaptations)
        with pytest.raises(UpstreamError):
            await attempts.ask(question({**BODY, "input": "more"}), WHY)
        assert attempts.translation is answered
        assert attempts.adaptations == reported
        assert attempts.said_done
        attempts.ended(well=True)
        assert made.learned() == set()
        await attempts.aclose()


async def test_what_is_uncertain_is_not_for_others_with_what_is_certain() -> None:
    echo = {"error": {"message": "Your text: 'temperature is not supported', which is unsupported"}}
    async with ChatBackend() as backend, bench(backend) as made:
        backend.script(json_answer(echo, status=400), refusal("top_p"), json_answer(COMPLETION))
        attempts = made.attempts()
        await attempts.open()
        assert sent(backend) == [["temperature", "top_p"], ["top_p"], []]
        attempts.ended(well=True)
        assert made.learned() == {"top_p"}
        other = made.attempts().translation.chat
        assert (other.temperature, other.top_p) == (0.5, UNSET)
        await attempts.aclose()


async def test_lessons_of_requests_at_once_are_all_kept() -> None:
    """Each was learned by a request that knew nothing of the other's."""
    async with ChatBackend() as backend, bench(backend) as made:
        one, other = made.attempts(), made.attempts()
        backend.script(refusal("temperature"), json_answer(COMPLETION), refusal("top_p"), json_answer(COMPLETION))
        for attempts in (one, other):
            await attempts.open()
        for attempts in (one, other):
            attempts.ended(well=True)
            await attempts.aclose()
        third = made.attempts().translation.chat
        assert (third.temperature, third.top_p) == (UNSET, UNSET)


async def test_a_refusal_within_a_stream_moves_before_the_first_content() -> None:
    async with ChatBackend() as backend, bench(backend) as made:
        error = {"message": "Unsupported parameter: 'temperature'", "param": "temperature", "code": 400}
        backend.script(sse_answer([b": waiting\n\n", {"error": error}]), sse_answer([]))
        attempts = made.attempts({**BODY, "stream": True})
        await attempts.open()
        (chunk,) = await attempts.read()
        assert isinstance(chunk, ChatChunk)
        refused = error_in_chunk(chunk)
        assert refused is not None
        assert await attempts.move(refused)
        assert made.upstreams.health["up"].under_way == 1  # the attempt that was left is closed
        assert sent(backend) == [["temperature", "top_p"], ["top_p"]]
        assert not await attempts.move(UpstreamError("The connection broke off."))
        assert len(backend.requests) == 2
        await attempts.aclose()


IMAGE: Json = {"role": "user", "content": [{"type": "input_image", "image_url": "http://8.8.8.8/once.png"}]}


async def test_media_are_fetched_once_however_often_the_question_is_asked() -> None:
    async with ChatBackend() as backend, bench(backend, dialect={"preset": "generic", "images": ["data"]}) as made:
        backend.script(refusal("temperature"), json_answer(COMPLETION), json_answer(COMPLETION))
        body = {**BODY, "input": [IMAGE]}
        attempts = made.attempts(body)
        await attempts.open()
        await attempts.read()
        await attempts.ask(question(body), WHY)
        assert made.fetched == ["http://8.8.8.8/once.png"]
        urls = [request.json["messages"][0]["content"][0]["image_url"]["url"] for request in backend.requests]
        assert len(urls) == 3
        assert len(set(urls)) == 1
        await attempts.aclose()


async def test_media_that_fail_in_a_later_attempt_are_the_clients_to_hear_of() -> None:
    """An upstream teaches that it takes no files: then this one has to be read, and is no document at all."""
    refused = json_answer({"error": {"message": "unsupported content[].type: file"}}, status=400)
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAEC"}
    dialect = {"preset": "generic", "files": ["data"]}
    async with ChatBackend(strict=False) as backend, bench(backend, dialect=dialect) as made:
        backend.script(refused)
        attempts = made.attempts({"model": "m", "input": [{"role": "user", "content": [file]}]})
        with pytest.raises(InvalidRequest, match=r"a\.pdf"):
            await attempts.open()
        assert "changed messages[].content[].file" in "; ".join(map(str, attempts.adaptations))
        attempts.ended(well=False)
        await attempts.aclose()


async def test_a_client_that_leaves_between_the_attempts_leaves_nothing_open() -> None:
    asked = asyncio.Event()

    def second(request: Request) -> Answer:
        asked.set()
        return silence()

    async with ChatBackend() as backend, bench(backend) as made:
        backend.script(refusal("temperature"), second)
        attempts = made.attempts()
        task = asyncio.create_task(attempts.open())
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        attempts.ended(well=False)
        await attempts.aclose()
        await backend.closed()  # the upstream is not kept at work
        assert made.learned() == set()


async def test_every_attempt_is_counted_and_ends_once() -> None:
    """A refused one, one that is asked again behind its answer, and one whose client left."""
    async with ChatBackend() as backend, bench(backend) as made:
        backend.script(refusal("temperature"), json_answer(COMPLETION), json_answer(COMPLETION), silence())
        attempts = made.attempts()
        await attempts.open()
        condition = made.upstreams.health["up"]
        assert condition.under_way == 1
        await attempts.read()
        await attempts.ask(question(BODY), WHY)
        for _ in range(2):
            await attempts.aclose()
        leaving = made.attempts()
        task = asyncio.create_task(leaving.open())
        await backend.received(4)
        task.cancel()
        await asyncio.wait([task])
        await leaving.aclose()
        assert condition.under_way == 0
        assert condition.ends == {"400": 1, "200": 2, "left": 1}


CUT = sse_answer([{"choices": [{"index": 0, "delta": {"content": "Hel"}}]}], cut_after=70, cut="reset")
# What an answer is counted as, and how many have failed in a row then, if it were four before.
ENDS: list[tuple[Answer, str, int]] = [
    (json_answer({"error": {"message": "no"}}, status=503), "503", 5),
    (json_answer({"error": {"message": "no"}}, status=404), "404", 0),
    (json_answer({"error": {"message": "no"}}, status=429), "429", 4),
    (json_answer({"error": {"message": "no", "code": 400}}), "400", 0),
    (json_answer(b"<p>Hello.</p>"), "broken", 5),
    (CUT, "broken", 5),
    (json_answer(COMPLETION), "200", 0),
]


@pytest.mark.parametrize(("answer", "code", "failures"), ENDS)
async def test_how_a_call_ends_tells_of_its_upstream(answer: Answer, code: str, failures: int) -> None:
    async with ChatBackend() as backend, bench(backend) as made:
        condition = made.upstreams.health["up"]
        condition.failures = 4
        backend.script(answer)
        attempts = made.attempts({**BODY, "stream": True})
        with contextlib.suppress(UpstreamError):
            await attempts.open()
            while await attempts.read():
                pass
        await attempts.aclose()
        assert (condition.under_way, condition.ends, condition.failures) == (0, {code: 1}, failures)


async def test_an_upstream_that_is_not_there_is_told_of() -> None:
    async with ChatBackend() as backend:
        gone = bench(backend)
    async with gone as made:
        for _ in range(2):
            attempts = made.attempts()
            with pytest.raises(UpstreamError):
                await attempts.open()
            await attempts.aclose()
        condition = made.upstreams.health["up"]
        assert (condition.ends, condition.failures, condition.under_way) == ({"unreachable": 2}, 2, 0)
        page = Metrics().page({}, made.upstreams.health)
        assert b'dragoman_upstream_failures_in_a_row{upstream="up",process=' in page
        assert b'dragoman_upstream_requests_total{upstream="up",code="unreachable",process=' in page


# ---- any schedule of failures

LOOK: Json = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
Step = Literal["200", "temperature", "top_p", "500", "echo"]
_STEPS: dict[Step, Answer] = {
    "200": json_answer(COMPLETION),
    "temperature": refusal("temperature"),
    "top_p": refusal("top_p"),
    "500": json_answer({"error": {"message": "no"}}, status=500),
    "echo": json_answer({"error": {"message": "Your text: 'top_p is not supported', which is unknown"}}, status=400),
}


@given(st.lists(st.sampled_from(sorted(_STEPS)), min_size=1, max_size=12))
def test_any_schedule_of_failures_loses_nothing(steps: list[Step]) -> None:
    """What was said stays in every later request (R9), attempts are bounded, and each ends once."""
    asyncio.run(_run(steps))


async def _run(steps: list[Step]) -> None:
    async with ChatBackend() as backend, bench(backend) as made:
        backend.script(*(_STEPS[step] for step in steps))
        backend.always(_STEPS["200"])
        attempts, asked, well = made.attempts({**BODY, "tools": [LOOK]}), 1, True
        try:
            await attempts.open()
            while len(backend.requests) < len(steps):
                answered, sent_before = attempts.translation, backend.requests[-1].json["messages"]
                call = RejectedCall(f"call_{asked}", ToolName("look"), "{}", None)
                said = RejectedCalls([call], "m", "generic")
                asked += 1
                try:
                    await attempts.ask(attempts.question.going_on([said]), WHY)
                except UpstreamError:
                    assert attempts.translation is answered
                    break
                messages = backend.requests[-1].json["messages"]
                assert messages[: len(sent_before)] == sent_before
                assert messages[-1]["tool_call_id"] == call.call_id
        except UpstreamError:
            well = False
        attempts.ended(well=well)
        await attempts.aclose()
        condition = made.upstreams.health["up"]
        assert condition.under_way == 0
        assert condition.ends.total() == len(backend.requests) <= asked + MOST_LESSONS
        for before, after in itertools.pairwise(sent(backend)):
            assert set(after) <= set(before), "what was learned is forgotten"
        refused = {step for step in steps if step in ("temperature", "top_p")}
        assert made.learned() <= (refused if well else set())


async def test_what_holds_state_can_be_told_in_a_log() -> None:
    """Each shows where it stands, and none a secret or what was asked."""
    async with ChatBackend() as backend, bench(backend, api_key=Secret("sk-very-secret")) as made:
        backend.script(refusal("temperature"), json_answer(COMPLETION))
        attempts = made.attempts({**BODY, "input": "private words"})
        assert "not sent" in repr(attempts)
        await attempts.open()
        assert "ChatAnswer(200, arriving, said done)" in repr(attempts)
        attempts.ended(well=True)
        await attempts.aclose()
        held = [attempts, made.router, made.router.plan("m"), made.upstreams, made.sender.lessons]
        shown = "\n".join(map(repr, held))
        assert "sk-very-secret" not in shown
        assert "private words" not in shown
        assert "LessonBook(up without temperature: 1)" in shown
        assert "Upstreams(up: Condition(0 under way, 0 failed in a row))" in shown
