"""`Turn`: one chat request as a script sees it, and the answers a script can give.

What a script expects of the request it says by `expect`; what it answers is streamed or whole as the request asks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.chat_backend import Answer, json_answer, sse_answer

Json = dict[str, Any]

USAGE: Json = {
    "completion_tokens": 8,
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
    """One request that reached the backend; `attempt` counts those of its client and scenario, from 0."""

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
    def all_outputs(self) -> list[str]:
        """What the tool messages of the whole history say."""
        return [text_of(message) for message in self.messages if message["role"] == "tool"]

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

    @property
    def tools(self) -> list[Json]:
        return [tool["function"] for tool in self.body.get("tools", ())]

    def tool(self, name: str) -> Json:
        """The offered function of that name, alone or behind its namespace or plugin. Raises Unexpected."""
        for tool in self.tools:
            if tool["name"] == name or tool["name"].endswith((f"__{name}", f"-{name}")):
                return tool
        raise Unexpected(f"no tool {name!r} is offered, but {[tool['name'] for tool in self.tools]}")

    def call(self, name: str, /, *, call_id: str = "call_1", **values: Any) -> Call:
        """A call of the offered function of that name. Raises Unexpected."""
        return Call(self.tool(name)["name"], arguments(**values), call_id)

    def free_call(self, name: str, text: str) -> Call:
        """A call of a function that stands for a custom tool: its one string is the text. Raises Unexpected."""
        tool = self.tool(name)
        fields = list(tool["parameters"]["properties"])
        expect(len(fields) == 1, f"{name} takes {fields}")
        return Call(tool["name"], arguments(**{fields[0]: text}))

    def say(
        self, text: str = "", *, reasoning: str = "", calls: Sequence[Call] = (), prompt_tokens: int = 12
    ) -> Answer:
        reason = "tool_calls" if calls else "stop"
        usage = {**USAGE, "prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens + USAGE["completion_tokens"]}
        if not self.body.get("stream"):
            return json_answer({**self._whole(text, reasoning, calls, reason), "usage": usage})
        chunks = self._chunks(text, reasoning, calls, reason)
        if self.body.get("stream_options", {}).get("include_usage"):
            chunks.append({**self._chunk([]), "usage": usage})
        return sse_answer(chunks)

    def cut(self, text: str) -> Answer:
        """Answers with a text, and dies in the middle of it."""
        if not self.body.get("stream"):
            return json_answer(self._whole(text, "", (), "stop"), cut_after=20)
        chunks = self._chunks(text, "", (), "stop")[: 1 + len(text) // _PIECE]
        size = sum(len(write) for write in sse_answer(chunks, done=False).writes if isinstance(write, bytes))
        return sse_answer(chunks, done=False, cut_after=size)

    def refuse(
        self, status: int, message: str, *, code: Any = None, kind: str = "invalid_request_error", **headers: str
    ) -> Answer:
        error = {"message": message, "type": kind, "param": None, "code": code}
        return json_answer(
            {"error": error}, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

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
        }

    def _chunks(self, text: str, reasoning: str, calls: Sequence[Call], reason: str) -> list[Json]:
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": piece} for piece in _pieces(reasoning)]
        deltas += [{"content": piece} for piece in _pieces(text)]
        for index, call in enumerate(calls):
            opened = {
                "index": index,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": ""},
            }
            deltas.append({"tool_calls": [opened]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
                for piece in _pieces(call.arguments)
            ]
        chunks = [self._chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
        chunks.append(self._chunk([{"index": 0, "delta": {}, "finish_reason": reason}]))
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
    """Raises Unexpected where the condition does not hold: the client gets a refusal, and the matrix a failure."""
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
