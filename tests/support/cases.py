"""The recorded and made cases under `fixtures/`: what a client asked, what the upstream answered, and where it is from.

`fixtures/<backend>-<case>/` holds `request.json`, the answer in `upstream.sse` or `upstream.json`, and `meta.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


class Meta(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Where a case is from. A made case names its `source`; a recorded one the `version`s and the `date`, and the
    `command` that started a server which `tests.record` does not start itself.

    `answer_only`: no Responses request leads to the `chat_request.json` that was answered so.
    """

    shows: str
    backend: str
    dialect: str
    status: int
    headers: Mapping[str, str]
    made: bool = False
    answer_only: bool = False
    source: str | None = None
    version: str | None = None
    command: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class Case:
    path: Path
    meta: Meta

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def streamed(self) -> bool:
        """Whether the upstream answered with a stream; an error to a streaming request is no stream."""
        return self.upstream_path.suffix == ".sse"

    @property
    def request(self) -> bytes:
        return (self.path / "request.json").read_bytes()

    @property
    def upstream_path(self) -> Path:
        [found] = self.path.glob("upstream.*")
        return found

    @property
    def upstream(self) -> bytes:
        return self.upstream_path.read_bytes()


def read_meta(path: Path) -> Meta:
    return msgspec.yaml.decode((path / "meta.yaml").read_bytes(), type=Meta)


def read_cases() -> list[Case]:
    return [Case(path.parent, read_meta(path.parent)) for path in sorted(FIXTURES.glob("*/meta.yaml"))]
