"""Compressed request bodies, also over a real socket."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import httpx2
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy.inbound import content_encoding
from proxy.inbound.content_encoding import FREE_BYTES, INLINE_BYTES, MAX_RATIO, decode_aside, decode_body
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.running import config_for, read_config, running
from translators.errors import InvalidRequest


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _streamed_zstd(body: bytes) -> bytes:
    """A frame that does not tell its size, as streaming writers make it."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(body) + packer.flush()


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", lambda body: gzip.compress(body[:3]) + gzip.compress(body[3:])),
    ("deflate", zlib.compress),
    ("deflate", _raw_deflate),
    ("br", brotli.compress),
    ("zstd", zstandard.compress),
    ("zstd", _streamed_zstd),
    ("zstd", lambda body: zstandard.compress(body[:3]) + zstandard.compress(body[3:])),
    ("gzip, zstd", lambda body: zstandard.compress(gzip.compress(body))),
    ("identity", bytes),
    ("", bytes),
    ("GZIP", gzip.compress),
]


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
def test_g01_bodies_are_what_they_were(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    body = json.dumps({"input": "x" * 100_000}).encode()
    assert decode_body(pack(body), encoding, len(body)) == body


@pytest.mark.parametrize(("encoding", "pack"), [row for row in PACKERS if row[0] not in ("", "identity")])
def test_g01_a_bomb_stops_at_the_limit(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_body(pack(b"0" * 50_000_000), encoding, 100_000)
    assert (caught.value.status, "(server.max_body_bytes)" in caught.value.message) == (413, True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_g01_broken_bytes_are_the_clients_fault(encoding: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_body(b"this is not compressed", encoding, 1000)
    assert caught.value.status == 400


@pytest.mark.parametrize("encoding", ["compress", "snappy", ", ".join(["gzip"] * 5)])
def test_g01_an_unknown_encoding_is_told(encoding: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_body(b"x", encoding, 1000)
    assert caught.value.status == 415


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "br", "zstd"]))
def test_any_bytes_are_decoded_or_refused(body: bytes, encoding: str) -> None:
    status = 200
    try:
        assert len(decode_body(body, encoding, 1000)) <= 1000
    except InvalidRequest as error:
        status = error.status
    assert status in (200, 400, 413)


def test_t04_members_of_gzip_cost_what_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each decoder copies what is behind its member: what all are given decides how long all take."""
    given = 0

    class Counted:
        def __init__(self, wbits: int) -> None:
            self._decoder = real(wbits=wbits)

        def decompress(self, data: memoryview, max_length: int) -> bytes:
            nonlocal given
            given += len(data)
            return self._decoder.decompress(data, max_length)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._decoder, name)

    real = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", Counted)
    empty = gzip.compress(b"")
    for members in (1000, 2000, 4000):
        given = 0
        assert decode_body(empty * members + gzip.compress(b"x"), "gzip", 10) == b"x"
        assert given <= 30 * len(empty) * members


@pytest.mark.parametrize("length", [(1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 19, (1 << 19) + 7])
def test_t04_what_ends_at_the_end_of_a_piece_is_whole(length: int) -> None:
    for encoding, pack in PACKERS:
        assert decode_body(pack(bytes(length)), encoding, 1 << 20) == bytes(length)


def test_t04_a_gzip_file_has_a_limit_of_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_encoding, "MAX_MEMBERS", 3)
    assert decode_body(gzip.compress(b"x") * 3, "gzip", 10) == b"xxx"
    with pytest.raises(InvalidRequest, match="more than 3 members"):
        decode_body(gzip.compress(b"x") * 4, "gzip", 10)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "br, zstd"])
def test_t04_a_body_may_not_grow_out_of_proportion(encoding: str) -> None:
    pack = dict(PACKERS)
    bomb = b" " * (FREE_BYTES + INLINE_BYTES * MAX_RATIO)
    for name in encoding.split(", "):
        bomb = pack[name](bomb)
    with pytest.raises(InvalidRequest, match=rf"more than {MAX_RATIO} times its size") as caught:
        decode_body(bomb, encoding, 1 << 30)
    assert caught.value.status == 413


async def test_t04_a_long_body_is_decoded_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noting(body: bytes, encoding: str, limit: int) -> bytes:
        threads.append(threading.get_ident())
        return decode_body(body, encoding, limit)

    monkeypatch.setattr(content_encoding, "decode_body", noting)
    short, long = gzip.compress(b"x"), gzip.compress(bytes(INLINE_BYTES + 1), compresslevel=0)
    assert await decode_aside(short, "gzip", 1 << 20) == b"x"
    assert await decode_aside(long, "gzip", 1 << 20) == bytes(INLINE_BYTES + 1)
    assert [thread == threading.get_ident() for thread in threads] == [True, False]


async def test_g01_a_compressed_request_is_answered(tmp_path: Path) -> None:
    answer = {"choices": [{"index": 0, "message": {"content": "Hello."}, "finish_reason": "stop"}]}
    body = json.dumps({"model": "m", "input": "späße"}).encode()
    async with ChatBackend() as backend:
        backend.script(json_answer(answer), json_answer(answer))
        config = read_config(config_for(backend, server={"max_body_bytes": 1000}), tmp_path)
        json_body = {"content-type": "application/json"}
        async with (
            running(config) as url,
            httpx2.AsyncClient(base_url=url, timeout=60, verify=False, headers=json_body) as http,
        ):
            for encoding, pack in (("zstd", zstandard.compress), ("gzip", gzip.compress)):
                found = await http.post("/v1/responses", content=pack(body), headers={"content-encoding": encoding})
                assert found.json()["output"][0]["content"][0]["text"] == "Hello."
            bomb = await http.post(
                "/v1/responses", content=gzip.compress(b" " * 10_000), headers={"content-encoding": "gzip"}
            )
            assert (bomb.status_code, bomb.json()["error"]["code"]) == (413, "request_too_large")
            unknown = await http.post("/v1/responses", content=body, headers={"content-encoding": "snappy"})
            assert (unknown.status_code, unknown.json()["error"]["type"]) == (415, "invalid_request_error")
