"""The text of a PDF document.

The head of a job is `{"pages", "characters"}`, the most of each that are read, its body the document as base64. The
answer is `{"text"}`, or `{"fault"}`, in words for whoever sent it. A document whose table of objects is missing or
wrong, or that was cut off, is read as far as it can be: where a page cannot be, its text says so.
"""

import base64
import binascii
import io
import re
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.errors import PyPdfError

# A damaged document makes pypdf stumble in many ways; this process does nothing else.
_STUMBLES = (PyPdfError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, NotImplementedError)
_DAMAGED = "it is damaged, or no PDF"
_EMPTY = "it holds no text: it may be scanned"
_UNREADABLE_PAGE = "[Page {number} could not be read: the document is damaged.]"
_MISSING_PAGES = "[Pages that are missing, since the document is damaged: {number}.]"
_OBJECT = re.compile(rb"(?<!\d)(\d{1,8})[ \t\r\n]+(\d{1,5})[ \t\r\n]+obj\b")
_END_OF_OBJECT = re.compile(rb"\bendobj\b|\bstream\r?\n")
_LONGEST_HEAD = 1 << 14  # of pages with many annotations
_TYPE = re.compile(rb"/Type[ \t\r\n]*/(Catalog|Pages|Page)\b")
_COUNT = re.compile(rb"/Count[ \t\r\n]+(\d{1,8})")


class _Refused(Exception):
    """Why there is no text."""


def run(head: dict[str, Any], body: bytes) -> dict[str, Any]:
    try:
        return {"text": _text(base64.b64decode(body), head["pages"], head["characters"])}
    except binascii.Error:
        return {"fault": "it is not base64"}
    except _Refused as refused:
        return {"fault": str(refused)}
    except RecursionError:
        return {"over": "memory"}


def _text(document: bytes, max_pages: int, max_characters: int) -> str:
    pages = _pages(document, max_pages)
    if pages:
        return _joined(pages, 0, max_characters)
    found = _Objects(document)
    for mended in (found.with_a_table(), found.as_a_list()):
        if mended is not None and (readable := _pages(mended, max_pages)):
            return _joined(readable, found.missing(len(readable)), max_characters)
    raise _Refused(_DAMAGED if pages is None else _EMPTY)


def _pages(document: bytes, max_pages: int) -> list[PageObject] | None:
    """None for a document that cannot be read."""
    try:
        reader = PdfReader(io.BytesIO(document))
        if reader.is_encrypted and not reader.decrypt(""):
            raise _Refused("it is encrypted")
        count = len(reader.pages)
        if count > max_pages:
            raise _Refused(f"it has {count} pages, and no more than {max_pages} are read")
        return list(reader.pages)
    except _STUMBLES:
        return None


def _joined(pages: list[PageObject], missing: int, max_characters: int) -> str:
    texts: list[str] = []
    length, unread = 0, 0
    for number, page in enumerate(pages, 1):
        try:
            texts.append(_words(page))
        except _STUMBLES:
            unread += 1
            texts.append(_UNREADABLE_PAGE.format(number=number))
        length += len(texts[-1])
        if length > max_characters:
            raise _Refused(f"it holds more than {max_characters} characters")
    if unread and unread == len(texts):
        raise _Refused(_DAMAGED)
    if not any(map(str.isalnum, "".join(texts))):
        raise _Refused(_EMPTY)
    if missing:
        texts.append(_MISSING_PAGES.format(number=missing))
    return "\n\n".join(texts).encode("utf-8", "replace").decode()


def _words(page: PageObject) -> str:
    if "/Contents" in page and page.get_contents() is None:
        raise ValueError("what it holds is not there")
    return page.extract_text()


class _Objects:
    """The objects that stand in a document, found without its table.

    Those of an encrypted one are none: without its own table it cannot be told, and would be read as noise.
    """

    def __init__(self, document: bytes) -> None:
        self._document = document
        self._places: dict[int, tuple[int, int]] = {}  # number → offset, generation
        self._kinds: dict[bytes, list[int]] = {b"Catalog": [], b"Pages": [], b"Page": []}
        self._count = 0
        if b"/Encrypt" not in document:
            # Of an object's versions the last counts.
            for number, found in {int(found[1]): found for found in _OBJECT.finditer(document)}.items():
                self._enter(number, found.start(), int(found[2]), document[found.end() : found.end() + _LONGEST_HEAD])

    def _enter(self, number: int, offset: int, generation: int, start: bytes) -> None:
        body, *behind = _END_OF_OBJECT.split(start, maxsplit=1)
        if not behind and len(body) < _LONGEST_HEAD:
            return  # the document was cut here
        self._places[number] = offset, generation
        kind = _TYPE.search(body)
        if kind is None or (kind[1] == b"Pages" and b"/Parent" in body):
            return
        self._kinds[kind[1]].append(number)
        if kind[1] == b"Pages" and (count := _COUNT.search(body)):
            self._count = int(count[1])

    def missing(self, pages: int) -> int:
        """How many pages more than these the document says it has."""
        return max(0, self._count - pages)

    def with_a_table(self) -> bytes | None:
        """The document with a table of its objects; None where its own list of pages is not among them."""
        pages = self._kinds[b"Pages"]
        return self._rooted(pages[-1], b"", self._places) if pages else None

    def as_a_list(self) -> bytes | None:
        """The same with a list of the pages that are there, in their order in the file."""
        if not self._kinds[b"Page"]:
            return None
        number = max(self._places) + 1
        kids = b" ".join(b"%d %d R" % (page, self._places[page][1]) for page in self._kinds[b"Page"])
        listed = b"%d 0 obj\n<< /Type /Pages /Kids [%s] /Count %d >>\nendobj\n"
        added = listed % (number, kids, len(self._kinds[b"Page"]))
        return self._rooted(number, added, self._places | {number: (len(self._document) + 1, 0)})

    def _rooted(self, pages: int, added: bytes, places: dict[int, tuple[int, int]]) -> bytes:
        out = bytearray(self._document + b"\n" + added)
        root = max(places) + 1
        places = places | {root: (len(out), 0)}
        out += b"%d 0 obj\n<< /Type /Catalog /Pages %d 0 R >>\nendobj\n" % (root, pages)
        table = len(out)
        out += b"xref\n"
        for number, (offset, generation) in sorted(places.items()):
            out += b"%d 1\n%010d %05d n \n" % (number, offset, generation)
        out += b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (root + 1, root, table)
        return bytes(out)
