"""`Turn`: one chat request as a script sees it, and the answers a script can give.

What a script expects of the request it says by `expect`; what it answers is streamed or whole as the request asks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chat_backend import Answer, json_answer, sse_answer

Json = dict[str, Any]

USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 8,
    "total_tokens": 20,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
_PIECE = 7  # characters of text or arguments to a chunk


class Unexpected(Exception):
    """The request is not what the scenario must lead to."""


@dataclass(frozen=True)
class Call:
    name: str
    arguments: str
    id: str = "call_1"


@dataclass(frozen=True)
class Turn:
    """`attempt` counts the requests of this client and scenario, from 0."""

    body: Json
    attempt: int = 0
    messages: list[Json] = field(default_factory=list)

    @classmethod
    def of(cls, body: Json, attempt: int) -> Turn:
        return cls(body, attempt, body["messages"])

    @property
    def outputs(self) -> list[str]:
        """What the tool messages since the last user message say."""
        texts: list[str] = []
        for message in self.messages:
            if message["role"] == "user" and not _is_media(message):
                texts = []
            elif message["role"] == "tool":
                texts.append(text_of(message))
        return texts

    @property
    def images(self) -> list[str]:
        return [
            part["image_url"]["url"]
            for message in self.messages
            if isinstance(message["content"], list)
            for part in message["content"]
            if part["type"] == "image_url"
        ]

    @property
    def thoughts(self) -> list[str]:
        """The reasoning that came back, in order."""
        return [message["reasoning_content"] for message in self.messages if message.get("reasoning_content")]

    @property
    def spoken(self) -> str:
        """All that anybody said, one line each."""
        return "\n".join(text_of(message) for message in self.messages)

    def tool(self, name: str) -> Json:
        """The offered function of that name. Raises Unexpected."""
        names = [tool["function"]["name"] for tool in self.body.get("tools", ())]
        for tool in self.body.get("tools", ()):
            if tool["function"]["name"] == name:
                found: Json = tool["function"]
                return found
        raise Unexpected(f"no tool {name!r} is offered, but {names}")

    def say(self, text: str = "", *, reasoning: str = "", calls: Sequence[Call] = (), finish: str = "") -> Answer:
        reason = finish or ("tool_calls" if calls else "stop")
        if not self.body.get("stream"):
            return json_answer(self._whole(text, reasoning, calls, reason))
        return sse_answer(self._chunks(text, reasoning, calls, reason))

    def cut(self, text: str) -> Answer:
        """The upstream dies in the middle of its answer."""
        if not self.body.get("stream"):
            return json_answer(self._whole(text, "", (), "stop"), cut_after=20)
        chunks = self._chunks(text, "", (), "stop")[: 1 + len(text) // _PIECE]
        size = sum(len(write) for write in sse_answer(chunks, done=False).writes if isinstance(write, bytes))
        return sse_answer(chunks, done=False, cut_after=size)

    def refuse(
        self, status: int, message: str, *, code: Any = None, kind: str = "invalid_request_error", **headers: str
    ) -> Answer:
        error = {"message": message, "type": kind, "param": None, "code": code}
        return json_answer({"error": error}, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def _whole(self, text: str, reasoning: str, calls: Sequence[Call], reason: str) -> Json:
        message: Json = {"role": "assistant", "content": text or None}
        if reasoning:
            message["reasoning_content"] = reasoning
        if calls:
            message["tool_calls"] = [_whole_call(call) for call in calls]
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": self.body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
            "usage": USAGE,
        }

    def _chunks(self, text: str, reasoning: str, calls: Sequence[Call], reason: str) -> list[Json]:
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in _pieces(reasoning)]
        deltas += [{"content": piece} for piece in _pieces(text)]
        for index, call in enumerate(calls):
            opened = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
            deltas.append({"tool_calls": [opened]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in _pieces(call.arguments)
            ]
        chunks = [self._chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
        chunks.append(self._chunk([{"index": 0, "delta": {}, "finish_reason": reason}]))
        if self.body.get("stream_options", {}).get("include_usage"):
            chunks.append({**self._chunk([]), "usage": USAGE})
        return chunks

    def _chunk(self, choices: list[Json]) -> Json:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": self.body["model"],
            "choices": choices,
        }


def expect(condition: object, complaint: str) -> None:
    """Raises Unexpected, which the client gets as a 400 and the matrix as a failure."""
    if not condition:
        raise Unexpected(complaint)


def text_of(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or ())


def arguments(**values: Any) -> str:
    return json.dumps(values)


def _is_media(message: Json) -> bool:
    """A user message that holds nothing but what a tool returned beside its text."""
    content = message["content"]
    return isinstance(content, list) and all(part["type"] != "text" for part in content)


def _whole_call(call: Call) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _pieces(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
