"""`ScenarioBackend`: the scripted Chat server; it answers by scenario and keeps what went wrong by client.

The client is known by its API key, which the proxy passes on, the scenario by the model's name; a client that needs
other models has `client:scenario` for its key. Every request must be one that a strict server takes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from e2e.scripts import Script
from e2e.turn import Turn, Unexpected
from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer
from tests.support.strict_chat import check_chat_request

# What the dialects of the generated configuration send beyond OpenAI's own fields.
_BEYOND_OPENAI = ("reasoning_content",)

Key = tuple[str, str]


class ScenarioBackend(ChatBackend):
    """A Chat server whose answers are scripted by scenario; `found[client, scenario]` are its complaints about
    requests."""

    def __init__(self, own_scripts: Mapping[str, Mapping[str, Script]], scripts: Mapping[str, Script]) -> None:
        """`own_scripts` by client, `scripts` for all others."""
        super().__init__(strict=False)
        self.found: defaultdict[Key, list[str]] = defaultdict(list)
        self._own_scripts = own_scripts
        self._shared = scripts
        self._attempts: Counter[Key] = Counter()
        self.always(self._scripted)

    def complaints(self, client: str, scenario: str) -> list[str]:
        """Returns the complaints about a scenario; its variants are models of the same name with a dot and more behind
        it."""
        return [
            f"backend: {fault}"
            for (name, model), faults in self.found.items()
            if name == client and model.partition(".")[0] == scenario
            for fault in faults
        ]

    def _scripted(self, request: Request) -> Answer:
        body = request.json
        client, _, scenario = request.headers.get("authorization", "").removeprefix("Bearer ").partition(":")
        key = (client, scenario or body["model"])
        attempt = self._attempts[key]
        self._attempts[key] += 1
        try:
            check_chat_request(body, extra=_BEYOND_OPENAI)
            return self._own_scripts.get(client, self._shared)[key[1]](Turn.of(body, attempt))
        except (AssertionError, Unexpected) as fault:
            self.found[key].append(str(fault))
            return json_answer({"error": {"message": f"Not as expected: {fault}", "type": "e2e"}}, status=422)
