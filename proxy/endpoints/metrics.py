"""`GET /metrics`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from proxy.telemetry.metrics import CONTENT_TYPE, Metrics
from proxy.upstream.lesson_book import LessonBook


class MetricsPage:
    """For whoever may call the API: a scraper sends a key as well."""

    def __init__(self, metrics: Metrics, lessons: LessonBook) -> None:
        self._metrics = metrics
        self._lessons = lessons

    async def get(self, request: Request) -> Response:
        return Response(self._metrics.page(self._lessons.in_force()), headers={"content-type": CONTENT_TYPE})
