"""`DocumentReader`: the text of documents, for upstreams that take no files.

Each PDF is read in a process of its own, so that none can hold up, crowd out or crash the server: that process has a
limit of time and one of memory. The latest texts are remembered, since a conversation brings its documents along at
every turn. Raises InvalidRequest: the document is the client's.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from proxy.config import DocumentSettings
from translators.errors import InvalidRequest
from translators.media import document_text, pdf_base64

MAX_AT_ONCE = 2
MAX_CHARACTERS = 4_000_000
MAX_REMEMBERED_CHARACTERS = 8_000_000
MEMORY_BYTES = 1 << 30

_CHILD = Path(__file__).with_name("documents_child.py")
_BYTES_OF_BASE64 = 3 / 4


class _Outcome(Struct):
    """`fault` is why there is no text, in words for the client."""

    text: str = ""
    fault: str = ""


class DocumentReader:
    def __init__(self, settings: DocumentSettings) -> None:
        self._settings = settings
        self._free = asyncio.Semaphore(MAX_AT_ONCE)
        self._texts: OrderedDict[bytes, str] = OrderedDict()
        self._remembered = 0

    async def read_all(self, documents: Mapping[str, str]) -> dict[str, str]:
        """`documents` is data URL or base64 → file name; gives the texts by the same keys."""
        return {data: await self._read(data, name) for data, name in documents.items()}

    async def _read(self, data: str, name: str) -> str:
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
        if key in self._texts:
            self._texts.move_to_end(key)
            return self._texts[key]
        async with self._free:
            outcome = await self._extract(content)
        if outcome.fault:
            raise _unreadable(name, outcome.fault)
        self._remember(key, outcome.text)
        return outcome.text

    async def _extract(self, content: bytes) -> _Outcome:
        limits = {
            "pages": self._settings.max_pages,
            "characters": MAX_CHARACTERS,
            "seconds": self._settings.timeout,
            "memory": MEMORY_BYTES,
        }
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", str(_CHILD), json.dumps(limits)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self._settings.timeout):
                said, _ = await child.communicate(content)
            return msgspec.json.decode(said, type=_Outcome)
        except TimeoutError:
            return _Outcome(fault="reading it took too long")
        except msgspec.DecodeError:  # it ended without a word
            return _Outcome(fault="it could not be read")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()

    def _remember(self, key: bytes, text: str) -> None:
        self._texts[key] = text
        self._remembered += len(text)
        while self._remembered > MAX_REMEMBERED_CHARACTERS:
            _, oldest = self._texts.popitem(last=False)
            self._remembered -= len(oldest)


def _unreadable(name: str, reason: str) -> InvalidRequest:
    shown = f"The document '{name[:200]}'" if name else "The document"
    return InvalidRequest(f"{shown} could not be turned into text: {reason}.", param="input", code="invalid_value")
