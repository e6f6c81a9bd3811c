"""Facts about Chat Completions backends as data: what each takes and how it answers."""

from __future__ import annotations

from translators.dialects.dialect import Dialect
from translators.dialects.presets import PRESETS, choose_dialect

__all__ = ["PRESETS", "Dialect", "choose_dialect"]
