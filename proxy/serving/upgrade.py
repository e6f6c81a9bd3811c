"""Offers of another protocol that nobody takes: the same request without them (RFC 9110, section 7.8)."""

from __future__ import annotations

from proxy.serving.intake import Headers

_UPGRADE_FIELDS = frozenset({b"upgrade", b"http2-settings"})


def without_offer(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """The head of a request that offered an upgrade, as if it had not."""
    fields = b"".join([b"%b: %b\r\n" % field for field in headers if field[0] not in _UPGRADE_FIELDS])
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, url, version.encode(), fields)
