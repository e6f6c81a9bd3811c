"""`Simulator(facts)`: a backend on a loopback socket; `refusals` are what it had to refuse, and why."""

from __future__ import annotations

from tests.simulator.answers import chunks, whole
from tests.simulator.errors import error_body
from tests.simulator.facts import Facts, Json
from tests.simulator.model import answer_to, scene_of
from tests.simulator.rules import refusal
from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer, sse_answer

KEY = "secret-key"
BROKEN = "the provider went away"
PICTURE = b"\x89PNG\r\n\x1a\n"


class Simulator(ChatBackend):
    def __init__(self, facts: Facts) -> None:
        super().__init__(strict=False)
        self.facts = facts
        self.refusals: list[str] = []
        self.bodies: list[Json] = []
        self.always(self._scripted)
        self.serve("/picture.png", Answer(content_type="image/png", writes=[PICTURE]))

    @property
    def picture_url(self) -> str:
        """Where `PICTURE` is, for a backend or a bridge that fetches it."""
        return f"http://127.0.0.1:{self.port}/picture.png"

    def _scripted(self, request: Request) -> Answer:
        body: Json = request.json
        self.bodies.append(body)
        wanted = KEY if self.facts.auth_header != "authorization" else f"Bearer {KEY}"
        if request.headers.get(self.facts.auth_header) != wanted:
            return self._error("Invalid API key.", 401)
        why = refusal(body, self.facts)
        if why is not None:
            self.refusals.append(why)
            return self._error(why, self.facts.status)
        scene = scene_of(body)
        if scene == "overflow":
            return self._error(self.facts.overflow, self.facts.status)
        if scene == "busy":
            return self._error("Rate limit reached, try again later.", 429, headers={"retry-after": "7"})
        return self._speak(body, cut=scene == "broken")

    def _speak(self, body: Json, *, cut: bool) -> Answer:
        said = answer_to(body, self.facts)
        if not body.get("stream"):
            if cut:
                return self._error(BROKEN, 503)
            return json_answer(whole(said, self.facts))
        usage_asked = bool(body.get("stream_options", {}).get("include_usage"))
        events = list(chunks(said, self.facts, usage_asked=usage_asked))
        if cut:
            failure = error_body(BROKEN, self.facts, 503)
            return sse_answer([*events[:2], *([failure] if isinstance(failure, dict) else [])], done=False)
        return sse_answer(events, done=self.facts.done)

    def _error(self, message: str, status: int, **options: object) -> Answer:
        in_200 = self.facts.errors == "base_resp"
        return json_answer(error_body(message, self.facts, status), status=200 if in_200 else status, **options)
