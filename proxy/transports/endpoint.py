"""`Endpoint`: where a request goes, parsed once from a URL and safe to write into a request line.

A URL that HTTP could not carry is refused with a `ValueError`. Neither its message nor the repr of an endpoint repeats
a part of the URL that may hold a secret.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, urlsplit

import msgspec

Origin = tuple[str, str, int]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
_HOST = re.compile(r"[a-z0-9._-]+")
# What RFC 3986 allows in a path and a query, and "%", so that what is escaped already stays as it is.
_KEPT = "/:@!$&'()*+,;=?%~[]"


class Endpoint(msgspec.Struct, frozen=True, cache_hash=True):
    scheme: str
    host: str
    port: int
    path: str
    """The request target: the path and, with its question mark, the query."""

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        # Before urlsplit(), which drops tabs and line ends without a word.
        if _UNSAFE.search(url):
            raise ValueError("a URL must not hold a space or a control character")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("the host or the port of the URL is malformed") from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError("a URL must begin with http:// or https://")
        if "@" in parts.netloc:
            raise ValueError("credentials in a URL are refused: send them in a header")
        if "#" in url:
            raise ValueError("a URL must not hold a fragment: it would never be sent")
        if port == 0:
            raise ValueError("port 0 cannot be connected to")
        path = quote(parts.path or "/", safe=_KEPT)
        if parts.query:
            path += "?" + quote(parts.query, safe=_KEPT)
        return cls(parts.scheme, _parse_host(parts.hostname), port or _DEFAULT_PORTS[parts.scheme], path)

    @property
    def origin(self) -> Origin:
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> str:
        """Host and port, for messages: nothing secret is in them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def __repr__(self) -> str:
        # Some services take their key in the query.
        return f"Endpoint({self.scheme}://{self.authority}{self.path.partition('?')[0]})"


def _parse_host(host: str | None) -> str:
    if not host:
        raise ValueError("the URL names no host")
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ipaddress.AddressValueError:
            raise ValueError("the host of the URL is not an IPv6 address") from None
        if address.scope_id:
            raise ValueError("an IPv6 address in a URL must not name a zone")
        return str(address)
    try:
        ascii_host = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("the host of the URL is not a valid name") from None
    if not _HOST.fullmatch(ascii_host):
        raise ValueError("the host of the URL is not a valid name")
    return ascii_host
