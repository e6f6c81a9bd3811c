"""`error_body(message, facts)`: a refusal in the shape of a backend."""

from __future__ import annotations

import json
from typing import Any

from tests.simulator.facts import Facts


def error_body(message: str, facts: Facts, status: int) -> Any:
    shapes: dict[str, Any] = {
        "openai": {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}},
        "int_code": {"error": {"code": status, "message": message, "type": "invalid_request_error"}},
        "class_name": {"error": {"message": message, "type": "BadRequestError", "param": None, "code": status}},
        "flat": {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": None},
        "flat_bare": {"message": message, "type": "invalid_request_error", "param": None, "code": "wrong_api_format"},
        "array": [{"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT", "details": []}}],
        "code_and_text": {"code": "Client specified an invalid argument", "error": message},
        "text_and_type": {"error": message, "error_type": "validation"},
        "error_code": {"error_code": "BAD_REQUEST", "message": message},
        "metadata_raw": {
            "error": {
                "code": status,
                "message": "Provider returned error",
                "metadata": {"provider_name": "X", "raw": json.dumps({"error": {"message": message}})},
            }
        },
        "problem": {"type": "about:blank", "title": "Unprocessable", "status": status, "detail": message},
        "base_resp": {"base_resp": {"status_code": {429: 1002, 401: 1004}.get(status, 2013), "status_msg": message}},
    }
    return shapes[facts.errors]
