"""`Grammars`: the grammars of requests loaded, and the inputs of calls checked by them, in helper processes.

What is known of a grammar is remembered, since every request of a conversation brings it along; and so is what went
over its limits, for the owner who sent it.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from proxy.config import GrammarSettings
from proxy.process.failures import Failures
from proxy.process.helpers import HelperFault, Helpers, Job, Reason
from translators.asking.translate import Translation
from translators.errors import BridgeError
from translators.report import Adaptation
from translators.tools import Grammar, InputCheck

MEMORY_BYTES = 256 << 20
"""What a helper may take for a grammar. A large one takes 60 MB; those that grow without bounds find this one."""
_MAX_REMEMBERED = 1024
_MODULE = "proxy.process.jobs.grammar"

Key = bytes


class _Known(Struct, frozen=True):
    """Of a grammar that was loaded; with a `fault` it is refused, and an `unreadable` one is not checked."""

    fault: str | None = None
    unreadable: bool = False


class _Checked(_Known, frozen=True):
    """`problems` has what is wrong with each text; it is null where checking one took too long."""

    problems: list[str | None] | None = None


class Grammars:
    def __init__(self, settings: GrammarSettings) -> None:
        self._seconds = settings.timeout
        self._helpers = Helpers([_MODULE], processes=settings.processes, memory=MEMORY_BYTES, kept=1)
        self._failures = Failures(time.monotonic)
        self._known: OrderedDict[Key, _Known] = OrderedDict()

    async def warm(self) -> None:
        """Starts a helper before the first grammar comes."""
        await self._helpers.warm()

    async def load(self, translation: Translation, owner: str) -> None:
        """Finds out which of a request's grammars can be used; of those that cannot, inputs are not checked.

        Raises InvalidRequest for one that no server could use, and for those that go over the limits.
        """
        end = time.monotonic() + self._seconds
        for tool, grammar in list(translation.tools.grammars.items()):
            known = await self._load(grammar, owner, end)
            if known.fault is not None:
                raise grammar.refusal(f"the grammar cannot be used: {known.fault}")
            if known.unreadable:
                del translation.tools.grammars[tool]
                translation.adaptations.append(
                    Adaptation("ignored", grammar.at, "the grammar cannot be read here: inputs are not checked")
                )

    async def _load(self, grammar: Grammar, owner: str, end: float) -> _Known:
        key = _key(grammar)
        known = self._known.get(key)
        if known is None:
            failed = self._failures.find(owner, key)
            if failed is not None:
                raise self._refusal(grammar, failed)
            try:
                known = await self._run(grammar, (), owner, end - time.monotonic())
            except HelperFault as fault:
                self._failures.remember(owner, key, fault.reason)
                raise self._refusal(grammar, fault.reason) from None
            self._known[key] = _Known(known.fault, known.unreadable)
            if len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known

    async def check(
        self, checks: Sequence[InputCheck], translation: Translation, owner: str
    ) -> list[Sequence[str | None]]:
        """What is wrong with each reading of each input. One that cannot be checked within the limits is reported."""
        end = time.monotonic() + self._seconds
        found: list[Sequence[str | None]] = []
        for check in checks:
            problems = await self._check(check, owner, end)
            if problems is None:
                said = Adaptation("ignored", check.grammar.at, "an input could not be checked within the limits")
                if said not in translation.adaptations:
                    translation.adaptations.append(said)
            found.append(problems or ())
        return found

    async def _check(self, check: InputCheck, owner: str, end: float) -> list[str | None] | None:
        key = (_key(check.grammar), "input")
        if self._failures.find(owner, key) is not None:
            return None
        try:
            checked = await self._run(check.grammar, check.readings, owner, end - time.monotonic())
        except HelperFault as fault:
            self._failures.remember(owner, key, fault.reason)
            return None
        if checked.problems is None:
            self._failures.remember(owner, key, "time")
        return checked.problems

    async def _run(self, grammar: Grammar, texts: Sequence[str], owner: str, seconds: float) -> _Checked:
        """Raises HelperFault."""
        if seconds <= 0:
            raise HelperFault("time")
        head = {"syntax": grammar.syntax, "texts": texts}
        job = Job(_MODULE, head, grammar.definition.encode("utf-8", "replace"), seconds)
        return msgspec.json.decode(await self._helpers.run(owner, job), type=_Checked)

    def _refusal(self, grammar: Grammar, reason: Reason) -> BridgeError:
        if reason == "busy":
            message = "The grammars of this request could not be loaded: too many are being loaded already."
            return BridgeError(message, param=grammar.param, code="server_overloaded", status=503, retry_after="5")
        if reason == "time":
            limit = f"the grammars of a request may take {self._seconds:g} seconds to load"
        else:
            limit = f"a grammar may take {MEMORY_BYTES} bytes of memory to load"
        return grammar.refusal(f"it goes over a limit, {limit}")

    async def aclose(self) -> None:
        await self._helpers.aclose()


def _key(grammar: Grammar) -> Key:
    whole = f"{grammar.syntax}\0{grammar.definition}"
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).digest()
