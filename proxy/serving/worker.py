"""`work(…)`: what a worker process does, from its birth to its end, and what it says to its supervisor.

It obeys the pipe to its supervisor. Terminals and service managers signal the whole group, so SIGINT and SIGHUP are the
supervisor's to hear, and SIGTERM is no second order to end after the supervisor's own. A pipe that ends tells that the
supervisor is gone, however that was: then the listener closes at once, so that the port is free for the next one, and
turns under way may end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from functools import partial
from multiprocessing.connection import Connection

import msgspec
from msgspec import Struct

from proxy.config import load_config
from proxy.serving.descriptors import keep_to_oneself
from proxy.serving.server import DrainingServer
from proxy.serving.signals import Signals
from proxy.serving.start import create_server, drain_times
from proxy.serving.start_errors import start_error
from proxy.telemetry.log import configure_logging
from proxy.upstream.redaction import Redactor

_OTHERS = frozenset({signal.SIGINT, signal.SIGHUP})


class Started(Struct, tag=True):
    """The worker serves."""


class NotStarted(Struct, tag=True):
    """It cannot, and ends."""

    error: str
    status: int


class Stop(Struct, tag=True):
    """The supervisor's order to drain."""

    reason: str
    patient: bool


class Hurry(Struct, tag=True):
    """The supervisor's order to end what is being waited for."""


Report = Started | NotStarted
Order = Stop | Hurry
_ORDER: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)


def work(listener: socket.socket, control: Connection, attended: bool) -> None:
    """The target of the process. Its configuration is where the environment says."""
    keep_to_oneself()
    report = partial(_report, control)
    with Signals(ignored=_OTHERS) as signals:
        try:
            config = load_config(None, os.environ)
            configure_logging(config.server.log_level, Redactor.of(config))
            server = create_server(config, attended=attended, on_started=lambda: report(Started()))
            most = drain_times(config, attended=attended).most
            threading.Thread(target=_obey, args=(control, server, most), daemon=True).start()
            with signals.told_to(lambda number: server.stop(number.name)):
                server.run([listener])
        except Exception as error:
            known = start_error(error)
            report(NotStarted(known.message, known.status))


def _report(control: Connection, report: Report) -> None:
    with contextlib.suppress(OSError):  # there is no supervisor any more, and `_obey` has seen it
        control.send_bytes(msgspec.json.encode(report))


def _obey(control: Connection, server: DrainingServer, most: float) -> None:
    """A thread of its own, so that an event loop that hangs cannot outlive its supervisor."""
    try:
        while True:
            order = _ORDER.decode(control.recv_bytes())
            if isinstance(order, Stop):
                server.stop(order.reason, patient=order.patient)
            else:
                server.hurry()
    except (EOFError, OSError):
        server.stop("the end of its supervisor", patient=False)
    time.sleep(most)
    os._exit(1)
