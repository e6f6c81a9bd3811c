"""`ScenarioBackend`: the scripted Chat server; it answers by scenario and keeps what went wrong by client.

The client is known by its API key, which the proxy passes on, the scenario by the model's name; a client that needs
other models has `client:scenario` for its key. Every request must be one that a strict server takes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from e2e.scripts import Script
from e2e.turn import Turn, Unexpected
from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer
from tests.support.strict_chat import check_chat_request

# What the dialects of the generated configuration send beyond OpenAI's own fields.
_BEYOND_OPENAI = ("reasoning_content",)

Key = tuple[str, str]


class ScenarioBackend:
    """A Chat server whose answers are scripted by scenario; `faults[client, scenario]` are its complaints about
    requests."""

    def __init__(self, own_scripts: Mapping[str, Mapping[str, Script]], scripts: Mapping[str, Script]) -> None:
        """`own_scripts` by client, `scripts` for all others."""
        self.faults: defaultdict[Key, list[str]] = defaultdict(list)
        self._own_scripts = own_scripts
        self._scripts = scripts
        self._attempts: Counter[Key] = Counter()
        self._backend = ChatBackend(strict=False)
        self._backend.always(self._answer)

    @property
    def base_url(self) -> str:
        return self._backend.base_url

    async def __aenter__(self) -> Self:
        await self._backend.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._backend.__aexit__(kind, error, trace)

    def attempts(self, client: str, scenario: str) -> int:
        return self._attempts[client, scenario]

    def complaints(self, client: str, scenario: str) -> list[str]:
        """Returns the complaints about a scenario; its variants are models of the same name with a dot and more behind
        it."""
        return [
            f"backend: {fault}"
            for (name, model), faults in self.faults.items()
            if name == client and model.partition(".")[0] == scenario
            for fault in faults
        ]

    def _answer(self, request: Request) -> Answer:
        body = request.json
        client, _, scenario = request.headers.get("authorization", "").removeprefix("Bearer ").partition(":")
        key = (client, scenario or body["model"])
        attempt = self._attempts[key]
        self._attempts[key] += 1
        try:
            check_chat_request(body, extra=_BEYOND_OPENAI)
            return self._own_scripts.get(client, self._scripts)[key[1]](Turn.of(body, attempt))
        except (AssertionError, Unexpected) as fault:
            self.faults[key].append(str(fault))
            return json_answer({"error": {"message": f"Not as expected: {fault}", "type": "e2e"}}, status=422)
