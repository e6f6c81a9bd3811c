"""A backend that nothing is known of: what most servers take of https://platform.openai.com/docs/api-reference/chat, as
`Dialect` has it.
"""

from __future__ import annotations

from translators.dialects.preset import preset

PRESET = preset("generic")
