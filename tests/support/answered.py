"""`answered(asked, deltas)`: the response that comes of a translation and of what the backend said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tests.support.checks import check_events
from tests.support.translation import Json, counted_ids, encode
from translators.answering.stream import ResponseStream
from translators.asking.translate import Translation
from translators.report import Adaptation
from translators.wire.chunks import parse_chunk


def answer(asked: Translation, deltas: Iterable[Json], finish: str | None = "stop") -> Json:
    return answered(asked, deltas, finish)[0]


def answered(
    asked: Translation, deltas: Iterable[Json], finish: str | None = "stop"
) -> tuple[Json, Sequence[Adaptation]]:
    """The response, and what was reported of it and of its request."""
    stream = ResponseStream(asked, new_id=counted_ids(), created_at=1)
    events = stream.start()
    for delta in deltas:
        events += stream.feed(parse_chunk(encode({"choices": [{"index": 0, "delta": delta}]})))
    if finish is not None:
        events += stream.feed(parse_chunk(encode({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})))
    events += stream.finish(said_done=True, completed_at=2)
    return check_events([msgspec.json.decode(msgspec.json.encode(event)) for event in events]), stream.adaptations
