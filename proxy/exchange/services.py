"""`Services`: what every exchange needs of the process that it runs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from proxy.config import StoreSettings
from proxy.ids import NewId
from proxy.models.facts import UpstreamModels
from proxy.process.drain import Drain
from proxy.state.conversation_locks import ConversationLocks
from proxy.store import Store
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.observer import Observer
from proxy.upstream.attempts import Sender
from proxy.upstream.recognition import Recognition
from proxy.upstream.routing import Router


class Services(Struct, frozen=True):
    """`clock` gives Unix seconds, `new_id(prefix)` an identifier; `holder` is the name of this process in leases."""

    router: Router
    recognition: Recognition
    metrics: Metrics
    observer: Observer
    sender: Sender
    clock: Callable[[], float]
    new_id: NewId
    holder: str
    max_depth: int
    store: Store
    store_settings: StoreSettings
    locks: ConversationLocks
    upstream_models: UpstreamModels
    error_codes: Mapping[str, str]
    """Other names for the codes of errors, by our own."""
    drain: Drain
