"""`GET /metrics`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from proxy.metrics import CONTENT_TYPE, Metrics


class MetricsPage:
    """For whoever may call the API: a scraper sends a key as well."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def get(self, request: Request) -> Response:
        return Response(self._metrics.page(), headers={"content-type": CONTENT_TYPE})
