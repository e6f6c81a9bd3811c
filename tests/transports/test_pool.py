"""Which requests share a connection, and what becomes of the connections that nobody uses."""

from __future__ import annotations

import asyncio

import pytest

from proxy.transports import ConnectFailed, ConnectionCut, Endpoint, Transport, create_transport
from tests.transports.pieces import Pieces
from tests.transports.wire import CHUNKED, LAST_CHUNK, PATIENT, Peer, ScriptedServer, answering, chunk, exchange, whole


async def _ask(transport: Transport, server: ScriptedServer) -> bytes:
    async with await transport.send(server.endpoint(), [], b"{}", PATIENT) as answer:
        return await answer.read(1000)


async def test_kept_alive(transport: Transport) -> None:
    answers = [whole(b"1"), CHUNKED + chunk(b"2") + LAST_CHUNK, b"HTTP/1.1 204 No Content\r\n\r\n", whole(b"4")]
    async with ScriptedServer(answering(*answers)) as server:
        assert [await _ask(transport, server) for _ in answers] == [b"1", b"2", b"", b"4"]
        assert len(server.peers) == 1


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"ok", "connection: close"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_not_kept_alive(transport: Transport, answer: bytes) -> None:
    async with ScriptedServer(answering(answer)) as server:
        for number in range(2):
            assert await _ask(transport, server) == b"ok"
            await (await server.peer(number)).closed.wait()
        assert len(server.peers) == 2


async def test_unread_but_complete_answer_is_kept_alive(native: Transport) -> None:
    async with ScriptedServer(answering(whole(b"unread"), whole(b"read"))) as server:
        answer = await native.send(server.endpoint(), [], b"{}", PATIENT)
        await answer.aclose()
        assert await _ask(native, server) == b"read"
        assert len(server.peers) == 1


async def test_bytes_after_an_answer_are_in_no_answer(native: Transport) -> None:
    async with ScriptedServer(answering(whole(b"mine") + whole(b"smuggled"))) as server:
        for number in range(2):
            assert await _ask(native, server) == b"mine"
            await (await server.peer(number)).closed.wait()


async def test_bytes_on_an_idle_connection_close_it(native: Transport) -> None:
    async with ScriptedServer(answering(whole(b"mine"))) as server:
        assert await _ask(native, server) == b"mine"
        peer = await server.peer()
        await peer.write(whole(b"unasked", status="408 Request Timeout"))
        await peer.closed.wait()
        assert await _ask(native, server) == b"mine"


async def test_closed_while_idle(transport: Transport) -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.write(whole(b"ok"))

    async with ScriptedServer(once) as server:
        for _ in range(3):
            assert await _ask(transport, server) == b"ok"
        assert len(server.peers) == 3


