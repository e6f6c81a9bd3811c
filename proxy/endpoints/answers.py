"""`json_answer`: the form of every answer that is not a stream."""

from __future__ import annotations

import msgspec
from starlette.responses import Response


def json_answer(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
