"""The named presets and the rule that picks one for an upstream."""

from __future__ import annotations

from translators.dialects.dialect import COMMON_PARAMS, Dialect

GENERIC = Dialect()

OPENAI = Dialect(
    name="openai",
    developer_role=True,
    system_placement="anywhere",
    text_content="parts",
    empty_content="null",
    refusal_field=True,
    files=frozenset({"data", "id"}),
    max_tokens_field="max_completion_tokens",
    params=COMMON_PARAMS
    | {
        "verbosity",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "service_tier",
    },
    strict_tools=True,
    reasoning_replay="never",
)

# Recorded from the server itself (fixtures/llamacpp-*).
LLAMACPP = Dialect(
    name="llamacpp",
    reasoning_replay="all",
    parallel_tool_calls="always",  # its own default is false
    tool_choice=frozenset({"auto", "none", "required"}),  # the object form is ignored
    files=frozenset(),
)

PRESETS: dict[str, Dialect] = {preset.name: preset for preset in (GENERIC, OPENAI, LLAMACPP)}

_HOSTS: dict[str, Dialect] = {"api.openai.com": OPENAI}


def choose_dialect(name: str, *, host: str, model: str) -> Dialect:
    """The dialect that `name` means; `auto` goes by the upstream's host. Raises KeyError for an unknown name."""
    if name == "auto":
        return _HOSTS.get(host, GENERIC)
    return PRESETS[name]
