"""`GET /metrics`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from proxy.telemetry.metrics import CONTENT_TYPE, Metrics
from proxy.upstream.lessons import Learned


class MetricsPage:
    """For whoever may call the API: a scraper sends a key as well."""

    def __init__(self, metrics: Metrics, learned: Learned) -> None:
        self._metrics = metrics
        self._learned = learned

    async def get(self, request: Request) -> Response:
        return Response(self._metrics.page(self._learned.in_force()), headers={"content-type": CONTENT_TYPE})
