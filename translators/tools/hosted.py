"""Tools that the server runs in the Responses API: which there are, and that nobody runs them here."""

from __future__ import annotations

from translators.errors import bounded

HOSTED_TYPES = frozenset(
    {
        "code_interpreter",
        "file_search",
        "image_generation",
        "mcp",
        "programmatic_tool_calling",
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)


def why_not_offered(kind: str) -> str:
    if kind in HOSTED_TYPES:
        return f"the server runs tools of type '{kind}' itself, and none is configured here"
    return f"tools of type '{bounded(kind)}' are not known"
