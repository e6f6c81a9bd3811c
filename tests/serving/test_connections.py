"""Connections over real sockets: heads and bodies have limits of size and time, and none locks others out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from proxy.config import Secret
from proxy.serving.connections import Connections
from proxy.serving.http_protocol import HttpProtocol
from tests.support.chat_backend import ChatBackend, json_answer, silence, sse_answer
from tests.support.live import USAGE, LiveProxy, chunk, config_for
from tests.support.turns import hearing, turns_until

Json = dict[str, Any]
WHOLE: Json = {"choices": [{"index": 0, "message": {"content": "Hi."}, "finish_reason": "stop"}], "usage": USAGE}
BODY = json.dumps({"model": "m", "input": "hi"}).encode()
HEAD = b"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
WITH_LENGTH = HEAD + b"content-length: %d\r\n" % len(BODY)
ASK = WITH_LENGTH + b"\r\n" + BODY
LATER = 1000.0  # seconds after any deadline


class Client:
    """A bare connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)  # another read for another piece, nearly always

    async def answer(self) -> tuple[int, Json]:
        """The status and the body of the next final answer."""
        while True:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
            if not head.startswith("http/1.1 1"):
                break
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split(" ")[1]), json.loads(await self.reader.readexactly(length))

    async def refusal(self) -> tuple[int, str]:
        status, body = await self.answer()
        assert set(body["error"]) == {"message", "type", "param", "code"}
        return status, body["error"]["code"]

    async def ended(self) -> bool:
        """Waits for the end; whether nothing came before it."""
        with contextlib.suppress(ConnectionError):
            return await self.reader.read() == b""
        return True


def connections_of(proxy: LiveProxy) -> Connections:
    found: Any = proxy._settings.http
    return found.keywords["connections"]  # type: ignore[no-any-return]


def opened(proxy: LiveProxy) -> list[Any]:
    return list(connections_of(proxy)._open)


def sweep(proxy: LiveProxy) -> None:
    """As if all deadlines had passed. The first look only begins to count."""
    now = asyncio.get_running_loop().time()
    connections_of(proxy).sweep(now)
    connections_of(proxy).sweep(now + LATER)


async def begun(proxy: LiveProxy, what: Callable[[HttpProtocol], bool]) -> None:
    """Until the server has read what was sent on one of its connections."""
    connections: Any = connections_of(proxy)._open
    await turns_until(lambda: any(what(connection) for connection in connections))


def facts(records: list[logging.LogRecord]) -> list[Json]:
    return [record.facts for record in records if hasattr(record, "facts")]


@contextlib.asynccontextmanager
async def client_of(proxy: LiveProxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def served(**server: Any) -> AsyncIterator[tuple[ChatBackend, LiveProxy]]:
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url, **server)) as proxy:
        yield backend, proxy


# ---- heads

TOO_LARGE = {
    "one header": HEAD + b"x-a: " + b"a" * 70_000 + b"\r\n\r\n",
    "address": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    "in all": HEAD + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(70)) + b"\r\n",
    "fields": HEAD + b"a: b\r\n" * 200 + b"\r\n",
    "never ends": HEAD + b"x-a: " + b"a" * 400_000,
    "never ends, fields": HEAD + b"x-a: b\r\n" * 10_000,
}


@pytest.mark.parametrize("case", TOO_LARGE)
@pytest.mark.parametrize("size", [1 << 20, 10_000])
async def test_a_head_over_the_limits_is_refused_before_any_key_is_looked_at(case: str, size: int) -> None:
    sent = TOO_LARGE[case]
    async with served(api_keys=(Secret("right"),)) as (_, proxy), client_of(proxy) as client:
        with contextlib.suppress(ConnectionError):
            await client.send(*(sent[at : at + size] for at in range(0, len(sent), size)))
        assert await client.refusal() == (431, "request_header_fields_too_large")
        assert await client.ended()


