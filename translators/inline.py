"""Media that a request names by address and that its upstream takes by content only.

`addresses(request, dialect)` are those to fetch, `inline(request, fetched)` puts data URLs in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeGuard

import msgspec
from msgspec import UNSET, UnsetType

from translators.dialects import Dialect
from translators.schema import chat

Kind = Literal["image", "file"]


def addresses(request: chat.ChatRequest, dialect: Dialect) -> dict[str, Kind]:
    """Address → what is there, in the order of the messages."""
    found: dict[str, Kind] = {}
    for part in (part for parts in _contents(request) for part in parts):
        if isinstance(part, chat.ImagePart) and "http" not in dialect.images:
            found |= {url: "image" for url in (part.image_url.url,) if _remote(url)}
        elif isinstance(part, chat.FilePart) and "url" not in dialect.files:
            found |= {url: "file" for url in (part.file.file_data,) if _remote(url)}
    return found


def inline(request: chat.ChatRequest, fetched: Mapping[str, str]) -> None:
    """`fetched` is address → data URL."""
    for parts in _contents(request):
        for index, part in enumerate(parts):
            if isinstance(part, chat.ImagePart) and part.image_url.url in fetched:
                parts[index] = chat.ImagePart(msgspec.structs.replace(part.image_url, url=fetched[part.image_url.url]))
            elif isinstance(part, chat.FilePart) and part.file.file_data in fetched:
                content = fetched[str(part.file.file_data)]
                parts[index] = chat.FilePart(msgspec.structs.replace(part.file, file_data=content))


def _contents(request: chat.ChatRequest) -> Iterator[list[chat.Part]]:
    for message in request.messages:
        if isinstance(message, chat.UserMessage) and isinstance(message.content, list):
            yield message.content


def _remote(url: str | UnsetType) -> TypeGuard[str]:
    return url is not UNSET and url.startswith(("http://", "https://"))
