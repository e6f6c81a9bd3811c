"""The floor: a proxy that does nothing, on the very parts that Dragoman stands on.

A bare ASGI application under uvicorn forwards bytes over Dragoman's own HTTP client. No program on these parts can
cost less, so what a target asks beyond it, they cannot give.
"""

import argparse
import os

import uvicorn
from starlette.types import Receive, Scope, Send

from proxy.inbound.body import BodyLimits, read_request
from proxy.inbound.waiting import WaitingBytes
from proxy.serving.http_protocol import HttpProtocol
from proxy.transports import Endpoint, Timeouts, Transport, create_transport

UPSTREAM = "DRAGOMAN_BENCH_UPSTREAM"
HEADERS = [("content-type", "application/json")]
LONGEST = 1 << 30
LIMITS = BodyLimits(LONGEST, 256, WaitingBytes(LONGEST))
TIMEOUTS = Timeouts(connect=10, first_byte=60, between=60)


class Floor:
    def __init__(self, upstream: str) -> None:
        self._endpoint = Endpoint.parse(f"{upstream}/chat/completions")
        self._transport: Transport | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/readyz":
            await _send(send, b"text/plain", b"ok")
        else:
            await self._forward(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._transport = create_transport("native", secure=False)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._transport.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _forward(self, receive: Receive, send: Send) -> None:
        assert self._transport is not None
        body = await read_request(receive, LIMITS, {})
        async with await self._transport.send(self._endpoint, HEADERS, body, TIMEOUTS) as answer:
            kind = answer.headers["content-type"].encode()
            if not kind.startswith(b"text/event-stream"):
                await _send(send, kind, await answer.read(LONGEST))
                return
            await send({"type": "http.response.start", "status": answer.status, "headers": [(b"content-type", kind)]})
            arrived = answer.receiver()
            while data := await arrived():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def create_app() -> Floor:
    return Floor(os.environ[UPSTREAM])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="the base URL, with /v1")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    os.environ[UPSTREAM] = options.upstream  # for the workers
    uvicorn.run(
        "benchmarks.floor:create_app",
        factory=True,
        host="127.0.0.1",
        port=options.port,
        workers=options.workers,
        http=HttpProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
    )


if __name__ == "__main__":
    main()
