"""Media that a request names by address, or brings along, and that its upstream takes in another form only.

`addresses(request, dialect)` are those to fetch, `inline(request, fetched)` puts data URLs in their place;
`documents(request, dialect)` are those to read, `put_texts(request, texts, dialect)` puts their texts there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeGuard

import msgspec
from msgspec import UNSET, UnsetType

from translators.data_urls import as_file
from translators.dialects import Dialect
from translators.dialects.arrange import content_of
from translators.schema import chat

Kind = Literal["image", "file"]


def may_hold_media(request: chat.ChatRequest) -> bool:
    """Whether any message is more than a text: the quick answer for the requests that need none of this."""
    return bool(_contents(request))


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


def documents(request: chat.ChatRequest, dialect: Dialect) -> dict[str, str]:
    """Content → file name, of the files that an upstream cannot be sent."""
    if "data" in dialect.files:
        return {}
    files = [part.file for parts in _contents(request) for part in parts if isinstance(part, chat.FilePart)]
    return {
        file.file_data: file.filename or ""
        for file in files
        if file.file_data is not UNSET and not ("url" in dialect.files and _remote(file.file_data))
    }


def put_texts(request: chat.ChatRequest, texts: Mapping[str, str], dialect: Dialect) -> None:
    """`texts` is content → text."""
    for message in request.messages:
        if not isinstance(message, chat.UserMessage) or not isinstance(message.content, list):
            continue
        for index, part in enumerate(message.content):
            if isinstance(part, chat.FilePart) and part.file.file_data in texts:
                text = texts[str(part.file.file_data)]
                message.content[index] = chat.TextPart(as_file(text, part.file.filename or ""))
        message.content = content_of(message.content, dialect)


def _contents(request: chat.ChatRequest) -> list[list[chat.Part]]:
    """Of the users' messages that are more than a text; a long history is passed over quickly."""
    users = [message for message in request.messages if type(message) is chat.UserMessage]
    return [message.content for message in users if type(message.content) is list]


def _remote(url: str | UnsetType) -> TypeGuard[str]:
    return url is not UNSET and url.startswith(("http://", "https://"))
