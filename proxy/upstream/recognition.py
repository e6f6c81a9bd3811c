"""`Recognition`: finds out by its list of models which backend an upstream is, where neither setting nor host tells.

It asks when the proxy starts, and where nobody was there, or a client's own key is needed, at the next request. A
request waits a moment for an answer that is under way and goes out in the generic dialect without it; so a dialect
changes at most once, early. Not to be answered is no error, and what says nothing of a list (a key that is refused, a
limit of rates, a fault) decides nothing: it is asked again some time later.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from proxy.config import UpstreamSettings
from proxy.upstream.connections import QuestionRefused, Upstreams
from proxy.upstream.routing import Router
from translators.dialects import GENERIC, preset_of_list
from translators.errors import UpstreamError

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.3
LIMIT_SECONDS = 5.0
ONCE_PATIENCE_SECONDS = 2.0
MAX_REFUSALS = 3
"""So many answers that are no list of models make an upstream generic for good."""
PAUSE_SECONDS = 60.0
"""How long whoever's question was not answered for its key, a limit or a fault asks no other."""
MAX_PAUSES = 1000


# A key, a payment, a permission, a limit of rates.
_SAYS_NOTHING = frozenset({401, 402, 403, 407, 408, 425, 429})


class _Question(Struct, frozen=True):
    task: asyncio.Task[None]
    patience_ends: float  # by the event loop's clock


class Recognition:
    """`patience` is how many seconds after a question the requests wait for its answer, `limit` when it is given up."""

    def __init__(
        self,
        router: Router,
        upstreams: Upstreams,
        *,
        patience: float = PATIENCE_SECONDS,
        limit: float = LIMIT_SECONDS,
    ) -> None:
        self._router = router
        self._upstreams = upstreams
        self._patience = patience
        self._limit = limit
        self._questions: dict[str, _Question] = {}
        self._refusals: Counter[str] = Counter()
        # By upstream and whose key is sent, so that nobody's wrong key keeps others from asking; the oldest first.
        self._pauses: dict[tuple[str, str], float] = {}

    def begin(self, settings: Mapping[str, UpstreamSettings]) -> None:
        """Asks all that can be asked without a client's key."""
        for name in sorted(self._router.undecided):
            if not settings[name].pass_client_key:
                self._ask(name, {})

    async def wait_for(self, upstream: str, client_headers: Mapping[str, str]) -> None:
        """Returns when the dialect of `upstream` is decided, or a moment later."""
        if upstream not in self._router.undecided:
            return
        question = self._questions.get(upstream)
        if question is None:
            if self._is_paused(upstream, client_headers):
                return
            question = self._ask(upstream, dict(client_headers))
        left = question.patience_ends - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.wait([question.task], timeout=left)

    async def wait_for_all(self) -> None:
        """Returns when every question has its answer, or its patience has ended."""
        await asyncio.gather(*(self.wait_for(name, {}) for name in [*self._questions]))

    async def aclose(self) -> None:
        tasks = [question.task for question in self._questions.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(self, name: str, client_headers: Mapping[str, str]) -> _Question:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._find_out(name, client_headers))
        self._questions[name] = _Question(task, loop.time() + self._patience)
        return self._questions[name]

    async def _find_out(self, name: str, client_headers: Mapping[str, str]) -> None:
        try:
            async with asyncio.timeout(self._limit):
                listed = await self._upstreams.get(name, "/models", client_headers)
        except TimeoutError:
            self._refused(name, "it did not answer in time")
        except QuestionRefused as error:
            if error.answered in _SAYS_NOTHING or error.answered >= 500:
                self._pause(name, client_headers, error.message)
            else:
                self._refused(name, error.message)
        except UpstreamError as error:
            if error.code != "upstream_unreachable":  # what cannot be reached has answered no request either
                self._refused(name, error.message)
        else:
            self._settle(name, preset_of_list(listed))
        finally:
            del self._questions[name]

    def _is_paused(self, name: str, client_headers: Mapping[str, str]) -> bool:
        until = self._pauses.get((name, self._upstreams.asker(name, client_headers)))
        return until is not None and asyncio.get_running_loop().time() < until

    def _pause(self, name: str, client_headers: Mapping[str, str], reason: str) -> None:
        _log.info("upstream does not tell its models now", extra={"upstream": name, "reason": reason})
        asker = (name, self._upstreams.asker(name, client_headers))
        self._pauses.pop(asker, None)
        if len(self._pauses) >= MAX_PAUSES:
            del self._pauses[next(iter(self._pauses))]
        self._pauses[asker] = asyncio.get_running_loop().time() + PAUSE_SECONDS

    def _refused(self, name: str, reason: str) -> None:
        self._refusals[name] += 1
        _log.info("upstream does not list its models", extra={"upstream": name, "reason": reason})
        if self._refusals[name] >= MAX_REFUSALS:
            self._settle(name, None)

    def _settle(self, name: str, preset: str | None) -> None:
        self._router.settle(name, preset)
        _log.info("the list of models decides the dialect", extra={"upstream": name, "dialect": preset or GENERIC})


def recognise(router: Router, settings: Mapping[str, UpstreamSettings]) -> None:
    """Settles what can be told within two seconds, for a command that serves no requests."""
    if router.undecided:
        asyncio.run(_recognise(router, settings))


async def _recognise(router: Router, settings: Mapping[str, UpstreamSettings]) -> None:
    upstreams = Upstreams(settings)
    recognition = Recognition(router, upstreams, patience=ONCE_PATIENCE_SECONDS)
    try:
        recognition.begin(settings)
        await recognition.wait_for_all()
    finally:
        await recognition.aclose()
        await upstreams.aclose()
