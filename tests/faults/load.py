"""`Load`: clients that talk to several servers at once, and remember every response that was acknowledged to them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import httpx2
import msgspec

Json = dict[str, Any]
HEADERS = {"authorization": "Bearer key"}
PATIENCE = 120.0  # only a bound for a test that fails


class HasUrl(Protocol):
    url: str


class Load:
    """Each client goes on with its own thread, streamed and whole in turn, on one server after the other.

    `seen` are the response objects that a client got as completed: what the server must never lose. A connection that
    breaks and a refusal are counted, and the client asks the next server.

    The clients are asked to end, and end behind their request. One that was cancelled while its pool closed the
    connections to a server that had been killed left the others of them open, to be found as garbage by a later test.
    """

    def __init__(self, clients: int) -> None:
        self.seen: list[Json] = []
        self.broken = 0
        self.refused: list[tuple[int, str]] = []
        self._clients = clients
        self._changed = asyncio.Event()
        self._ending = False

    @contextlib.asynccontextmanager
    async def on(self, servers: Sequence[HasUrl]) -> AsyncIterator[None]:
        """The clients talk inside; a server that is replaced in the sequence is found by its place."""
        async with httpx2.AsyncClient(headers=HEADERS, timeout=PATIENCE, verify=False, trust_env=False) as http:
            talks = [asyncio.ensure_future(self._talk(http, servers, number)) for number in range(self._clients)]
            self._ending = False
            try:
                yield
            finally:
                self._ending = True
                async with asyncio.timeout(PATIENCE):
                    await asyncio.gather(*talks)

    async def reach(self, count: int) -> None:
        """Waits until so many responses have been acknowledged."""
        async with asyncio.timeout(PATIENCE):
            while len(self.seen) < count:
                self._changed.clear()
                await self._changed.wait()

    async def _talk(self, http: httpx2.AsyncClient, servers: Sequence[HasUrl], number: int) -> None:
        previous: str | None = None
        for turn in itertools.count(number):
            if self._ending:
                return
            body: Json = {"model": "m", "input": "Hi", "stream": turn % 2 == 0}
            if previous is not None:
                body["previous_response_id"] = previous
            try:
                response = await self._ask(http, servers[turn % len(servers)].url, body)
            except httpx2.HTTPError:
                self.broken += 1
                await asyncio.sleep(0.01)  # it may take a moment until there is a server again
                continue
            if response is not None:
                previous = response["id"]
                self.seen.append(response)
                self._changed.set()

    async def _ask(self, http: httpx2.AsyncClient, url: str, body: Json) -> Json | None:
        if not body["stream"]:
            answer = await http.post(f"{url}/responses", json=body)
            if answer.status_code == 200:
                whole: Json = answer.json()
                return whole
            self.refused.append((answer.status_code, answer.text))
            return None
        response: Json | None = None
        async with http.stream("POST", f"{url}/responses", json=body) as answer:
            try:
                async for line in answer.aiter_lines():
                    if line.startswith('data: {"type":"response.completed"'):
                        response = msgspec.json.decode(line.removeprefix("data: "))["response"]
            except httpx2.HTTPError:
                if response is None:  # else it was acknowledged before the connection broke
                    raise
            if answer.status_code != 200:
                self.refused.append((answer.status_code, "streamed"))
        return response


async def check_kept(url: str, seen: Sequence[Json]) -> None:
    """Every response that was acknowledged is there as it was."""
    async with httpx2.AsyncClient(headers=HEADERS, timeout=PATIENCE, verify=False, trust_env=False) as http:
        lost = []
        for response in seen:
            answer = await http.get(f"{url}/responses/{response['id']}")
            if answer.status_code != 200 or answer.json() != response:
                lost.append((response["id"], answer.text))
    assert not lost, f"{len(lost)} of {len(seen)} acknowledged responses are lost: {lost[:3]}"
