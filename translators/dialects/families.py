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
    # Refuses later turns whose reasoning is missing (NousResearch/hermes-agent#15228); earlier generations want none
    # back.
    Family("deepseek", when(r"deepseek.*(v[4-9]|chat|reasoner)", reasoning_replay="all", reasoning_filler="")),
    # JohnnyZ93/oai-compatible-copilot#171 for the thoughts, router-for-me/CLIProxyAPI#5316 for the schemas.
    Family(
        "kimi",
        when(
            r"kimi|moonshot", reasoning_replay="all", reasoning_filler=" ", schema=MOONSHOT_SCHEMA, strict_tools=False
        ),
    ),
    # It answers worse without them (openai/openai-agents-python#2669).
    Family("glm", when(r"\bglm-?[4-9]", reasoning_replay="all")),
    # Its template refuses a second system message (BerriAI/litellm#39282).
    Family("qwen", when(r"qwen|qwq", system_placement="leading")),
    # mistral-common checks these wherever it renders (mistralai/mistral-common#169, anomalyco/opencode#1680).
    Family(
        "mistral",
        when(
            r"mistral|mixtral|devstral|magistral|codestral|pixtral|voxtral",
            bridge_after_tool=True,
            tool_call_id="alnum9",
        ),
    ),
    # can1357/oh-my-pi, `packages/catalog/src/compat/rules/classes/minimax.kdl`.
    Family("minimax", when(r"minimax|\babab", cumulative_reasoning=True, reasoning_replay="all")),
    # https://docs.rs/crate/harn-vm/0.8.78: its prompt has these three levels, and none for no thought.
    Family("gpt-oss", when(r"gpt-oss", efforts=("low", "medium", "high"), always_thinks=True)),
    # securo-finance/securo#884; agentjido/req_llm#427 for what stands in for a lost signature.
    Family("gemini", when(r"gemini", tool_extra=True)),
    Family("gemini-3", when(r"gemini-[3-9]", tool_extra=True, signature_filler="skip_thought_signature_validator")),
)
