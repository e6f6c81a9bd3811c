"""What all requests to an upstream have in common is written once, though each has an identifier of its own."""

from __future__ import annotations

from proxy.transports.endpoint import Endpoint
from proxy.transports.native import _request_prefix, encode_head


def test_an_identifier_of_its_own_costs_no_request_the_head_that_all_share() -> None:
    endpoint = Endpoint.parse("http://127.0.0.1:9/v1/chat/completions")
    _request_prefix.cache_clear()
    heads = [
        encode_head("POST", endpoint, [("accept", "*/*"), ("x-request-id", f"r{number}")], b"{}")
        for number in range(100)
    ]
    assert _request_prefix.cache_info().misses == 1
    assert heads[7].endswith(b"accept: */*\r\nx-request-id: r7\r\ncontent-length: 2\r\n\r\n")
