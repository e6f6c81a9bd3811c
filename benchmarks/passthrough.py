"""The baseline: Starlette and uvicorn forwarding the bytes of a request and of its answer, with no translation.

What it costs is what any proxy of this kind costs before it does its work. `--transport` picks the HTTP client.
"""

import argparse
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

JSON = {"content-type": "application/json"}
EVENT_STREAM = "text/event-stream"

Forward = Callable[[bytes], Awaitable[Response]]


@asynccontextmanager
async def over_aiohttp(url: str) -> AsyncGenerator[Forward]:
    import aiohttp  # each loads its own client only: start-up and memory are measured, too

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def forward(body: bytes) -> Response:
            answer = await session.post(url, data=body, headers=JSON)
            if answer.content_type != EVENT_STREAM:
                return Response(await answer.read(), answer.status, media_type=answer.content_type)

            async def chunks() -> AsyncIterator[bytes]:
                async with answer:
                    async for data in answer.content.iter_any():
                        yield data

            return StreamingResponse(chunks(), answer.status, media_type=EVENT_STREAM)

        yield forward


@asynccontextmanager
async def over_httpx2(url: str) -> AsyncGenerator[Forward]:
    import httpx2

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(limits=limits, timeout=None) as client:

        async def forward(body: bytes) -> Response:
            answer = await client.send(client.build_request("POST", url, content=body, headers=JSON), stream=True)
            media_type = answer.headers.get("content-type", "")
            if not media_type.startswith(EVENT_STREAM):
                return Response(await answer.aread(), answer.status_code, media_type=media_type)

            async def chunks() -> AsyncIterator[bytes]:
                try:
                    async for data in answer.aiter_raw():
                        yield data
                finally:
                    await answer.aclose()

            return StreamingResponse(chunks(), answer.status_code, media_type=EVENT_STREAM)

        yield forward


TRANSPORTS = {"aiohttp": over_aiohttp, "httpx2": over_httpx2}


def create_app(upstream: str, transport: str) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with TRANSPORTS[transport](f"{upstream}/chat/completions") as forward:
            app.state.forward = forward
            yield

    async def chat_completions(request: Request) -> Response:
        forward: Forward = request.app.state.forward
        return await forward(await request.body())

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok")

    routes = [Route("/v1/chat/completions", chat_completions, methods=["POST"]), Route("/readyz", ready)]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="the base URL, with /v1")
    parser.add_argument("--transport", choices=sorted(TRANSPORTS), default="aiohttp")
    options = parser.parse_args()
    app = create_app(options.upstream, options.transport)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