@pytest.mark.parametrize("first", [whole(b""), b"HTTP/1.1 204 No Content\r\n\r\n"])
async def test_stale_connection_is_replaced(transport: Transport, first: bytes) -> None:
    """The server gives up the kept-alive connection just as it takes the second request from it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(whole(b"second") if peer.number else first)
        await peer.request()

    async with ScriptedServer(script) as server:
        assert await _ask(transport, server) == b""
        assert await _ask(transport, server) == b"second"
        assert len(server.peers) == 2


async def test_stale_connection_is_replaced_once(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.write(whole(b"ok"))
            await peer.request()

    async with ScriptedServer(script) as server:
        assert await _ask(transport, server) == b"ok"
        with pytest.raises(ConnectionCut):
            await _ask(transport, server)
        assert len(server.peers) == 2


async def test_begun_answer_is_not_asked_for_again(native: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(whole(b"ok"))
        await peer.request()
        await peer.write(b"HTTP/1.1 ")

    async with ScriptedServer(script) as server:
        assert await _ask(native, server) == b"ok"
        with pytest.raises(ConnectionCut):
            await _ask(native, server)
        assert len(server.peers) == 1


async def test_trailers_stay_out_of_the_next_answer(transport: Transport) -> None:
    trailed = CHUNKED + b"0\r\nx-digest: 1\r\n\r\n"
    async with ScriptedServer(answering(trailed, whole(b""))) as server:
        assert await _ask(transport, server) == b""
        async with await transport.send(server.endpoint(), [], b"{}", PATIENT) as answer:
            assert answer.headers == {"content-length": "0"}
        assert len(server.peers) == 1


async def test_answer_that_overtakes_its_request_is_the_last(native: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.write(whole(b"too large", status="413 Content Too Large"))
        await answered.wait()
        await peer.until_closed()

    answered = asyncio.Event()
    async with ScriptedServer(script) as server:
        async with await native.send(server.endpoint(), [], bytes(48 << 20), PATIENT) as answer:
            assert await answer.read(100) == b"too large"
        answered.set()
        await (await server.peer()).closed.wait()
        assert await _ask(native, server) == b"too large"
        assert len(server.peers) == 2


async def test_failed_connections_take_no_room(kind: str, unheard: Endpoint) -> None:
    transport = create_transport(kind, verify=False, max_connections=2)
    async with ScriptedServer(answering(*[whole(b"ok")] * 2)) as server:
        assert await _ask(transport, server) == b"ok"
        for _ in range(3):
            with pytest.raises(ConnectFailed):
                await transport.send(unheard, [], b"{}", PATIENT)
        assert await _ask(transport, server) == b"ok"
        assert len(server.peers) == 1
        await transport.aclose()


async def test_idle_limit() -> None:
    transport = create_transport("native", idle_limit=0.01)
    async with ScriptedServer(answering(whole(b"ok"))) as server:
        await asyncio.gather(*(_ask(transport, server) for _ in range(3)))
        for number in range(3):
            await (await server.peer(number)).closed.wait()
        await transport.aclose()


async def test_the_last_connection_put_is_the_first_taken(native: Transport) -> None:
    async with ScriptedServer(answering(*[whole(b"ok")] * 5)) as server:
        first = await native.send(server.endpoint(), [], b"{}", PATIENT)
        second = await native.send(server.endpoint(), [], b"{}", PATIENT)
        await second.aclose()
        await first.aclose()
        for peer in server.peers:
            peer.asked.clear()
        assert await _ask(native, server) == b"ok"
        assert [peer.asked.is_set() for peer in server.peers] == [True, False]


async def test_requests_wait_for_a_free_connection(kind: str) -> None:
    transport = create_transport(kind, max_connections=3)
    async with ScriptedServer(answering(*[whole(b"ok")] * 50)) as server:
        answers = await asyncio.gather(*(_ask(transport, server) for _ in range(50)))
        assert answers == [b"ok"] * 50
        assert len(server.peers) <= 3
        await transport.aclose()


async def test_an_idle_connection_makes_room_for_another_origin(kind: str) -> None:
    transport = create_transport(kind, max_connections=1)
    async with ScriptedServer(answering(whole(b"1"))) as one, ScriptedServer(answering(whole(b"2"))) as two:
        assert await _ask(transport, one) == b"1"
        assert await _ask(transport, two) == b"2"
        await (await one.peer()).closed.wait()
        await transport.aclose()


async def test_many_at_once(transport: Transport) -> None:
    async def echo(peer: Peer) -> None:
        while True:
            _, body = await peer.request()
            await peer.write(CHUNKED)
            for byte in body:
                await peer.write(chunk(bytes([byte])))
            await peer.write(LAST_CHUNK)

    async def ask(number: int) -> bytes:
        async with await transport.send(server.endpoint(), [], b"%d" % number, PATIENT) as answer:
            return b"".join([piece async for piece in Pieces(answer)])

    async with ScriptedServer(echo) as server:
        for _ in range(2):
            answers = await asyncio.gather(*(ask(number) for number in range(150)))
            assert answers == [b"%d" % number for number in range(150)]
        assert len(server.peers) <= 150
        await transport.aclose()


async def test_closing_the_transport(transport: Transport) -> None:
    async with ScriptedServer(answering(whole(b"ok"))) as server:
        await _ask(transport, server)
        await transport.aclose()
        await (await server.peer()).closed.wait()
        with pytest.raises(ConnectFailed):
            await _ask(transport, server)


async def test_closing_the_transport_while_it_connects(native: Transport) -> None:
    async with ScriptedServer(Peer.until_closed) as server:
        asking = asyncio.ensure_future(_ask(native, server))
        peer = await server.peer()
        await native.aclose()
        with pytest.raises(ConnectionCut):
            await asking
        await peer.closed.wait()


async def test_closing_the_transport_ends_its_answers(native: Transport) -> None:
    async with exchange(native, answering(CHUNKED)) as (answer, peer):
        reading = asyncio.ensure_future(answer.read(1000))
        await native.aclose()
        with pytest.raises(ConnectionCut):
            await reading
        await peer.closed.wait()
