"""`keep_house`: what has to be done now and then: lost background responses are failed, old ones removed."""

from __future__ import annotations

import asyncio
import logging

from proxy.background.runs import fail_lost
from proxy.config import StoreSettings
from proxy.exchange.services import Services
from proxy.store import Limits, StoreError

_log = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0
MEMORY_BYTES = 256 << 20
_DAY = 86_400


def limits_of(settings: StoreSettings) -> Limits:
    memory = settings.kind == "memory" or (settings.kind == "sqlite" and settings.data_dir is None)
    return Limits(
        max_age=settings.max_age_days * _DAY,
        max_conversation_age=settings.max_conversation_age_days * _DAY,
        max_responses=settings.max_responses,
        max_bytes=settings.max_bytes or (MEMORY_BYTES if memory else 0),
    )


async def keep_house(services: Services) -> None:
    """Runs until it is cancelled; the first round is at once, for what an earlier process left behind."""
    limits = limits_of(services.store_settings)
    swept = float("-inf")
    while True:
        try:
            for record in await services.store.expired(services.clock()):
                await fail_lost(services, record)
            if services.clock() - swept >= SWEEP_SECONDS:
                swept = services.clock()
                removed = await services.store.sweep(limits, swept)
                if removed:
                    _log.info("removed what was over the limits", extra={"responses": removed})
        except StoreError:
            _log.warning("the store could not be swept")
        await asyncio.sleep(services.store_settings.lease_seconds)
