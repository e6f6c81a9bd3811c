"""Hypothesis strategies: what clients may send, what backends answer, and how bytes arrive."""

from __future__ import annotations

from tests.strategies.chat import chat_completions, chat_streams
from tests.strategies.plain import PlainStream, plain_chat_streams
from tests.strategies.requests import broken_requests, responses_requests
from tests.strategies.values import chunkings, json_values, texts

__all__ = [
    "PlainStream",
    "broken_requests",
    "chat_completions",
    "chat_streams",
    "chunkings",
    "json_values",
    "plain_chat_streams",
    "responses_requests",
    "texts",
]
