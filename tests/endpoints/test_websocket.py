"""The WebSocket: the specification's seven acceptance cases, and what clients run into besides."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.chat_backend import ChatBackend, json_answer, sse_answer
from tests.support.live import LiveProxy, chunk, config_for, said
from tests.support.sockets import completed, socket_to, turn

Json = dict[str, Any]


async def refused(socket: ClientConnection, **fields: Any) -> str:
    (event,) = await turn(socket, **fields)
    assert (event["type"], event["status"] >= 400, set(event["error"])) == (
        "error",
        True,
        {"message", "type", "param", "code"},
    )
    code: str = event["error"]["code"]
    return code


async def test_g02_sequential_responses_and_a_continuation_of_what_was_not_stored(
    backend: ChatBackend, proxy: LiveProxy
) -> None:
    backend.script(said("One"), said("Two"), said("Three"))
    async with socket_to(proxy) as socket:
        await completed(socket, input=[{"type": "message", "role": "user", "content": "Hi"}])
        second = await completed(socket, input="Q2", store=False)
        await completed(socket, input="Q3", store=False, previous_response_id=second["id"])
    assert [message["content"] for message in backend.requests[2].json["messages"]] == ["Q2", "Two", "Q3"]


async def test_another_connection_knows_nothing_of_what_was_not_stored(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("One"), said("Two"))
    async with socket_to(proxy) as socket:
        first = await completed(socket, input="Q1", store=False)
    async with socket_to(proxy) as socket:
        code = await refused(socket, input="Q2", store=False, previous_response_id=first["id"])
        assert code == "previous_response_not_found"
        await completed(socket, input="Q3", store=False)


async def test_a_failed_continuation_forgets_what_it_went_on_from(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("One"), said("Two"))
    async with socket_to(proxy) as socket:
        first = await completed(socket, input="Q1", store=False)
        orphan = [{"type": "function_call_output", "call_id": "call_none", "output": "x"}]
        await refused(socket, input=orphan, store=False, previous_response_id=first["id"])
        code = await refused(socket, input="Q2", store=False, previous_response_id=first["id"])
        assert code == "previous_response_not_found"
        assert await refused(socket, input="x", previous_response_id="resp_bogus") == "previous_response_not_found"
        await completed(socket, input="Q3")


async def test_g03_without_generation_the_model_is_not_called(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(said("One"), said("Two"))
    async with socket_to(proxy) as socket:
        empty = await completed(socket, instructions="Be brief.", input=[], generate=False, store=False)
        await completed(socket, input="Q0", previous_response_id=empty["id"], store=False)
        assert [message["content"] for message in backend.requests[0].json["messages"]] == ["Q0"]
        prepared = await completed(socket, input="Q1", generate=False, store=False)
        assert prepared["output"] == []
        assert len(backend.requests) == 1
        await completed(socket, input="Q2", previous_response_id=prepared["id"], store=False)
    assert [message["content"] for message in backend.requests[1].json["messages"]] == ["Q1", "Q2"]


async def test_an_upstream_refusal_is_an_error_and_the_socket_goes_on(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(json_answer({"error": {"message": "slow down", "type": "x"}}, status=429), said("One"))
    async with socket_to(proxy) as socket:
        assert await refused(socket, input="Q1") == "rate_limit_exceeded"
        for nonsense in ("{", "[]", '{"type":"response.dance"}', '{"type":"response.create","background":true}'):
            await socket.send(nonsense)
            assert msgspec.json.decode(await socket.recv())["type"] == "error"
        await completed(socket, input="Q2")


async def test_steering_is_refused_even_while_a_response_is_made(backend: ChatBackend, proxy: LiveProxy) -> None:
    async with socket_to(proxy) as socket:
        steer = {"type": "response.steer", "previous_response_id": "r", "input": "x", "stream_id": "s"}
        await socket.send(msgspec.json.encode(steer).decode())
        failed = msgspec.json.decode(await socket.recv())
    assert (failed["type"], failed["error"]["code"]) == ("response.steer.failed", "steering_not_supported")
    assert (failed["steer"], failed["stream_id"]) == ({"previous_response_id": "r", "input": "x"}, "s")


async def test_a_client_that_leaves_closes_the_upstream(backend: ChatBackend, proxy: LiveProxy) -> None:
    backend.script(sse_answer([chunk({"content": "Hel"}), asyncio.Event()]))
    async with socket_to(proxy) as socket:
        await socket.send('{"type":"response.create","model":"m","input":"Hi"}')
        await socket.recv()
        await backend.received()
    await backend.closed()


async def test_g04_silence_is_broken_by_events(backend: ChatBackend) -> None:
    hold = asyncio.Event()
    backend.script(sse_answer([hold, chunk({"content": "Hi"}), chunk(finish="stop")]))
    async with LiveProxy(config_for(backend.base_url, keep_alive_seconds=0.05)) as proxy, socket_to(proxy) as socket:
        await socket.send('{"type":"response.create","model":"m","input":"Hi"}')
        types = [msgspec.json.decode(await socket.recv())["type"] for _ in range(4)]
        assert types == ["response.created", "response.in_progress", "response.in_progress", "response.in_progress"]
        hold.set()


async def test_a_connection_has_a_time_limit(backend: ChatBackend) -> None:
    async with LiveProxy(config_for(backend.base_url, websocket_seconds=0.05)) as proxy, socket_to(proxy) as socket:
        error = msgspec.json.decode(await socket.recv())
        assert error["error"]["code"] == "websocket_connection_limit_reached"
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_wrong_key_is_refused_before_the_upgrade(backend: ChatBackend) -> None:
    from proxy.config import Secret

    async with LiveProxy(config_for(backend.base_url, api_keys=(Secret("right"),))) as proxy:
        with pytest.raises(InvalidStatus) as caught:
            async with socket_to(proxy):
                pass
        assert caught.value.response.status_code == 401
