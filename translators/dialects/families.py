"""`FAMILIES`: what a model demands wherever it is served, since gateways pass its own rules on.

What a host is known to want outweighs its models' families; an unknown host gets the family's facts.
"""

from __future__ import annotations

from msgspec import Struct

from translators.dialects.dialect import SchemaStep
from translators.dialects.preset import Facts, ModelRule, when

MOONSHOT_SCHEMA: tuple[SchemaStep, ...] = ("no_meta", "inline_refs", "object_root", "type_in_branches", "prefix_items")


class Family(Struct, frozen=True):
    name: str
    rule: ModelRule

    @property
    def facts(self) -> Facts:
        return self.rule.facts


FAMILIES: tuple[Family, ...] = (
    # Refuses later turns whose reasoning is missing; the earlier generations want none back.
    Family("deepseek", when(r"deepseek.*(v[4-9]|chat|reasoner)", reasoning_replay="all", reasoning_filler="")),
    Family(
        "kimi",
        when(
            r"kimi|moonshot", reasoning_replay="all", reasoning_filler=" ", schema=MOONSHOT_SCHEMA, strict_tools=False
        ),
    ),
    Family("glm", when(r"\bglm-?[4-9]", reasoning_replay="all")),
    # Its template refuses a second system message.
    Family("qwen", when(r"qwen|qwq", system_placement="leading")),
    # mistral-common checks these wherever it renders the prompt.
    Family(
        "mistral",
        when(
            r"mistral|mixtral|devstral|magistral|codestral|pixtral|voxtral",
            bridge_after_tool=True,
            tool_call_id="alnum9",
        ),
    ),
    Family("minimax", when(r"minimax|\babab", cumulative_reasoning=True, reasoning_replay="all")),
    Family("gpt-oss", when(r"gpt-oss", efforts=("low", "medium", "high"), always_thinks=True)),
    Family("gemini", when(r"gemini", tool_extra=True)),
    Family("gemini-3", when(r"gemini-[3-9]", tool_extra=True, signature_filler="skip_thought_signature_validator")),
)