async def test_a_head_within_the_limits_is_taken() -> None:
    async with served() as (backend, proxy), client_of(proxy) as client:
        backend.always(json_answer(WHOLE))
        fields = b"".join(b"x-%d: %s\r\n" % (n, b"a" * 500) for n in range(120))
        await client.send(WITH_LENGTH + fields, b"\r\n" + BODY)
        assert (await client.answer())[0] == 200


async def test_what_follows_a_chunked_body_is_bounded_too() -> None:
    async with served() as (backend, proxy), client_of(proxy) as client:
        backend.always(json_answer(WHOLE))
        await client.send(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                await client.send(b"x" * 10_000)
        assert (await client.refusal())[0] == 431


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00", b"GET / SPDY/9\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"]
)
async def test_what_is_no_http_is_told_in_the_envelope(sent: bytes) -> None:
    async with served() as (_, proxy), client_of(proxy) as client:
        await client.send(sent)
        assert (await client.refusal())[0] in (400, 404)


# ---- time


@pytest.mark.parametrize("sent", [b"POST /v1/resp", HEAD])
async def test_a_head_that_does_not_end_is_given_up(sent: bytes) -> None:
    async with served() as (backend, proxy), client_of(proxy) as client:
        backend.always(json_answer(WHOLE))
        await client.send(ASK)
        assert (await client.answer())[0] == 200
        await client.send(sent)
        await begun(proxy, HttpProtocol._reads_head)
        with hearing() as records:
            sweep(proxy)
        assert await client.refusal() == (408, "request_timeout")
        assert await client.ended()
        (told,) = facts(records)
        assert (told["http"], "server.head_timeout" in told["reason"]) == (408, True)


async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with served() as (_, proxy), client_of(proxy) as client, client_of(proxy) as crlf:
        await crlf.send(b"\r\n" * 100)
        await begun(proxy, lambda connection: connection._intake.latest > 0)
        await turns_until(lambda: len(connections_of(proxy)._open) == 2)
        sweep(proxy)
        assert await client.ended()
        assert await crlf.ended()


async def test_a_body_that_drips_is_given_up() -> None:
    async with served() as (_, proxy), client_of(proxy) as client:
        await client.send(WITH_LENGTH + b"\r\n", BODY[:5])
        await begun(proxy, lambda connection: connection._intake.body == 5)
        with hearing() as records:
            sweep(proxy)
            assert await client.refusal() == (408, "request_timeout")
            assert await client.ended()
            await turns_until(lambda: bool(facts(records)))
        (told,) = facts(records)
        assert (told["http"], told["code"]) == (408, "request_timeout")


async def test_a_body_that_goes_on_is_waited_for() -> None:
    async with served() as (backend, proxy), client_of(proxy) as client:
        backend.always(json_answer(WHOLE))
        padded = BODY[:-1] + b" " * 40_000 + b"}"
        await client.send(HEAD + b"content-length: %d\r\n\r\n" % len(padded), padded[:20_000])
        connections, now = connections_of(proxy), asyncio.get_running_loop().time()
        await begun(proxy, lambda connection: connection._intake.body == 20_000)
        connections.sweep(now)
        connections.sweep(now + 31)
        await client.send(padded[20_000:])
        assert (await client.answer())[0] == 200


async def test_an_answer_has_all_the_time_of_the_world() -> None:
    async with served() as (backend, proxy), client_of(proxy) as client:
        backend.script(silence())
        await client.send(ASK)
        await backend.received(1)
        sweep(proxy)
        assert not client.reader.at_eof()
        assert connections_of(proxy)._open


# ---- how many


async def test_what_only_waits_makes_room() -> None:
    async with served(max_connections=2) as (backend, proxy):
        backend.always(json_answer(WHOLE))
        async with client_of(proxy) as first, client_of(proxy) as second:
            await second.send(b"POST /v1")
            async with client_of(proxy) as third:
                await third.send(ASK)
                assert (await third.answer())[0] == 200
                assert await first.ended()


