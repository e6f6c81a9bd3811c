"""The options of real sockets, as the kernel has them afterwards."""

from __future__ import annotations

import socket
import sys

import pytest

from proxy.net.tcp_keepalive import enable_keepalive, is_loopback, limit_unacknowledged


def test_connections_are_asked_as_their_listener_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        enable_keepalive(listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if sys.platform == "linux":
                asked = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT]
                assert [accepted.getsockopt(socket.IPPROTO_TCP, option) for option in asked] == [20, 10, 4]
                # A client may stop reading for as long as it likes.
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="no other system has the option")
def test_acknowledgement_is_waited_for_two_minutes() -> None:
    with socket.socket() as unconnected:
        limit_unacknowledged(unconnected)
        assert unconnected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 120_000


def test_what_a_platform_does_not_have_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT"):
        monkeypatch.delattr(socket, option, raising=False)
    with socket.socket() as unconnected:
        enable_keepalive(unconnected)
        limit_unacknowledged(unconnected)
        assert unconnected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_on_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fe80::1%eth0"])
def test_elsewhere(address: str) -> None:
    assert not is_loopback(address)
