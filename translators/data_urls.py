"""Data URLs: what kind of image one holds, the text of one that holds a text, the content of one that holds a PDF."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote

# The first bytes of each kind, in base64.
_IMAGES = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}
_PDF = "JVBERi0"  # %PDF-
_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?P<parameters>(?:;[^;,]*)*?)(?P<base64>;base64)?,", re.IGNORECASE)
_TEXT_TYPES = re.compile(
    r"text/.*|application/(?:json|xml|yaml|x-yaml|toml|javascript|x-ndjson|sql|x-sh|.*\+(?:json|xml))", re.IGNORECASE
)
_TEXT_NAMES = re.compile(
    r".*\.(?:txt|md|csv|tsv|json|jsonl|xml|ya?ml|toml|ini|cfg|log|html?|css|py|js|ts|go|rs|c|h|cpp|java|rb|sh|sql|tex)",
    re.IGNORECASE,
)


def with_image_type(url: str) -> str:
    """The data URL with its type of image, told by its first bytes where it names none."""
    match = _DATA_URL.match(url)
    if match is None or not match["base64"] or re.fullmatch(r"image/[\w.+-]+", match["type"]):
        return url
    content = url[match.end() :].lstrip()
    kind = next((kind for start, kind in _IMAGES.items() if content.startswith(start)), None)
    return url if kind is None else f"data:{kind};base64,{content}"


def document_text(data: str, filename: str) -> str | None:
    """The text of a file given as a data URL or as bare base64; None where it holds none."""
    match = _DATA_URL.match(data)
    said = "" if match is None else match["type"]
    if not _TEXT_TYPES.fullmatch(said) and (
        said not in ("", "application/octet-stream") or not _TEXT_NAMES.fullmatch(filename)
    ):
        return None
    try:
        if match is not None and not match["base64"]:
            return unquote(data[match.end() :], errors="strict")
        return base64.b64decode(data if match is None else data[match.end() :]).decode()
    except (binascii.Error, ValueError):
        return None


def as_file(text: str, filename: str) -> str:
    """A file's text as it stands in a message."""
    name = f" name={filename!r}" if filename else ""
    return f"<file{name}>\n{text}\n</file>"


def pdf_base64(data: str) -> str | None:
    """The base64 of a PDF given as a data URL or as bare base64; None for anything else."""
    match = _DATA_URL.match(data)
    if match is not None and not match["base64"]:
        return None
    content = (data if match is None else data[match.end() :]).strip()
    said = "" if match is None else match["type"].lower()
    return content if said == "application/pdf" or content.startswith(_PDF) else None
