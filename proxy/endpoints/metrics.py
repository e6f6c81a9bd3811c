"""`GET /metrics`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from proxy.telemetry.metrics import CONTENT_TYPE, Metrics
from proxy.upstream.attempts import Sender


class MetricsPage:
    """Serves the metrics to whoever may call the API: a scraper sends a key as well."""

    def __init__(self, metrics: Metrics, sender: Sender) -> None:
        self._metrics = metrics
        self._sender = sender

    async def get(self, request: Request) -> Response:
        page = self._metrics.page(self._sender.lessons.in_force(), self._sender.upstreams.health)
        return Response(page, headers={"content-type": CONTENT_TYPE})
