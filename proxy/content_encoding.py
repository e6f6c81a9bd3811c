"""`decode_body`: a compressed request body as it was before, never longer than the limit.

Codex compresses with zstd in some configurations, other clients with gzip, deflate or br (case G01).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from translators.errors import InvalidRequest

_MAX_ENCODINGS = 4
_MAX_WINDOW = 1 << 27  # zstd's own bound for untrusted input


class _Broken(Exception):
    """The bytes are not in their encoding, or end too early."""


def decode_body(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    """Raises InvalidRequest: 415 for an unknown encoding, 413 for more than `limit` bytes, 400 for broken ones."""
    names = [name.strip().lower() for name in (content_encoding or "").split(",")]
    applied = [name for name in names if name not in ("", "identity")]
    if len(applied) > _MAX_ENCODINGS:
        raise _unsupported(content_encoding or "")
    for name in reversed(applied):
        decode = _DECODERS.get(name)
        if decode is None:
            raise _unsupported(name)
        try:
            body = decode(body, limit)
        except (_Broken, zlib.error):
            message = f"The request body is not valid {name}."
            raise InvalidRequest(message, code="invalid_content_encoding") from None
        if len(body) > limit:
            message = f"The request body is larger than the limit of {limit} bytes."
            raise InvalidRequest(message, status=413, code="request_too_large")
    return body


def _unsupported(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"The content encoding '{name[:100]}' is not supported; use {', '.join(_DECODERS)} or none.",
        status=415,
        code="unsupported_content_encoding",
    )


def _gunzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip file; each decoder gives one byte more than it may, which tells too much from enough."""
    out = b""
    while body and len(out) <= limit:
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        out += decoder.decompress(body, limit + 1 - len(out))
        if not decoder.eof and len(out) <= limit:
            raise _Broken
        body = decoder.unused_data
    return out


def _inflate(body: bytes, limit: int) -> bytes:
    """With zlib's head, as the standard has it, or without, as some clients send it."""
    try:
        return _inflate_as(zlib.MAX_WBITS, body, limit)
    except zlib.error:
        return _inflate_as(-zlib.MAX_WBITS, body, limit)


def _inflate_as(wbits: int, body: bytes, limit: int) -> bytes:
    decoder = zlib.decompressobj(wbits=wbits)
    out = decoder.decompress(body, limit + 1)
    if not decoder.eof and len(out) <= limit:
        raise _Broken
    return out


def _unbrotli(body: bytes, limit: int) -> bytes:
    import brotli  # not before start: see `late`

    decoder = brotli.Decompressor()
    try:
        out = decoder.process(body, output_buffer_limit=limit + 1)
        while not decoder.is_finished() and len(out) <= limit:
            more = decoder.process(b"", output_buffer_limit=limit + 1 - len(out))
            if not more:
                raise _Broken
            out += more
    except brotli.error:
        raise _Broken from None
    return bytes(out)


def _unzstd(body: bytes, limit: int) -> bytes:
    import zstandard  # not before start: see `late`

    decoder = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        with decoder.stream_reader(body, read_across_frames=True) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError:
        raise _Broken from None


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "zstd": _unzstd,
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
}
