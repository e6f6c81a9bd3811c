"""`Contents`: what the addresses and documents of one question hold, for upstreams that take contents or texts only.

Each is fetched and read once, however often the question is asked: a second attempt sends what the first one sent, and
does not fail by an address that works but once.
"""

from __future__ import annotations

from msgspec import Struct

from proxy.media.documents import DocumentReader
from proxy.media.fetch import Fetcher
from translators.asking.inline import addresses, documents, inline, put_texts
from translators.dialects import Dialect
from translators.schema.chat import ChatRequest


class MediaReaders(Struct, frozen=True):
    """Who fetches addresses and who reads documents."""

    fetcher: Fetcher
    documents: DocumentReader


class Contents:
    """For questions of `owner`, whose share of the helpers documents are read with."""

    def __init__(self, readers: MediaReaders, owner: str) -> None:
        self._readers = readers
        self._owner = owner
        self._fetched: dict[str, str] = {}  # data URLs by address
        self._texts: dict[str, str] = {}  # by content

    def __repr__(self) -> str:
        return f"Contents({len(self._fetched)} fetched, {len(self._texts)} read)"

    async def put_into(self, request: ChatRequest, dialect: Dialect) -> None:
        """Puts contents and texts in the place of what the upstream cannot take. Raises InvalidRequest."""
        remote = addresses(request, dialect)
        if remote:
            missing = {address: kind for address, kind in remote.items() if address not in self._fetched}
            if missing:
                self._fetched |= await self._readers.fetcher.fetch_all(missing)
            inline(request, self._fetched)
        unread = documents(request, dialect)
        if unread:
            missing_texts = {content: name for content, name in unread.items() if content not in self._texts}
            if missing_texts:
                self._texts |= await self._readers.documents.read_all(missing_texts, self._owner)
            put_texts(request, self._texts, dialect)
