"""`Secret`: text that shows itself as `***`.

Deliberately not a `str`: a comparison or a header built from it without
`reveal()` fails loudly instead of using the stars as if they were the key.
"""

from __future__ import annotations


class Secret:
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The real text: for the wire and for comparing, never for a log."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)


def hide_secrets(value: object) -> str:
    """msgspec's `enc_hook` for a configuration: every `Secret` becomes `***`."""
    if isinstance(value, Secret):
        return repr(value)
    raise NotImplementedError(f"cannot encode {type(value).__name__}")
