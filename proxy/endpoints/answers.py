"""The form of every answer that is not a stream."""

from __future__ import annotations

import msgspec
from starlette.responses import Response


def json_answer(value: object) -> Response:
    return raw_answer(msgspec.json.encode(value))


def raw_answer(json: bytes) -> Response:
    return Response(json, media_type="application/json")
