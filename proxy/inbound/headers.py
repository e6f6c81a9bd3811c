"""The headers of an answer: what of the upstream's travels back, and what was adapted on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from starlette.types import Scope

from translators.report import Adaptation

RawHeaders = list[tuple[bytes, bytes]]

# The last two keep proxies such as nginx from buffering or compressing the stream.
EVENT_STREAM: RawHeaders = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
"""What every answer begins with that is a stream of events."""

ADAPTED = b"x-dragoman-adapted"
_MAX_ADAPTED = 2000  # servers and clients commonly allow 8 KiB for all headers together
_UNSAFE = re.compile(r"[^\x21-\x7e]")


def request_headers(scope: Scope) -> dict[str, str]:
    """A request's headers by lower-case name; of a repeated one, the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def answer_headers(upstream: Mapping[str, str], adaptations: Sequence[Adaptation]) -> RawHeaders:
    headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in upstream.items()]
    if adaptations:
        headers.append((ADAPTED, adapted(adaptations)))
    return headers


def adapted(adaptations: Sequence[Adaptation]) -> bytes:
    """`dropped tools[2], ignored user`, as much as fits; the log has the reasons."""
    text = ""
    for index, adaptation in enumerate(adaptations):
        entry = f"{adaptation.action} {_UNSAFE.sub('?', adaptation.param)}"
        if len(text) + len(entry) > _MAX_ADAPTED:
            return f"{text}, and {len(adaptations) - index} more".encode()
        text = f"{text}, {entry}" if text else entry
    return text.encode()
