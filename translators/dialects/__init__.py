"""Facts about Chat Completions backends as data: what each takes and how it answers."""

from __future__ import annotations

from translators.dialects.choose import AUTO, GENERIC, PRESETS, Choice, Setting, choose, preset_of_list, problems
from translators.dialects.dialect import Dialect

__all__ = ["AUTO", "GENERIC", "PRESETS", "Choice", "Dialect", "Setting", "choose", "preset_of_list", "problems"]
