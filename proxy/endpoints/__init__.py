"""The routes, one short class or function each. Errors leave as OpenAI's envelope, through `errors`."""

from __future__ import annotations

from proxy.endpoints.compact import CompactResponse
from proxy.endpoints.conversations import Conversations
from proxy.endpoints.create_response import CreateResponse
from proxy.endpoints.health import Ready, health
from proxy.endpoints.input_tokens import InputTokens
from proxy.endpoints.metrics import MetricsPage
from proxy.endpoints.models import Models
from proxy.endpoints.responses import StoredResponses
from proxy.endpoints.responses_socket import ResponsesSocket

__all__ = [
    "CompactResponse",
    "Conversations",
    "CreateResponse",
    "InputTokens",
    "MetricsPage",
    "Models",
    "Ready",
    "ResponsesSocket",
    "StoredResponses",
    "health",
]
