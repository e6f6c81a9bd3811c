"""`decode_body`: a compressed request body as it was before, never longer than its limits.

Codex compresses with zstd in some configurations (Anionex/agent-vision-toolkit#29), other clients with gzip, deflate
or br. Every decoder takes time in proportion to what goes in and what comes out, and gives it in pieces of bounded
size, between which other threads may run; `decode_aside` lets one do all of it.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator

from translators.errors import InvalidRequest

MAX_RATIO = 200
"""How many bytes a byte on the wire may become. JSON seldom passes 20; what passes 200 was made to."""
FREE_BYTES = 1 << 20
"""What a body may become whatever its ratio: a short one that repeats itself is no harm."""
INLINE_BYTES = 8 << 10
"""A longer compressed body is decoded in a thread: with MAX_RATIO, this is some milliseconds of the event loop."""
MAX_MEMBERS = 1 << 16
"""The members of a gzip file. Tools that write many put 64 KB into each, which makes 1,024 in the largest body."""

_MAX_ENCODINGS = 4
_MAX_WINDOW = 1 << 27  # zstd's own bound for untrusted input
_PIECE = 1 << 18
# What is left behind the end of a gzip member is copied: so a new one gets little at first, then twice as much.
_FIRST_WINDOW, _LAST_WINDOW = 1 << 9, 1 << 16


class _Broken(Exception):
    """The bytes are not in their encoding, or end too early."""


async def decode_aside(body: bytes, content_encoding: str, limit: int) -> bytes:
    """`decode_body`, in a thread where it might take the event loop a while: all decoders let go of it meanwhile."""
    if len(body) <= INLINE_BYTES:
        return decode_body(body, content_encoding, limit)
    return await asyncio.to_thread(decode_body, body, content_encoding, limit)


def decode_body(body: bytes, content_encoding: str, limit: int) -> bytes:
    """Raises InvalidRequest: 415 for an unknown encoding, 400 for broken bytes, 413 where a body within encodings is
    longer than `limit` bytes at any stage, or than MAX_RATIO allows for what came in."""
    names = [name.strip().lower() for name in content_encoding.split(",")]
    applied = [name for name in names if name not in ("", "identity")]
    if len(applied) > _MAX_ENCODINGS:
        raise _unsupported(content_encoding)
    by_ratio = max(FREE_BYTES, MAX_RATIO * len(body))
    for name in reversed(applied):
        decode = _DECODERS.get(name)
        if decode is None:
            raise _unsupported(name)
        try:
            body = _joined(decode(body), min(limit, by_ratio))
        except (_Broken, zlib.error):
            message = f"The request body is not valid {name}."
            raise InvalidRequest(message, code="invalid_content_encoding") from None
        if len(body) > limit:
            raise _too_large(f"is larger than {limit} bytes (server.max_body_bytes)")
        if len(body) > by_ratio:
            raise _too_large(f"decompresses to more than {MAX_RATIO} times its size, which is the limit")
    return body


def _joined(pieces: Iterator[bytes], limit: int) -> bytes:
    """All of them, or as many as show that they are longer than `limit`."""
    taken, size = [], 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size > limit:
            break
    return b"".join(taken)


def _too_large(how: str) -> InvalidRequest:
    return InvalidRequest(f"The request body {how}.", status=413, code="request_too_large")


def _unsupported(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"The content encoding '{name[:100]}' is not supported; use {', '.join(_DECODERS)} or none.",
        status=415,
        code="unsupported_content_encoding",
    )


def _gunzip(body: bytes) -> Iterator[bytes]:
    """All members of a gzip file."""
    view, at = memoryview(body), 0
    for _ in range(MAX_MEMBERS):
        decoder, window = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), _FIRST_WINDOW
        while not decoder.eof:
            given = view[at : at + window]
            if not given:
                raise _Broken
            yield decoder.decompress(given, _PIECE)
            at += len(given) - len(decoder.unconsumed_tail) - len(decoder.unused_data)
            window = min(2 * window, _LAST_WINDOW)
        if at == len(view):
            return
    raise InvalidRequest(
        f"The gzip file in the request body has more than {MAX_MEMBERS} members, which is the limit.",
        status=413,
        code="request_too_large",
    )


def _inflate(body: bytes) -> Iterator[bytes]:
    """With zlib's head, as the standard has it, or without, as some clients send it."""
    pieces = _inflate_as(zlib.MAX_WBITS, body)
    try:
        first = next(pieces)
    except zlib.error:
        yield from _inflate_as(-zlib.MAX_WBITS, body)
        return
    yield first
    yield from pieces


def _inflate_as(wbits: int, body: bytes) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits=wbits)
    view, at = memoryview(body), 0
    while not decoder.eof:
        given = view[at : at + _LAST_WINDOW]
        piece = decoder.decompress(given, _PIECE)
        if not piece and not given and not decoder.eof:  # with all taken in, there may still be something to give
            raise _Broken
        yield piece
        at += len(given) - len(decoder.unconsumed_tail)


def _unbrotli(body: bytes) -> Iterator[bytes]:
    import brotli  # not before start: see `preload`

    decoder = brotli.Decompressor()
    view, at = memoryview(body), 0
    try:
        while not decoder.is_finished():
            given = b""
            if decoder.can_accept_more_data():
                given = bytes(view[at : at + _LAST_WINDOW])
                at += len(given)
            piece = decoder.process(given, output_buffer_limit=_PIECE)
            if not piece and not given and not decoder.is_finished():
                raise _Broken
            yield piece
    except brotli.error:
        raise _Broken from None


def _unzstd(body: bytes) -> Iterator[bytes]:
    import zstandard  # not before start: see `preload`

    decoder = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        with decoder.stream_reader(body, read_across_frames=True) as reader:
            while piece := reader.read(_PIECE):
                yield piece
    except zstandard.ZstdError:
        raise _Broken from None


_DECODERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "zstd": _unzstd,
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
}
