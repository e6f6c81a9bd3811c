"""Streams of a fast upstream that clients leave early: nothing of them stays, counted in objects (F1)."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter

import pytest

from tests.support.chat_backend import Answer, ChatBackend, sse_answer
from tests.support.live import LiveProxy, chunk, config_for

STREAMS = 15
_OURS = ("proxy", "translators", "asyncio.")
WORDS = [chunk({"content": f"word{number} "}) for number in range(300)]


def counted() -> Counter[str]:
    """The objects of each of our types, and of the event loop's, that are alive; but for its timers, which it keeps for
    a while when they have been cancelled and hold nothing any more."""
    gc.collect()
    kinds = (type(each) for each in gc.get_objects() if type(each) is not asyncio.TimerHandle)
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith(_OURS))


async def leave_early(proxy: LiveProxy, *, stored: bool, reset: bool) -> None:
    body = b'{"model":"m","input":"hi","stream":true,"store":%s}' % (b"true" if stored else b"false")
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    head = b"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer key\r\n"
    writer.write(head + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    await reader.readuntil(b"response.output_text.delta")
    if reset:
        writer.transport.abort()
    else:
        writer.close()


async def more_than(before: Counter[str]) -> Counter[str]:
    """What is there for each of the streams, once connections have had the time to be closed; waits no longer than
    while there is some."""
    more = Counter[str]()
    for _ in range(100):
        more = Counter({name: number for name, number in (counted() - before).items() if number >= STREAMS // 2})
        if not more:
            break
        await asyncio.sleep(0.05)
    return more


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("reset", [True, False])
async def test_nothing_stays_of_streams_that_were_left(stored: bool, reset: bool) -> None:
    async with ChatBackend(strict=False) as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        answer: Answer = sse_answer(WORDS)
        backend.always(answer)
        for _ in range(5):  # what is made once is made
            await leave_early(proxy, stored=stored, reset=reset)
        await asyncio.sleep(0.5)
        before = counted()
        for _ in range(STREAMS):
            await leave_early(proxy, stored=stored, reset=reset)
        assert not await more_than(before)
