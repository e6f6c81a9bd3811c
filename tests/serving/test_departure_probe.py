"""`ListenerProbe` leaves nothing behind: neither a timer nor a cycle that would keep a connection in memory."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, cast

import pytest

from proxy.serving import departure
from proxy.serving.departure import ListenerProbe


class Closing:
    """A transport that is about to go."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return True


@pytest.mark.parametrize("fires", [True, False])
async def test_it_is_gone_with_its_connection(fires: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departure, "_FIRST_LOOK", 0)
    transport: Any = Closing()
    probe = ListenerProbe(cast("asyncio.Transport", transport), asyncio.get_running_loop())
    assert (repr(probe), transport.written) == ("ListenerProbe(looking)", b"HTTP/1.1 100 Continue\r\n\r\n")
    if fires:
        for _ in range(3):  # turns of the loop
            await asyncio.sleep(0)
        assert repr(probe) == "ListenerProbe(over)"
    probe.stop()
    probe.stop()
    assert repr(probe) == "ListenerProbe(over)"
    gc.collect()
    gc.disable()
    try:
        held = weakref.ref(transport)
        del probe, transport
        await asyncio.sleep(0)
        assert held() is None
    finally:
        gc.enable()