async def test_what_is_answered_keeps_its_place() -> None:
    async with served(max_connections=2) as (backend, proxy):
        backend.script(silence(), silence())
        async with client_of(proxy) as first, client_of(proxy) as second, contextlib.AsyncExitStack() as stack:
            for client in (first, second):
                await client.send(ASK)
            await backend.received(2)
            with hearing() as records:
                for _ in range(3):
                    third = await stack.enter_async_context(client_of(proxy))
                    await third.send(ASK)
                    assert await third.refusal() == (503, "too_many_connections")
            assert len(connections_of(proxy)._open) == 2
            assert ["server.max_connections" in record.getMessage() for record in records] == [True]


HELD_OPEN = 40


@pytest.mark.parametrize("sent", [1, 0])
async def test_bodies_that_stop_lock_nobody_out(sent: int) -> None:
    async with served(max_connections=4) as (backend, proxy), contextlib.AsyncExitStack() as stack:
        backend.always(json_answer(WHOLE))
        stuck = []
        for number in range(HELD_OPEN):
            stuck.append(await stack.enter_async_context(client_of(proxy)))
            await stuck[-1].send(WITH_LENGTH + b"\r\n" + BODY[:sent])
            here = stuck[-1].writer.get_extra_info("sockname")[1]
            await begun(proxy, lambda one, here=here: one.client[1] == here and not one._whole)  # type: ignore[misc]
            assert len(connections_of(proxy)._open) == min(number + 1, 4)
        for request in (b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", ASK):
            other = await stack.enter_async_context(client_of(proxy))
            await other.send(request)
            assert (await other.answer())[0] == 200
        assert await stuck[0].refusal() == (408, "request_timeout")
        assert await stuck[0].ended()


async def test_the_body_that_got_a_byte_last_stays_longest() -> None:
    async with served(max_connections=2) as (backend, proxy), client_of(proxy) as first, client_of(proxy) as second:
        backend.always(json_answer(WHOLE))
        for client in (first, second):
            await client.send(WITH_LENGTH + b"\r\n", BODY[:5])
        await turns_until(lambda: [one._intake.body for one in opened(proxy)] == [5, 5])
        await first.send(BODY[5:9])
        await begun(proxy, lambda connection: connection._intake.body == 9)
        async with client_of(proxy) as third:
            await third.send(ASK)
            assert (await third.answer())[0] == 200
            assert await second.refusal() == (408, "request_timeout")
            await first.send(BODY[9:])
            assert (await first.answer())[0] == 200


async def test_a_second_request_that_stops_does_not_end_the_answer_to_the_first() -> None:
    async with served(max_connections=1) as (backend, proxy), client_of(proxy) as first:
        hold = asyncio.Event()
        backend.script(json_answer(WHOLE, hold_head=hold), json_answer(WHOLE))
        await first.send(ASK + WITH_LENGTH + b"\r\n" + BODY[:5])
        await backend.received(1)
        async with client_of(proxy) as second:
            await second.send(ASK)
            assert await second.refusal() == (503, "too_many_connections")
        hold.set()
        assert (await first.answer())[0] == 200
        await turns_until(lambda: bool(connections_of(proxy)._waiting))
        async with client_of(proxy) as third:
            await third.send(ASK)
            assert (await third.answer())[0] == 200
        assert await first.refusal() == (408, "request_timeout")


@pytest.mark.parametrize("silent", [0, HELD_OPEN])
async def test_a_full_server_still_says_that_it_lives(silent: int) -> None:
    async with served(max_connections=1) as (backend, proxy), contextlib.AsyncExitStack() as stack:
        backend.script(silence())
        answered = await stack.enter_async_context(client_of(proxy))
        await answered.send(ASK)
        await backend.received(1)
        for _ in range(silent):
            await stack.enter_async_context(client_of(proxy))
        for path in (b"/healthz", b"/readyz"):
            probe = await stack.enter_async_context(client_of(proxy))
            for _ in range(2):
                await probe.send(b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % path)
                assert (await probe.answer())[0] == 200
            await probe.send(ASK)
            assert await probe.refusal() == (503, "too_many_connections")
        connections = connections_of(proxy)
        assert len(connections._open) == 1
        assert len(connections._guests) <= 1
        assert not answered.reader.at_eof()


# ---- clients that say all at once, offer what we do not speak, or leave


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_has_said_all_is_answered(stream: bool) -> None:
    async with served() as (backend, proxy), client_of(proxy) as client:
        hold = asyncio.Event()
        backend.script(
            sse_answer([chunk({"content": "Hel"}), chunk(finish="stop")], hold_head=hold)
            if stream
            else json_answer(WHOLE, hold_head=hold)
        )
        body = json.dumps({"model": "m", "input": "hi", "stream": stream}).encode()
        await client.send(HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body))
        client.writer.write_eof()
        await backend.received(1)
        hold.set()
        got = await client.reader.read()
        assert b"HTTP/1.1 200 OK" in got
        assert (b"response.completed" if stream else b'"status":"completed"') in got


