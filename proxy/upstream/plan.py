"""`Plan`: where a request for one model may go, and how it is put there.

A plan has as many targets as the configuration gives a model, in the order in which they are tried; today that is one.
Each target is a `Route` with a dialect and a wire of its own, so that two of them need have nothing in common but the
model's name.
"""

from __future__ import annotations

from msgspec import Struct

from proxy.config import ModelSettings, UpstreamSettings
from proxy.upstream.wire import Wire
from translators.asking.translate import Settings
from translators.dialects import Choice, Dialect


class Route(Struct, frozen=True, kw_only=True):
    """The way to one target.

    `name` is what the client asked for, `model` what the upstream is sent; `translation` is for the wire's `translate`.
    """

    name: str
    model: str
    upstream_name: str
    upstream: UpstreamSettings
    settings: ModelSettings
    choice: Choice
    wire: Wire
    translation: Settings

    @property
    def dialect(self) -> Dialect:
        return self.choice.dialect

    def __repr__(self) -> str:
        wire, dialect = self.wire.name, self.dialect.name
        return f"Route({self.name!r} -> {self.upstream_name!r} as {self.model!r}, {wire}, {dialect})"


class Plan(Struct, frozen=True):
    """`targets` has at least one; the first is the one whose facts stand for the model."""

    targets: tuple[Route, ...]

    @property
    def first(self) -> Route:
        return self.targets[0]

    def __repr__(self) -> str:
        return f"Plan({', '.join(map(repr, self.targets))})"
