"""How many tokens something has, where nobody counted: four bytes are taken for one.

Every image or file is taken for as many as a picture has: its bytes say nothing of its tokens.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

from translators.long_text import AnyText, LongText

BYTES_PER_TOKEN = 4
MEDIA_TOKENS = 1000
# Every letter of base64 as one, and all else as another: a pattern would take twenty times as long to find the media.
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/=").encode())
_OUTLINE = bytes(0x61 if byte in _BASE64 else 0x20 for byte in range(256))
_MEDIA = b"a" * 1024  # no words are so long


def estimated_tokens(body: bytes) -> int:
    """Estimates the tokens of a request's body, from its bytes."""
    outline = body.translate(_OUTLINE)
    text, media, end = len(body), 0, 0
    while (start := outline.find(_MEDIA, end)) >= 0:
        end = outline.find(b" ", start)
        if end < 0:
            end = len(outline)
        text -= end - start
        media += 1
    return -(-text // BYTES_PER_TOKEN) + media * MEDIA_TOKENS


def text_tokens(texts: Iterable[AnyText]) -> int:
    """Estimates the tokens of these texts together."""
    return -(-sum(map(_bytes, texts)) // BYTES_PER_TOKEN)


def _bytes(text: AnyText) -> int:
    """How many bytes a text has as UTF-8."""
    if isinstance(text, LongText):
        return sum(map(_bytes, text.pieces))
    return len(text.encode(errors="surrogatepass"))
