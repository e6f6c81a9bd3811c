"""`Fetcher`: media at addresses that clients named, as data URLs, within limits of size, time and place.

Addresses of private networks are refused after the name is resolved, and the connection goes to the address that was
checked, so that a name cannot change its mind. Raises InvalidRequest: the address is the client's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from proxy.config import FetchSettings
from proxy.net.addresses import is_public
from translators.asking.inline import Kind
from translators.data_urls import with_image_type
from translators.errors import InvalidRequest

if TYPE_CHECKING:
    import httpx2

MAX_ADDRESSES = 20
MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}


class Fetcher:
    """`transport` replaces the network in tests."""

    def __init__(self, settings: FetchSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport

    async def fetch_all(self, addresses: Mapping[str, Kind]) -> dict[str, str]:
        """Fetches addresses, and returns address → data URL."""
        if len(addresses) > MAX_ADDRESSES:
            raise InvalidRequest(f"More than {MAX_ADDRESSES} addresses of images and files.", code="invalid_value")
        import httpx2  # not before start: see `preload`

        client = httpx2.AsyncClient(
            transport=self._transport,
            trust_env=False,  # a proxy would resolve the name itself
            follow_redirects=False,
            timeout=self._settings.timeout,
        )
        async with client:
            return {url: await self._fetch(client, url, kind) for url, kind in addresses.items()}

    async def _fetch(self, client: httpx2.AsyncClient, url: str, kind: Kind) -> str:
        import httpx2

        try:
            async with asyncio.timeout(self._settings.timeout):
                content_type, content = await self._follow(client, url)
        except TimeoutError:
            raise _refused(url, kind, "it took too long") from None
        except _Refused as error:
            raise _refused(url, kind, str(error)) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
            raise _refused(url, kind, "there was no usable answer") from None
        data = f"data:{content_type};base64,{base64.b64encode(content).decode()}"
        if kind == "image":
            data = with_image_type(data)
            if not data.startswith("data:image/"):
                raise _refused(url, kind, f"it is {content_type or 'of no type'}")
        return data

    async def _follow(self, client: httpx2.AsyncClient, url: str) -> tuple[str, bytes]:
        for _ in range(MAX_REDIRECTS + 1):
            request = await self._pinned(client, url)
            async with contextlib.aclosing(await client.send(request, stream=True)) as answer:
                if answer.status_code in _REDIRECTS and "location" in answer.headers:
                    url = urljoin(url, answer.headers["location"])
                    continue
                if answer.status_code != 200:
                    raise _Refused(f"the answer was {answer.status_code}")
                return answer.headers.get("content-type", "").split(";")[0].strip(), await self._read(answer)
        raise _Refused("there were too many redirects")

    async def _read(self, answer: httpx2.Response) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in answer.aiter_bytes():
            size += len(piece)
            if size > self._settings.max_bytes:
                raise _Refused(f"it is larger than {self._settings.max_bytes} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def _pinned(self, client: httpx2.AsyncClient, url: str) -> httpx2.Request:
        """Makes the request to the very address that was checked, under the name that was asked for."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            raise _Refused("it is no plain http or https address")
        if parts.port == 0:
            raise _Refused("there is no port 0")
        port = parts.port or _PORTS[parts.scheme]
        address = await self._resolve(parts.hostname, port)
        host = f"[{address}]" if ":" in address else address
        pinned = parts._replace(netloc=f"{host}:{port}", fragment="").geturl()
        # A compressed answer could be far larger than it seems.
        headers = {"host": parts.netloc, "accept": "*/*", "accept-encoding": "identity"}
        return client.build_request("GET", pinned, headers=headers, extensions={"sni_hostname": parts.hostname})

    async def _resolve(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not self._settings.allow_private and not all(map(is_public, addresses)):
            raise _Refused("it is in a private network")
        return addresses[0]


class _Refused(Exception):
    """Why an address is not fetched, in words for the client."""


def _refused(url: str, kind: Kind, reason: str) -> InvalidRequest:
    shown = url if len(url) <= 200 else f"{url[:200]}…"
    return InvalidRequest(f"The {kind} at {shown} could not be fetched: {reason}.", param="input", code="invalid_value")
