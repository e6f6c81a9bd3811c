"""One case through the application in process: every request gets one whole answer, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette

from proxy.app import create_app
from proxy.config import Config, ModelSettings, StoreSettings, UpstreamSettings
from proxy.transports import ConnectionCut, Into, Timeouts
from proxy.transports.body import BodyReader
from proxy.transports.endpoint import Endpoint
from tests.fuzz.case import DIALECTS, FuzzCase
from tests.support.checks import check_events, check_frames

ERROR_KEYS = {"message", "type", "param", "code"}


class CaseAnswer(BodyReader):
    """The upstream's answer, piece by piece, poured as far as whoever takes it wants."""

    def __init__(self, case: FuzzCase) -> None:
        self.status = case.status
        self.headers: Mapping[str, str] = {"content-type": case.content_type}
        self._left = list(case.pieces)
        self._cut = case.cut

    async def arrived(self) -> bytes:
        await asyncio.sleep(0)
        if self._left:
            return self._left.pop(0)
        if self._cut:
            raise ConnectionCut("the connection ended inside the body of the answer")
        return b""

    async def pour(self, into: Into) -> None:
        while self._left:
            await asyncio.sleep(0)
            if not into(self._left.pop(0)):
                return

    async def aclose(self) -> None:
        self._left, self._cut = [], True


class CaseTransport:
    """Answers every request with the case at hand, the first ones with what it says before; nothing is known of the
    upstream's models."""

    def __init__(self) -> None:
        self._case: FuzzCase | None = None
        self._before: list[tuple[int, str]] = []
        self.asked = 0

    def begin(self, case: FuzzCase) -> None:
        self._case, self._before, self.asked = case, list(case.before), 0

    async def send(
        self,
        endpoint: Endpoint,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        timeouts: Timeouts,
        method: str = "POST",
    ) -> CaseAnswer:
        assert self._case is not None
        if method == "GET":
            return CaseAnswer(FuzzCase(b"", [b"{}"], "generic", status=404, content_type="application/json"))
        if endpoint.path.endswith("/completions"):
            json.loads(body or b"")
        self.asked += 1
        if self._before:
            status, said = self._before.pop(0)
            kind = "text/event-stream" if status == 200 else "application/json"
            return CaseAnswer(FuzzCase(b"", [said.encode("latin-1")], "generic", status=status, content_type=kind))
        return CaseAnswer(self._case)

    async def aclose(self) -> None:
        """Nothing is open."""


def config() -> Config:
    """One upstream and one model for each dialect."""
    return Config(
        upstreams={name: UpstreamSettings(base_url="http://127.0.0.1:9/v1", dialect=name) for name in DIALECTS},
        models={"*": ModelSettings(upstream="generic"), **{name: ModelSettings(upstream=name) for name in DIALECTS}},
        store=StoreSettings(kind="memory", max_bytes=1 << 24),
    )


class Application:
    """`async with`: the application, started; `run` sends it a case."""

    def __init__(self) -> None:
        self._transport = CaseTransport()
        self._app: Starlette = create_app(config(), transport=self._transport)
        self._lifespan = self._app.router.lifespan_context(self._app)

    async def __aenter__(self) -> Application:
        await self._lifespan.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self._lifespan.__aexit__(*raised)

    async def run(self, case: FuzzCase) -> str:
        """What became of it, in a word; raises what is a fault."""
        self._transport.begin(case)
        before = asyncio.all_tasks()
        sent = await _ask(self._app, _for_dialect(case))
        status, headers = sent[0]["status"], dict(sent[0]["headers"])
        body = b"".join(message.get("body", b"") for message in sent[1:])
        assert not sent[-1].get("more_body"), "the answer has no end"
        word = _check_answer(status, headers.get(b"content-type", b"").decode(), body)
        for _ in range(100):
            left = asyncio.all_tasks() - before
            if not left or word == "queued":
                break
            await asyncio.sleep(0)
        assert not left or word == "queued", f"tasks are left: {left}"
        return f"{word}, asked again" if self._transport.asked > 1 else word


def _for_dialect(case: FuzzCase) -> bytes:
    """The request, to the model that has the case's dialect, where it is JSON."""
    try:
        request = json.loads(case.request)
    except (ValueError, RecursionError):
        return case.request
    if not isinstance(request, dict) or not isinstance(request.get("model"), str):
        return case.request
    name = json.dumps(request["model"], ensure_ascii=False).encode(errors="replace")
    return case.request.replace(name, json.dumps(case.dialect).encode(), 1)


async def _ask(app: Starlette, body: bytes) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer key"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/responses", "headers": headers, "query_string": b"",
        "http_version": "1.1", "scheme": "http", "root_path": "",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def _check_answer(status: int, content_type: str, body: bytes) -> str:
    if content_type.startswith("text/event-stream"):
        assert status == 200
        return "stream " + str(check_events(check_frames(body))["status"])
    answer = json.loads(body)
    if status == 200:
        assert answer["object"] == "response"
        return str(answer["status"])
    assert status >= 400, f"status {status}"
    assert set(answer["error"]) == ERROR_KEYS, f"the envelope is {answer!r}"
    assert status != 500 or answer["error"]["code"] != "server_error" or b"internal" not in body.lower(), body[:300]
    return f"http {status // 100}xx"
