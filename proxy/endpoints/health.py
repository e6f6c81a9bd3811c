"""`GET /healthz` and `GET /readyz`."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.answers import json_answer
from proxy.readiness import Readiness


async def health(request: Request) -> Response:
    """The process answers: restarting it would mend nothing that is wrong elsewhere."""
    return json_answer({"status": "ok"})


class Ready:
    """`GET /readyz`: 503 with the reason where requests had better go elsewhere."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def get(self, request: Request) -> Response:
        reason = await self._readiness.reason()
        if reason is None:
            return json_answer({"status": "ok"})
        body = msgspec.json.encode({"status": "unavailable", "reason": reason})
        return Response(body, status_code=503, media_type="application/json")
