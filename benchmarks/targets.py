"""What a row's figures are held against: bounds on other servers' figures in the same run, or on a constant.

Where codex-relay is not in the run, its figure is taken from the passthrough's by their published ratio.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Server name → its figure on one line of the table.
Figures = Mapping[str, float]
Bound = Callable[[Figures], float | None]


@dataclass(frozen=True)
class Target:
    """Dragoman's figure is to be within every bound that is known in this run."""

    text: str
    bounds: tuple[Bound, ...]
    at_least: bool = False

    def limit(self, figures: Figures) -> float | None:
        known = [limit for bound in self.bounds if (limit := bound(figures)) is not None]
        if not known:
            return None
        return max(known) if self.at_least else min(known)

    def used(self, figures: Figures) -> float | None:
        """How much of what is allowed Dragoman takes: at most 1 where it is met, None where nothing can be compared."""
        limit, figure = self.limit(figures), figures.get("dragoman")
        if limit is None or figure is None:
            return None
        over, under = (limit, figure) if self.at_least else (figure, limit)
        if under > 0:
            return over / under
        return 0.0 if over <= under else math.inf


def passthrough(factor: float = 1.0, *, plus: float = 0.0) -> Bound:
    return _scaled("passthrough", factor, plus)


def direct(factor: float = 1.0) -> Bound:
    return _scaled("direct", factor, 0.0)


def constant(value: float) -> Bound:
    return lambda figures: value


def relay(factor: float, *, published: float | None = None) -> Bound:
    """codex-relay's figure; `published` is that figure over the passthrough's, as measured with codex-relay 0.5.8.

    It is given where both are costs of the same work, and left out where an engine's pace is in the figure.
    """

    def bound(figures: Figures) -> float | None:
        if "codex-relay" in figures:
            return factor * figures["codex-relay"]
        if published is None or "passthrough" not in figures:
            return None
        return factor * published * figures["passthrough"]

    return bound


def _scaled(name: str, factor: float, plus: float) -> Bound:
    return lambda figures: factor * figures[name] + plus if name in figures else None
