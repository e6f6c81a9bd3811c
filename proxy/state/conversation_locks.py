"""`ConversationLocks`: one response at a time on each conversation, whichever process makes it.

As at OpenAI, another one is refused with 400 `conversation_locked`: two at once would each be answered without the
other, and then stand in the conversation as if one had followed the other. The lock is a lease in the store, renewed
while the response is made, so that a process that is killed frees it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from proxy.ids import NewId
from proxy.store import Store, StoreError
from translators.errors import InvalidRequest
from translators.ids import LOCK

_log = logging.getLogger(__name__)


class ConversationLock:
    """One that is held. `release` may be called again, by whatever ends the response next."""

    def __init__(self, locks: ConversationLocks, conversation: str, holder: str) -> None:
        self.conversation = conversation
        self.holder = holder
        self._locks = locks

    async def release(self) -> None:
        await self._locks.release(self)


class ConversationLocks:
    """Those of this process; `lease_seconds` is how long one lasts that is not renewed."""

    def __init__(self, store: Store, clock: Callable[[], float], new_id: NewId, lease_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._lease = lease_seconds
        self._held: set[ConversationLock] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, owner: str, conversation: str) -> ConversationLock:
        """Of a conversation that is there. Raises InvalidRequest where another response holds it, and StoreError."""
        lock = ConversationLock(self, conversation, self._new_id(LOCK))
        now = self._clock()
        try:
            held = await self._store.hold_conversation(owner, conversation, lock.holder, now, now + self._lease)
        except asyncio.CancelledError:
            await self._free(lock)  # the store does what nobody waits for any more, too
            raise
        if not held:
            raise InvalidRequest(
                "Another process is currently operating on this conversation. Please retry in a few seconds.",
                param="conversation",
                code="conversation_locked",
            )
        self._held.add(lock)
        if self._renewing is None:
            self._renewing = asyncio.get_running_loop().create_task(self._renew())
        return lock

    async def release(self, lock: ConversationLock) -> None:
        if lock not in self._held:
            return
        self._held.discard(lock)
        await self._free(lock)

    async def _free(self, lock: ConversationLock) -> None:
        with contextlib.suppress(StoreError):  # then the lease ends by itself
            await asyncio.shield(self._store.free_conversation(lock.conversation, lock.holder))

    async def _renew(self) -> None:
        """Until nothing is held."""
        while self._held:
            await asyncio.sleep(self._lease / 3)
            for lock in list(self._held):
                try:
                    await self._store.renew_conversation(lock.conversation, lock.holder, self._clock() + self._lease)
                except StoreError:
                    _log.warning("the lock of a conversation could not be renewed")
        self._renewing = None

    async def aclose(self) -> None:
        """Frees what is still held."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
            self._renewing = None
        for lock in list(self._held):
            await self.release(lock)
