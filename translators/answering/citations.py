"""Citations in the forms that backends give them, as the annotations of the Responses API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from translators.schema import chat


class _UrlCitation(Struct):
    """Chat nests the citation, Responses does not."""

    url: str
    title: str = ""
    start_index: int = 0
    end_index: int = 0


class _NestedAnnotation(Struct):
    type: str
    url_citation: _UrlCitation | None = None


def read_annotation(value: Any) -> dict[str, Any] | None:
    """An entry of `message.annotations`, or None where it is none."""
    try:
        nested = msgspec.convert(value, _NestedAnnotation)
    except msgspec.ValidationError:
        return None
    if nested.url_citation is None:
        return dict(value)
    return _flat(nested.url_citation)


class _Result(Struct):
    url: str
    title: str | None = None


class _Found(Struct):
    """GLM's word for an address is `link`."""

    link: str
    title: str | None = None


class _SearchInfo(Struct):
    """DashScope's."""

    search_results: list[Any] = []


class Sources:
    """Addresses beside the text: xAI's and Perplexity's `citations`, and what was found by a search.

    That is Perplexity's `search_results`, GLM's `web_search` and DashScope's `search_info`.

    They come with the last chunk or with every one, and say nothing of the place they belong to.
    """

    def __init__(self) -> None:
        self.cited = False  # in the text itself, by annotations
        self._citations: list[Any] = []
        self._results: list[Any] = []

    @property
    def found(self) -> bool:
        return bool(self._citations or self._results)

    def take(self, chunk: chat.ChatChunk) -> None:
        if type(chunk.citations) is list:
            self._citations = chunk.citations
        for results in (chunk.search_results, chunk.web_search, _results(chunk.search_info)):
            if type(results) is list and results:
                self._results = results

    def annotations(self) -> Iterator[dict[str, Any]]:
        """Each source once; none where the text has annotations of its own."""
        if self.cited:
            return
        titles = {result.url: result.title or "" for result in map(_read_result, self._results) if result is not None}
        urls = [result.url for result in map(_read_result, self._citations) if result is not None]
        for url in dict.fromkeys(urls or titles):
            yield _flat(_UrlCitation(url, titles.get(url, "")))


def _results(info: Any) -> list[Any]:
    try:
        return msgspec.convert(info, _SearchInfo).search_results
    except msgspec.ValidationError:
        return []


def _read_result(value: Any) -> _Result | None:
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert({"url": value} if type(value) is str else value, _Result)
    with contextlib.suppress(msgspec.ValidationError):
        found = msgspec.convert(value, _Found)
        return _Result(found.link, found.title)
    return None


def _flat(citation: _UrlCitation) -> dict[str, Any]:
    return {"type": "url_citation", **msgspec.structs.asdict(citation)}