async def test_one_that_has_left_is_found_out() -> None:
    async with served() as (backend, proxy):
        backend.script(silence())
        async with client_of(proxy) as client:
            await client.send(ASK)
            await backend.received(1)
        await backend.closed(1)


OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"


@pytest.mark.parametrize("cut", [1, 90, 250, 10_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_an_offer_of_http2_is_passed_over(cut: int, chunked: bool) -> None:
    async with served() as (backend, proxy), client_of(proxy) as client:
        backend.always(json_answer(WHOLE))
        if chunked:
            sent = HEAD + OFFER + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
        else:
            sent = WITH_LENGTH + OFFER + b"\r\n" + BODY
        for _ in range(2):
            await client.send(*(sent[at : at + cut] for at in range(0, len(sent), cut)))
            assert (await client.answer())[0] == 200
        await client.send(b"GET /healthz HTTP/1.1\r\nhost: a\r\n" + OFFER + b"\r\n" + ASK)
        assert (await client.answer())[1] == {"status": "ok"}
        assert (await client.answer())[0] == 200


async def test_a_client_that_leaves_while_much_is_written_is_no_error() -> None:
    message = {"content": "x" * 20_000_000}
    async with served() as (backend, proxy):
        backend.always(json_answer({**WHOLE, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
        with hearing() as records:
            for _ in range(3):
                async with client_of(proxy) as client:
                    await client.send(ASK)
                    await client.reader.readuntil(b"\r\n\r\n")
                    client.writer.transport.abort()
            answer = await proxy.http.get("/models")
            assert answer.status_code == 200
            assert len(facts(records)) >= 3
        # The backend of this test works on its long answers on the same loop, which the watchdog may tell of.
        told = [record for record in records if record.name != "proxy.process.watchdog"]
        assert [record for record in told if record.levelno >= logging.WARNING or record.exc_info] == []


async def test_it_says_in_which_state_it_is() -> None:
    async with served() as (backend, proxy), client_of(proxy) as client:
        held = asyncio.Event()
        backend.always(json_answer(WHOLE, hold_head=held))
        await begun(proxy, lambda connection: connection.state == "new")
        await client.send(WITH_LENGTH + b"\r\n", BODY[:5])
        await begun(proxy, lambda connection: connection.state == "body")
        await client.send(BODY[5:])
        await begun(proxy, lambda connection: connection.state == "answering")
        held.set()
        assert (await client.answer())[0] == 200
        await begun(proxy, lambda connection: connection.state == "idle")
        await client.send(HEAD)
        await begun(proxy, lambda connection: connection.state == "head")
        [connection] = opened(proxy)
        assert repr(connection) == f"HttpProtocol(head, Intake({len(HEAD)} unproductive, {len(BODY)} of a body))"
        sweep(proxy)
        assert connection.state == "refused"
        assert await client.refusal() == (408, "request_timeout")
        await turns_until(lambda: connection.state == "closed" or not opened(proxy))
