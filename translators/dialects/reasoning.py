"""`set_reasoning(request, effort, …)`: how hard to think, said in the words of a dialect.

A level the backend lacks becomes the nearest one it has, the higher of two; so does `none` where thinking cannot be
turned off. Parameters and choices that exclude thinking are settled here, too.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from translators.dialects.dialect import EFFORTS, Control, Dialect
from translators.report import Report
from translators.schema import chat

OFF = "none"
_LEAST_BUDGET = 1024  # Anthropic's own limit
_ROOM_FOR_ANSWER = 1024
_EFFORT = "reasoning.effort"


def set_reasoning(request: chat.ChatRequest, effort: str | None, dialect: Dialect, report: Report) -> None:
    """Puts how hard to think into the request, and takes back what does not go together with thinking."""
    thinking = _think(request, effort, dialect, report)
    if thinking and dialect.tool_choice_when_thinking != "keep":
        thinking = _settle_tool_choice(request, dialect, report)
    if thinking:
        _drop_params(request, dialect, report)


def _think(request: chat.ChatRequest, effort: str | None, dialect: Dialect, report: Report) -> bool:
    """Tells whether the model will think."""
    by_default = dialect.thinks_by_default or dialect.always_thinks
    if effort is None:
        if by_default and dialect.thinking_extra and "thinking_type" in dialect.reasoning_controls:
            _thinking_type(request, "", dialect)
        return by_default
    if not dialect.reasoning_controls:
        report.ignored(_EFFORT, "the upstream cannot be told how hard to think")
        return by_default
    if effort not in EFFORTS and effort not in dialect.efforts:
        report.dropped(_EFFORT, f"'{effort}' is no level that the upstream knows")
        return by_default
    level = nearest_level(effort, dialect)
    if level != effort:
        report.changed(_EFFORT, f"{effort} became {level}: the upstream has no such level")
    for control in dialect.reasoning_controls:
        CONTROLS[control](request, level, dialect)
    return level != OFF


def nearest_level(effort: str, dialect: Dialect) -> str:
    """Returns what the dialect makes of a level; `none` stays where some control can turn thinking off."""
    if effort in dialect.effort_names:
        return dialect.effort_names[effort]
    if effort in dialect.efforts:
        return effort
    if effort == OFF and not dialect.always_thinks and set(dialect.reasoning_controls) != {"effort"}:
        return OFF
    place = EFFORTS.index(effort)
    levels = [level for level in dialect.efforts if level in EFFORTS and (level != OFF or effort == OFF)]
    return min(levels, key=lambda level: (abs(EFFORTS.index(level) - place), -EFFORTS.index(level)), default=effort)


def _settle_tool_choice(request: chat.ChatRequest, dialect: Dialect, report: Report) -> bool:
    """Tells whether the model still thinks: a call that must be made outweighs thinking (BerriAI/litellm#37470)."""
    choice, request.tool_choice = request.tool_choice, UNSET
    if choice in (UNSET, "auto"):
        return True
    if choice == "none":
        request.tools = UNSET
        request.parallel_tool_calls = UNSET
        return True
    if dialect.tool_choice_when_thinking == "thinking_off" and not dialect.always_thinks:
        request.tool_choice = choice
        report.changed(_EFFORT, "thinking is off: the upstream cannot be made to call a tool while it thinks")
        for control in dialect.reasoning_controls:
            CONTROLS[control](request, OFF, dialect)
        return False
    report.dropped("tool_choice", "the upstream cannot be made to call a tool while it thinks")
    return True


def _drop_params(request: chat.ChatRequest, dialect: Dialect, report: Report) -> None:
    for name in sorted(dialect.params_without_reasoning & set(request.__struct_fields__)):
        if getattr(request, name) is not UNSET:
            setattr(request, name, UNSET)
            report.dropped(name, "the upstream does not take it while it thinks")


# --- one function for each way of saying it -------------------------------------------------------


def _effort(request: chat.ChatRequest, level: str, dialect: Dialect) -> None:
    request.reasoning_effort = level if level in dialect.efforts else UNSET


def _effort_object(request: chat.ChatRequest, level: str, dialect: Dialect) -> None:
    request.reasoning = {"effort": level}


def _enabled_object(request: chat.ChatRequest, level: str, dialect: Dialect) -> None:
    request.reasoning = {"enabled": level != OFF}


def _thinking_type(request: chat.ChatRequest, level: str, dialect: Dialect) -> None:
    on = {"type": dialect.thinking_word, **dialect.thinking_extra}
    request.thinking = {"type": "disabled"} if level == OFF else on


def _thinking_budget_object(request: chat.ChatRequest, level: str, dialect: Dialect) -> None:
    length = getattr(request, dialect.max_tokens_field)
    budget = dialect.thinking_budgets.get(level, 0)
    if length is not UNSET:
        budget = min(budget, length - _ROOM_FOR_ANSWER)
    request.thinking = {"type": "enabled", "budget_tokens": budget} if budget >= _LEAST_BUDGET else UNSET


def _enable_thinking(request: chat.ChatRequest, level: str, dialect: Dialect) -> None:
    request.enable_thinking = level != OFF
    request.thinking_budget = dialect.thinking_budgets.get(level, UNSET)


def _template_switch(request: chat.ChatRequest, level: str, dialect: Dialect) -> None:
    request.chat_template_kwargs = {dialect.template_switch: level != OFF}


CONTROLS: dict[Control, Callable[[chat.ChatRequest, str, Dialect], None]] = {
    "effort": _effort,
    "reasoning_effort_object": _effort_object,
    "reasoning_enabled_object": _enabled_object,
    "thinking_type": _thinking_type,
    "thinking_budget_object": _thinking_budget_object,
    "enable_thinking": _enable_thinking,
    "template_switch": _template_switch,
}
