"""`GET /healthz` and `GET /readyz`."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.answers import json_answer
from proxy.process.drain import Drain
from proxy.process.readiness import Readiness


async def health(request: Request) -> Response:
    """Answers `GET /healthz` for as long as the process lives: restarting it would mend nothing that is wrong
    elsewhere."""
    return json_answer({"status": "ok"})


class Ready:
    """`GET /readyz`: 503 with the reason where requests had better go elsewhere."""

    def __init__(self, readiness: Readiness, drain: Drain) -> None:
        self._readiness = readiness
        self._drain = drain

    async def get(self, request: Request) -> Response:
        if not self._drain.serving:
            return _unavailable({"status": "draining"})
        reason = await self._readiness.reason()
        if reason is None:
            return json_answer({"status": "ok"})
        return _unavailable({"status": "unavailable", "reason": reason})


def _unavailable(told: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(told), status_code=503, media_type="application/json")
