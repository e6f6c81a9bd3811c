"""`choices_of`: the words that a setting or a fact may have, for the message about one that it may not."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin


def choices_of(annotation: Any) -> list[str]:
    """Returns the values of every `Literal` in an annotation: by itself, in a union, or as what a collection holds."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in choices_of(part)]
