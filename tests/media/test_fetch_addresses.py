"""Addresses that a client may not make the proxy fetch from, in every spelling that a resolver or a parser takes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import httpx2
import pytest

from proxy.config import FetchSettings
from proxy.media.fetch import Fetcher
from proxy.net.addresses import is_public
from translators.errors import InvalidRequest

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
PRIVATE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
    *("198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8", "100::1"),
    *("2001::1", "2001:0:808:808::1", "2001:2::1", "2001:10::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "3ffe::1", "3fff::1", "5f00::1", "fc00::1", "fd00::1"),
    *("fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1", "feff::1", "ff02::1", "2606:4700::5efe:10.0.0.1"),
    *("2606:4700::200:5efe:127.0.0.1", "", "localhost", "not an address"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private(address: str) -> None:
    assert not is_public(address)


# What `getaddrinfo` and URL parsers make of other spellings.
SPELLINGS = [
    "http://127.0.0.1/a",
    "http://127.1/a",
    "http://2130706433/a",
    "http://0x7f000001/a",
    "http://0x7f.0.0.1/a",
    "http://0177.0.0.1/a",
    "http://0/a",
    "http://0.0.0.0/a",
    "http://localhost/a",
    "http://LOCALHOST./a",
    "http://localhost:8080/a",
    "http://[::]/a",
    "http://[::1]/a",
    "http://[0:0:0:0:0:0:0:1]/a",
    "http://[::ffff:127.0.0.1]/a",
    "http://[::ffff:7f00:1]/a",
    "http://[::127.0.0.1]/a",
    "http://[64:ff9b::127.0.0.1]/a",
    "http://[2002:7f00:1::]/a",
    "http://[fec0::1]/a",
    "http://[fe80::1%25lo]/a",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1/a",
    "http://8.8.8.8:0/a",
    "http://8.8.8.8:99999/a",
    "http://user@8.8.8.8/a",
    "http://8.8.8.8\\@127.0.0.1/a",
    "http://8.8.8.8 @127.0.0.1/a",
    "http://①②⑦.⓪.⓪.①/a",
    "http:///a",
    "http://%31%32%37.0.0.1/a",
    "file:///etc/passwd",
    "gopher://8.8.8.8/a",
    "HTTP://127.0.0.1/a",
    "//127.0.0.1/a",
]


def _unasked(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError(f"{request.url} was asked")


@pytest.mark.parametrize("url", SPELLINGS)
async def test_no_spelling_leads_inside(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def numeric(host: Any, port: int, *_: Any, **__: Any) -> Any:
        """As the resolver reads numbers and this machine's names, without asking a network for any other."""
        if str(host).rstrip(".").lower() == "localhost":
            host = "127.0.0.1"
        with contextlib.suppress(OSError, TypeError):
            host = socket.inet_ntoa(socket.inet_aton(host))
        return resolve(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", numeric)
    fetcher = Fetcher(FetchSettings(), transport=httpx2.MockTransport(_unasked))
    with pytest.raises(InvalidRequest, match="could not be fetched"):
        await fetcher.fetch_all({url: "image"})


@pytest.mark.parametrize("where", [*SPELLINGS[:22], "http://8.8.8.8:0/a"])
async def test_no_redirect_leads_inside(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def redirect(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(302, headers={"location": where})

    fetcher = Fetcher(FetchSettings(), transport=httpx2.MockTransport(redirect))
    with pytest.raises(InvalidRequest, match="could not be fetched"):
        await fetcher.fetch_all({"http://8.8.8.8/first": "image"})
    assert asked == ["8.8.8.8"]


async def test_a_name_cannot_change_its_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer of the resolver is the one that is checked and connected to; there is no second."""
    answers = ["8.8.8.8", "127.0.0.1"]
    loop = asyncio.get_running_loop()

    async def rebinding(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    asked: list[tuple[str, str]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append((request.url.host, request.headers["host"]))
        return httpx2.Response(200, content=b"\x89PNG\r\n\x1a\n", headers={"content-type": "image/png"})

    fetcher = Fetcher(FetchSettings(), transport=httpx2.MockTransport(answer))
    await fetcher.fetch_all({"http://rebinding.example/a": "image"})
    assert asked == [("8.8.8.8", "rebinding.example")]


async def test_one_private_address_of_many_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    fetcher = Fetcher(FetchSettings(), transport=httpx2.MockTransport(_unasked))
    with pytest.raises(InvalidRequest, match="private network"):
        await fetcher.fetch_all({"http://both.example/a": "image"})
