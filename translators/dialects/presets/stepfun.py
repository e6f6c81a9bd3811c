"""StepFun."""

from __future__ import annotations

from translators.dialects.preset import preset

PRESET = preset(
    "stepfun",
    hosts=("api.stepfun.com", "api.stepfun.ai"),
    files=frozenset(),
    efforts=("low", "medium", "high"),
    reasoning_field="reasoning",
)
