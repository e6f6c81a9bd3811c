"""`DocumentReader`: the text of documents, for upstreams that take no files.

PDFs are read by helper processes, so that none can hold up, crowd out or crash the server. The latest texts are
remembered, since a conversation brings its documents along at every turn, and so is what could not be read. Raises
InvalidRequest: the document is the client's.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from proxy.config import DocumentSettings
from proxy.process.failures import Failures
from proxy.process.helpers import HelperFault, Helpers, Job, Reason
from translators.data_urls import document_text, pdf_base64
from translators.errors import BridgeError, InvalidRequest

MAX_CHARACTERS = 4_000_000
MAX_REMEMBERED_CHARACTERS = 8_000_000
MEMORY_BYTES = 1 << 30

_MODULE = "proxy.process.jobs.pdf"
_BYTES_OF_BASE64 = 3 / 4


class _Outcome(Struct):
    """The text of one document; `fault` is why there is none, in words for the client."""

    text: str = ""
    fault: str = ""


class DocumentReader:
    def __init__(self, settings: DocumentSettings) -> None:
        self._settings = settings
        self._helpers = Helpers([_MODULE], processes=settings.processes, memory=MEMORY_BYTES)
        self._failures = Failures(time.monotonic)
        self._outcomes: OrderedDict[bytes, _Outcome] = OrderedDict()
        self._remembered = 0

    async def read_all(self, documents: Mapping[str, str], owner: str) -> dict[str, str]:
        """Reads `documents`, data URL or base64 → file name, and returns the texts by the same keys."""
        return {data: await self._read(data, name, owner) for data, name in documents.items()}

    async def _read(self, data: str, name: str, owner: str) -> str:
        text = document_text(data, name)
        if text is not None:
            return text
        pdf = pdf_base64(data)
        if pdf is None:
            raise _unreadable(name, "it is neither a text nor a PDF, and this model's upstream takes no files")
        if len(pdf) * _BYTES_OF_BASE64 > self._settings.max_bytes:
            raise _unreadable(name, f"it is larger than {self._settings.max_bytes} bytes")
        content = pdf.encode("ascii", "replace")
        key = (await asyncio.to_thread(hashlib.sha256, content)).digest()
        if (failed := self._failures.find(owner, key)) is not None:
            raise self._over(name, failed)
        outcome = self._outcomes.get(key)
        if outcome is None:
            try:
                outcome = await self._extract(content, owner)
            except HelperFault as fault:
                self._failures.remember(owner, key, fault.reason)
                raise self._over(name, fault.reason) from None
            self._remember(key, outcome)
        self._outcomes.move_to_end(key)
        if outcome.fault:
            raise _unreadable(name, outcome.fault)
        return outcome.text

    async def _extract(self, content: bytes, owner: str) -> _Outcome:
        """Raises HelperFault."""
        limits = {"pages": self._settings.max_pages, "characters": MAX_CHARACTERS}
        said = await self._helpers.run(owner, Job(_MODULE, limits, content, self._settings.timeout))
        return msgspec.json.decode(said, type=_Outcome)

    def _over(self, name: str, reason: Reason) -> BridgeError:
        if reason == "busy":
            return _busy(name)
        if reason == "time":
            return _unreadable(name, f"reading it took longer than {self._settings.timeout:g} seconds")
        if reason == "memory":
            return _unreadable(name, f"reading it took more than {MEMORY_BYTES} bytes of memory")
        return _unreadable(name, "reading it failed")

    def _remember(self, key: bytes, outcome: _Outcome) -> None:
        self._outcomes[key] = outcome
        self._remembered += _weight(outcome)
        while self._remembered > MAX_REMEMBERED_CHARACTERS and len(self._outcomes) > 1:
            _, oldest = self._outcomes.popitem(last=False)
            self._remembered -= _weight(oldest)

    async def aclose(self) -> None:
        await self._helpers.aclose()


def _weight(outcome: _Outcome) -> int:
    return 100 + len(outcome.text)


def _named(name: str) -> str:
    return f"The document '{name[:200]}'" if name else "The document"


def _busy(name: str) -> BridgeError:
    message = f"{_named(name)} could not be read: too many documents are being read already."
    return BridgeError(message, param="input", code="server_overloaded", status=503, retry_after="5")


def _unreadable(name: str, reason: str) -> InvalidRequest:
    message = f"{_named(name)} could not be turned into text: {reason}."
    return InvalidRequest(message, param="input", code="invalid_value")
