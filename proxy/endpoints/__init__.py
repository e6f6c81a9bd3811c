"""The routes, one short class or function each. Errors leave as OpenAI's envelope, through `errors`."""

from __future__ import annotations

from proxy.endpoints.create_response import CreateResponse
from proxy.endpoints.health import health
from proxy.endpoints.models import Models

__all__ = ["CreateResponse", "Models", "health"]
