"""Simulated backends: each refuses what the real one refuses and answers in its quirks, by facts of their own.

Nothing here knows the presets: their authors read the same sources, so that one checks the other.
"""

from __future__ import annotations

from tests.simulator.backends import BACKENDS
from tests.simulator.facts import Facts
from tests.simulator.server import Simulator

__all__ = ["BACKENDS", "Facts", "Simulator"]
