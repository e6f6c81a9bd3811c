"""StepFun."""

from __future__ import annotations

from translators.dialects.preset import facts, preset

PRESET = preset(
    "stepfun",
    facts(
        files=frozenset(),
        efforts=("low", "medium", "high"),
        reasoning_field="reasoning",
    ),
    hosts=("api.stepfun.com", "api.stepfun.ai"),
)
