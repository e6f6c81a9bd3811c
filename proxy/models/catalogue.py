"""Models as clients list them: OpenAI's form, and the catalogue entry by which Codex knows a model's abilities.

What nobody says of a model is left out of OpenAI's form; Codex demands some of it and gets the modest value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType

from proxy.models.facts import NO_FACTS, ModelFacts, configured_facts
from proxy.upstream.plan import Route
from proxy.upstream.routing import Router

# Codex sends what stands in a model's entry in place of the instructions that it has for models it knows.
_INSTRUCTIONS = """\
You are a coding agent that works in the user's folder through the tools you are offered.

- Find out before you change: read the files that matter, search with `rg` or `grep`, list with `ls`.
- Change files with `apply_patch` where it is offered, otherwise by shell commands. Keep to the style of what is there \
and touch nothing that the task does not need.
- After a change run the project's own checks or tests, where there are any, and mend what you broke.
- A command that fails is news, not an end: read what it says and try another way.
- Go on until the task is done. Do not merely announce what you would do next; do it by calling a tool.
- Finish with a short account of what you did, and say plainly what you could not do.
"""
_EFFORTS = {
    "none": "No reasoning",
    "minimal": "The least reasoning",
    "low": "Little reasoning",
    "medium": "Moderate reasoning",
    "high": "Much reasoning",
    "xhigh": "Very much reasoning",
    "max": "All the reasoning there is",
}
_TOOL_OUTPUT_TOKENS = 10_000
_TOOL_OUTPUT_SHARE = 4  # at most a quarter of the context for the output of one tool


class Model(Struct, tag_field="object", tag="model"):
    """An entry of OpenAI's model list, with what else is known."""

    id: str
    created: int
    owned_by: str
    context_window: int | UnsetType = UNSET
    input_modalities: Sequence[str] | UnsetType = UNSET


class ReasoningLevel(Struct, frozen=True):
    effort: str
    description: str


class TruncationPolicy(Struct, frozen=True):
    mode: str
    limit: int


class CodexModel(Struct, kw_only=True):
    """An entry of Codex's catalogue (0.169), and of what it reads from `GET /models`."""

    slug: str
    display_name: str
    description: str
    supported_reasoning_levels: list[ReasoningLevel]
    default_reasoning_level: str | UnsetType = UNSET
    shell_type: str = "unified_exec"
    visibility: str = "list"
    supported_in_api: bool = True
    priority: int
    base_instructions: str = _INSTRUCTIONS
    support_verbosity: bool = False
    apply_patch_tool_type: str = "freeform"
    truncation_policy: TruncationPolicy
    context_window: int | UnsetType = UNSET
    max_context_window: int | UnsetType = UNSET
    input_modalities: list[str]
    supports_image_detail_original: bool = False
    supports_search_tool: bool = False
    experimental_supported_tools: list[str]


class ModelList(Struct, tag_field="object", tag="list"):
    """The answer to `GET /models`: `data` is for everybody, `models` for Codex, which decodes nothing without it."""

    data: list[Model]
    models: list[CodexModel]


class Catalogue(Struct, frozen=True):
    """The file that Codex's `model_catalog_json` names."""

    models: list[CodexModel]


UpstreamFacts = Mapping[str, Mapping[str, ModelFacts]]


def facts_of(route: Route, said: UpstreamFacts) -> ModelFacts:
    """Returns what is known of a route's model: by the configuration first, then by what the upstream said."""
    upstream = said.get(route.upstream_name, {})
    return configured_facts(route.settings, route.upstream).or_else(upstream.get(route.model, NO_FACTS))


def asked_upstreams(router: Router) -> set[str]:
    """The upstreams whose own lists can tell something: those of other servers."""
    return {route.upstream_name for route in router.entries() if route.upstream.kind == "chat"}


def listed_routes(router: Router, said: UpstreamFacts) -> list[Route]:
    """Gives a route for every exact name, then for what upstreams list and a pattern passes on under its own name."""
    names = dict.fromkeys(router.names())
    for upstream_name, models in said.items():
        for model in models:
            plan = router.plan_or_none(model)
            if plan is not None and plan.first.upstream_name == upstream_name and plan.first.model == model:
                names.setdefault(model)
    return [router.route(name) for name in names]


def openai_model(route: Route, facts: ModelFacts, created: int) -> Model:
    return Model(
        route.name,
        created,
        route.upstream_name,
        UNSET if facts.context_window is None else facts.context_window,
        UNSET if facts.input_modalities is None else facts.input_modalities,
    )


def codex_model(route: Route, facts: ModelFacts, priority: int) -> CodexModel:
    efforts = [effort for effort in facts.reasoning_efforts or () if effort in _EFFORTS]
    window = UNSET if facts.context_window is None else facts.context_window
    output = _TOOL_OUTPUT_TOKENS if window is UNSET else min(_TOOL_OUTPUT_TOKENS, window // _TOOL_OUTPUT_SHARE)
    return CodexModel(
        slug=route.name,
        display_name=route.name,
        description=f"{route.model} through {route.upstream_name}",
        supported_reasoning_levels=[ReasoningLevel(effort, _EFFORTS[effort]) for effort in efforts],
        default_reasoning_level=efforts[len(efforts) // 2] if efforts else UNSET,
        priority=priority,
        truncation_policy=TruncationPolicy("tokens", output),
        context_window=window,
        max_context_window=window,
        input_modalities=[kind for kind in facts.input_modalities or ("text",) if kind in ("text", "image")],
        experimental_supported_tools=[],
    )
