"""Clients that are known by their headers, and what they cannot read."""

from __future__ import annotations

from collections.abc import Mapping

_CODEX = "codex"  # `codex_exec`, `codex_cli_rs`, `codex_vscode`, `Codex Desktop`: its originator, or its user agent


def reads_refusals(headers: Mapping[str, str]) -> bool:
    """Whether a client shows `refusal` parts: Codex leaves out a message that has one, and the turn ends empty."""
    names_itself = headers.get("originator", "") or headers.get("user-agent", "")
    return not names_itself.lower().startswith(_CODEX) and "x-codex-turn-metadata" not in headers
