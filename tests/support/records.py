"""`record(id)`: a stored response, as short as one can be."""

from __future__ import annotations

from typing import Any

from proxy.store import StoredResponse


def record(id_: str, **changes: Any) -> StoredResponse:
    fields: dict[str, Any] = {
        "id": id_,
        "owner": "o",
        "status": "completed",
        "created_at": 1000,
        "head": b'{"id":"%s","output":[]}' % id_.encode(),
        "input": b'[{"id":"in_%s","role":"user","content":"\xc3\xa4"}]' % id_.encode(),
        "output": b'[{"id":"out_%s","type":"message"}]' % id_.encode(),
        "root": changes.get("parent") or id_,
    }
    return StoredResponse(**(fields | changes))
