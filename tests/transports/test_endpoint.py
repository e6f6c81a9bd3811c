"""What a URL becomes, and which are refused."""

from __future__ import annotations

import pytest

from proxy.transports import Endpoint

PARSED = {
    "http://localhost": ("http", "localhost", 80, "/", "localhost"),
    "https://api.example.com/v1/chat/completions": (
        "https",
        "api.example.com",
        443,
        "/v1/chat/completions",
        "api.example.com",
    ),
    "HTTPS://API.Example.com:8443/v1?a=b&c=%20": (
        "https",
        "api.example.com",
        8443,
        "/v1?a=b&c=%20",
        "api.example.com:8443",
    ),
    "http://my_service:80?x": ("http", "my_service", 80, "/?x", "my_service"),
    "http://[::1]:9000/a": ("http", "::1", 9000, "/a", "[::1]:9000"),
    "https://b\u00fccher.example/caf\u00e9": (
        "https",
        "xn--bcher-kva.example",
        443,
        "/caf%C3%A9",
        "xn--bcher-kva.example",
    ),
    'http://h/a"b\\c': ("http", "h", 80, "/a%22b%5Cc", "h"),
    "http://h/models/gemini:generate@1": ("http", "h", 80, "/models/gemini:generate@1", "h"),
}
REFUSED = {
    "": "http://",
    "localhost:8000": "http://",
    "ftp://h/": "http://",
    "//h/path": "http://",
    "http://": "no host",
    "http:///path": "no host",
    "http://user:hunter2@h/": "credentials",
    "http://user@h/": "credentials",
    "http://h/a b": "space",
    "http://h/a\r\nx: y": "control",
    "http://h/a\0": "control",
    "http://h:hunter2/": "port",
    "http://h:65536/": "port",
    "http://h:0/": "port",
    "http://h/#part": "fragment",
    "http://a..b/": "name",
    "http://a*b/": "name",
    f"http://{'a' * 64}/": "name",
    "http://[::1/": "malformed",
    "http://[fe80::1%25eth0]/": "zone",
}


@pytest.mark.parametrize("url", PARSED)
def test_parsed(url: str) -> None:
    endpoint = Endpoint.parse(url)
    assert (endpoint.scheme, endpoint.host, endpoint.port, endpoint.path, endpoint.authority) == PARSED[url]
    assert Endpoint.parse(endpoint.url) == endpoint
    assert hash(Endpoint.parse(endpoint.url)) == hash(endpoint)


@pytest.mark.parametrize("url", REFUSED)
def test_refused(url: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[url]) as caught:
        Endpoint.parse(url)
    assert "hunter2" not in str(caught.value)


def test_repr_keeps_the_query_to_itself() -> None:
    endpoint = Endpoint.parse("https://h/v1?key=secret")
    assert repr(endpoint) == "Endpoint(https://h/v1)"
    assert "secret" not in f"{endpoint} {[endpoint]}"
