"""A body that was compressed though nobody asked for it comes out as it went in, or not at all."""

from __future__ import annotations

import gzip
import zlib

import pytest

from proxy.transports import AnswerTooLarge, MalformedAnswer, Transport
from proxy.transports.body import Inflater
from tests.transports.pieces import Pieces
from tests.transports.wire import CHUNKED, LAST_CHUNK, answering, chunk, exchange, whole

TEXT = b"".join(b'data: {"n":%d}\n\n' % number for number in range(500))
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
COMPRESSED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip": ("X-GZIP", gzip.compress(TEXT)),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "bare deflate": ("deflate", BARE.compress(TEXT) + BARE.flush()),
}


@pytest.mark.parametrize("name", COMPRESSED)
async def test_inflated(transport: Transport, name: str) -> None:
    encoding, body = COMPRESSED[name]
    async with exchange(transport, answering(whole(body, f"content-encoding: {encoding}"))) as (answer, _):
        assert await answer.read(len(TEXT)) == TEXT


async def test_inflated_as_it_comes(transport: Transport) -> None:
    stream = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    async with exchange(transport, answering(head)) as (answer, peer):
        pieces = Pieces(answer)
        for word in (b"one", b"two"):
            await peer.write(chunk(stream.compress(word) + stream.flush(zlib.Z_SYNC_FLUSH)))
            assert await anext(pieces) == word
        await peer.write(chunk(stream.flush()) + LAST_CHUNK)
        assert await anext(pieces, None) is None


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"x"),
        ("gzip, gzip", b"x"),
        ("gzip", b"no gzip at all"),
        ("gzip", COMPRESSED["gzip"][1][:-1]),
        ("gzip", b"\x1f"),
        ("gzip", COMPRESSED["gzip"][1] + b"more"),
        ("deflate", COMPRESSED["bare deflate"][1][:-1]),
    ],
)
async def test_refused(transport: Transport, encoding: str, body: bytes) -> None:
    async with exchange(transport, answering(whole(body, f"content-encoding: {encoding}"))) as (answer, _):
        with pytest.raises(MalformedAnswer):
            await answer.read(len(TEXT))


@pytest.mark.parametrize("encoding", ["gzip", "identity", ""])
async def test_empty_body(transport: Transport, encoding: str) -> None:
    async with exchange(transport, answering(whole(b"", f"content-encoding: {encoding}"))) as (answer, _):
        assert await answer.read(0) == b""


async def test_limit_counts_inflated_bytes(transport: Transport) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    async with exchange(transport, answering(whole(bomb, "content-encoding: gzip"))) as (answer, _):
        with pytest.raises(AnswerTooLarge):
            await answer.read(len(bomb))


@pytest.mark.parametrize("name", COMPRESSED)
def test_byte_by_byte(name: str) -> None:
    encoding, body = COMPRESSED[name]
    inflater = Inflater(encoding.lower())
    out = b""
    for byte in body:
        inflater.feed(bytes([byte]))
        while piece := inflater.take():
            out += piece
    inflater.end()
    assert out == TEXT


def test_pieces_are_bounded() -> None:
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(bytes(10_000_000)))
    sizes = []
    while piece := inflater.take():
        sizes.append(len(piece))
    inflater.end()
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= 1 << 18


def test_what_follows_the_end_is_refused_at_once() -> None:
    inflater = Inflater("gzip")
    inflater.feed(COMPRESSED["gzip"][1])
    while inflater.take():
        pass
    inflater.feed(b"more")
    with pytest.raises(MalformedAnswer):
        inflater.take()
