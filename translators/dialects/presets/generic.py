"""A backend that nothing is known of."""

from __future__ import annotations

from translators.dialects.preset import preset

PRESET = preset("generic")
