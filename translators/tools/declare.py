"""The tools of a request, in the order of their declarations: offered, named, and whether one finds more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Raw, Struct

from translators.decode import decode_as
from translators.errors import bounded
from translators.tools.map import Forms, ToolName
from translators.tools.namespace import SEPARATOR, NamespaceTool
from translators.tools.tool import Offering, type_of


def declare_tools(raws: Sequence[Raw], into: Offering, at: str = "tools") -> list[Any]:
    """Offers every tool and returns the tools as the response echoes them. Raises InvalidRequest.

    A tool of a type that nothing here stands for is reported, or refused where drops are.
    """
    return [_declare(raw, into, f"{at}[{index}]") for index, raw in enumerate(raws)]


def has_client_search(raws: Iterable[Raw], forms: Forms, at: str) -> bool:
    """Tells whether a client offers to search: only then can a deferred tool be found later."""
    for index, raw in enumerate(raws):
        where = f"{at}[{index}]"
        form = forms.get(type_of(raw, where))
        if form is not None and form.may_search and decode_as(form, raw, where).searches:
            return True
    return False


class _Outline(Struct):
    """What a tool is called, and the tools under its name."""

    type: str
    name: str | None = None
    tools: list[_Outline] | None = None


def tool_names(raws: Sequence[Raw], forms: Forms, at: str) -> list[ToolName]:
    """Returns the tools that declarations stand for, in their order."""
    outlines = [decode_as(_Outline, raw, f"{at}[{index}]") for index, raw in enumerate(raws)]
    return [tool for outline in outlines for tool in _named(outline, forms, None)]


def _named(outline: _Outline, forms: Forms, namespace: str | None) -> list[ToolName]:
    form = forms.get(outline.type)
    if form is not NamespaceTool:
        one = None if form is None else form.only
        return [one or ToolName(outline.name or outline.type, namespace, outline.type)]
    full = f"{namespace}{SEPARATOR}{outline.name}" if namespace else outline.name
    return [tool for member in outline.tools or () for tool in _named(member, forms, full)]


def why_not_offered(kind: str, forms: Forms) -> str:
    """Says why no tool of the type is offered: that it is for a server to run, or that nobody knows it."""
    if kind in forms:
        return f"the server runs tools of type '{kind}' itself, and none is configured here"
    return f"tools of type '{bounded(kind)}' are not known"


def _declare(raw: Raw, into: Offering, at: str) -> Any:
    kind = type_of(raw, at)
    forms = into.tools.forms
    form = forms.get(kind)
    if form is None:
        into.report.dropped(at, why_not_offered(kind, forms))
        return raw
    echo = decode_as(form, raw, at).declare(into, at)
    return raw if echo is None else echo
