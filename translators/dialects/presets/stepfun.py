"""StepFun.

Where its facts are from:
- anomalyco/models.dev#1903: `efforts`, `reasoning_field`
- bytedance/deer-flow#3456: that it wants thoughts back, as the generic preset gives them
- no page says that it takes more, so the careful choice: `files`
- the order of its calls: fixtures/made-stepfun-interleaved-calls
"""

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
