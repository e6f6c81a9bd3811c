"""`Worker`: a thread with a connection of its own, and the ways in which it runs what is asked of it.

Whatever waits when the writer is free becomes one transaction: under load many responses share one commit.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from proxy.store.sqlite_file import Connection, FileGone, SqliteFile, spoils

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]


class _Order:
    """A job and the future of whoever waits for it; `atomic` where it is one statement. `done` is told of its end."""

    __slots__ = ("atomic", "done", "error", "future", "job", "loop", "value")

    def __init__(self, job: Job[Any], done: Callable[[], None], *, atomic: bool) -> None:
        self.job = job
        self.done = done
        self.atomic = atomic
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.value: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        self.done()
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.value)
        else:
            self.future.set_exception(self.error)


class Worker:
    """A thread with a connection of its own; `run_all` runs the jobs that waited together, and may raise for all."""

    def __init__(
        self,
        file: SqliteFile,
        connect: Callable[[], Connection],
        run_all: Callable[[sqlite3.Connection, Sequence[_Order]], None],
    ) -> None:
        self._file = file
        self._connect = connect
        self._run_all = run_all
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._spoilt = False
        self._waiting = 0

    def connected(self) -> Connection:
        """The thread's own connection, for use while it is `idle`."""
        assert self._connection is not None, "the database has not been opened"
        return self._connection

    @property
    def idle(self) -> bool:
        return self._waiting == 0

    async def run(self, job: Job[T], *, atomic: bool) -> T:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="dragoman-store", daemon=True)
            self._thread.start()
        # Not the end of its future counts: where nobody waits for it any more, it is run all the same.
        order = _Order(job, self._settled, atomic=atomic)
        self._waiting += 1
        self._orders.put(order)
        outcome: T = await order.future
        return outcome

    def _settled(self) -> None:
        self._waiting -= 1

    def renew(self) -> None:
        """Has the next order run on a new connection, unless the database is the connection."""
        self._spoilt = self._file.path is not None

    async def close(self) -> None:
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self._orders.put(None)
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        open_ = True
        while open_:
            batch = [self._orders.get()]
            while not self._orders.empty():
                batch.append(self._orders.get())
            open_ = None not in batch
            orders = [order for order in batch if order is not None]
            self._run(orders)
            _settle(orders)
        self._release()

    def _run(self, orders: Sequence[_Order]) -> None:
        try:
            try:
                self._run_here(orders)
            except FileGone:  # nobody would find what was written there: again, in the file that has its place
                self._release()
                self._run_here(orders)
        except Exception as error:  # whatever it is: who waits is told, and the thread has others to serve
            for order in orders:
                order.error = error
        if any(spoils(order.error) for order in orders):
            self.renew()

    def _run_here(self, orders: Sequence[_Order]) -> None:
        if self._spoilt:
            self._release()
        if self._connection is None:
            self._connection = self._connect()
        self._file.check(self._connection)
        for order in orders:
            order.error = None
        self._run_all(self._connection, orders)
        self._file.check(self._connection)

    def _release(self) -> None:
        self._spoilt = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def run_each(connection: sqlite3.Connection, orders: Sequence[_Order]) -> None:
    """Jobs that only read, one by one."""
    for order in orders:
        try:
            order.value = order.job(connection)
        except Exception as error:
            order.error = error


def run_together(connection: sqlite3.Connection, orders: Sequence[_Order]) -> None:
    """Jobs in one transaction; of several each has a savepoint of its own."""
    if len(orders) == 1:
        order = orders[0]
        order.value = _run_alone(connection, order.job, atomic=order.atomic)
        return
    with transaction(connection):
        for order in orders:
            _run_apart(connection, order)


def _run_alone(connection: sqlite3.Connection, job: Job[T], *, atomic: bool) -> T:
    if atomic:  # which is a transaction by itself
        return job(connection)
    with transaction(connection):
        return job(connection)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _run_apart(connection: sqlite3.Connection, order: _Order) -> None:
    """One job; its failure undoes what it did, and nothing of its neighbours."""
    connection.execute("SAVEPOINT one")
    try:
        order.value = order.job(connection)
    except Exception as error:
        order.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


def _settle(orders: Sequence[_Order]) -> None:
    waiting: dict[asyncio.AbstractEventLoop, list[_Order]] = {}
    for order in orders:
        waiting.setdefault(order.loop, []).append(order)
    for loop, own in waiting.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle_all, own)


def _settle_all(orders: Sequence[_Order]) -> None:
    for order in orders:
        order.settle()
