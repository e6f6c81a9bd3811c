"""`GET /healthz` and `GET /readyz`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from proxy.endpoints.answers import json_answer


async def health(request: Request) -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})
