"""What the core makes of each case under `fixtures/`: `make golden` writes it down, `test_golden` compares.

`chat_request.json` is what goes upstream; `events.jsonl` and `response.json` what the client gets, or
`error.json` where the upstream refused. Read the diff before committing it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

from tests.support.cases import Case, read_cases
from tests.support.translation import Json, Run, run_bytes
from translators.asking.parse import parse_request
from translators.asking.translate import Settings, to_chat
from translators.dialects import PRESETS
from translators.errors import BridgeError
from translators.recovery.upstream_errors import error_in_chunk, read_error
from translators.wire.chunks import parse_chunk

EXPECTED = ("events.jsonl", "response.json", "error.json")


def chat_request(case: Case, request: bytes | None = None) -> bytes:
    """Of the case's own request, or of the same as somebody else would write it."""
    parsed = parse_request(case.request if request is None else request)
    settings = Settings(model=parsed.params.model or "")
    dialect = PRESETS.get(case.meta.dialect, PRESETS["generic"])
    return pretty(msgspec.json.decode(to_chat(parsed, dialect, settings).body()))


def expected_files(case: Case) -> Mapping[str, bytes]:
    """The expected files by name, made from the upstream's answer."""
    if case.streamed:
        return client_files(case, [case.upstream])
    error: BridgeError | None
    if case.meta.status >= 400:
        error = read_error(case.meta.status, case.upstream)
    else:
        chunk = parse_chunk(case.upstream)
        error = error_in_chunk(chunk)
        if error is None:
            result = Run(json.loads(case.request)).take([chunk]).finish()
            return {"events.jsonl": lines(result.events), "response.json": pretty(result.response)}
    return {"error.json": pretty({"status": error.status, **json.loads(error.envelope())})}


def client_files(case: Case, pieces: Sequence[bytes]) -> Mapping[str, bytes]:
    """The same from a stream that arrives in `pieces`."""
    result = run_bytes(pieces, json.loads(case.request))
    return {"events.jsonl": lines(result.events), "response.json": pretty(result.response)}


def pretty(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def lines(events: Sequence[Json]) -> bytes:
    return b"".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for event in events)


def main() -> None:
    for case in read_cases():
        for name in EXPECTED:
            (case.path / name).unlink(missing_ok=True)
        if not case.meta.answer_only:
            (case.path / "chat_request.json").write_bytes(chat_request(case))
        for name, content in expected_files(case).items():
            (case.path / name).write_bytes(content)


if __name__ == "__main__":
    main()
