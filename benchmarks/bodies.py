"""What the load generator asks: each request in both of its forms, the Chat Completions and the Responses one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

JSONObject = Mapping[str, Any]
HISTORY_BYTES = 1_000_000
PROMPT = "Say something about foxes and dogs."
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "The weather in a city.", "parameters": PARAMETERS}
# Quotes, newlines, tabs and letters beyond ASCII: what makes JSON strings slow to read is in real histories too.
PARAGRAPH = (
    'He said "look at src/main.py", naïvely:\n\tdef run(path):\n\t\treturn open(path).read()\nand it failed.\n' * 8
)


@dataclass(frozen=True)
class Ask:
    """One request: what the two forms hold beside `model` and `stream`."""

    chat: JSONObject
    responses: JSONObject

    def after(self, response_id: str) -> "Ask":
        """Returns the request that goes on from a stored response."""
        return Ask(self.chat, {**self.responses, "previous_response_id": response_id})


@dataclass(frozen=True)
class Api:
    """One of the two forms: its route, and what marks the first delta and the end of a stream in it."""

    path: str
    delta: str
    done: str
    pick: Callable[[Ask], JSONObject]

    def encode(self, ask: Ask, model: str, *, stream: bool) -> str:
        body = {"model": model, **self.pick(ask), "stream": stream}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


CHAT = Api("/v1/chat/completions", "data:", "[DONE]", lambda ask: ask.chat)
RESPONSES = Api("/v1/responses", '.delta"', "response.completed", lambda ask: ask.responses)

MESSAGES = {"messages": [{"role": "user", "content": PROMPT}]}
# store is false as coding agents send it, so that these rows compare translation; keeping answers has its own row.
SMALL = Ask(MESSAGES, {"input": PROMPT, "store": False})
STORED = Ask(MESSAGES, {"input": PROMPT, "store": True})
TOOLS = Ask(
    {**MESSAGES, "tools": [{"type": "function", "function": FUNCTION}]},
    {"input": PROMPT, "store": False, "tools": [{"type": "function", **FUNCTION, "strict": False}]},
)


@lru_cache(maxsize=1)
def build_history() -> Ask:
    """A conversation of about a megabyte: turns of a question, a tool call, its output and an answer."""
    messages: list[JSONObject] = []
    items: list[JSONObject] = []
    for turn in range(HISTORY_BYTES // (3 * len(json.dumps(PARAGRAPH, ensure_ascii=False)) + 500)):
        arguments = json.dumps({"city": f"City {turn}"})
        call = {"id": f"call_{turn}", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
        messages += [
            {"role": "user", "content": PARAGRAPH},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{turn}", "content": PARAGRAPH},
            {"role": "assistant", "content": PARAGRAPH},
        ]
        items += [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": PARAGRAPH}]},
            {"type": "function_call", "call_id": f"call_{turn}", "name": "get_weather", "arguments": arguments},
            {"type": "function_call_output", "call_id": f"call_{turn}", "output": PARAGRAPH},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": PARAGRAPH}]},
        ]
    last = {"role": "user", "content": PROMPT}
    return Ask(
        {**TOOLS.chat, "messages": [*messages, last]},
        {**TOOLS.responses, "input": [*items, {"type": "message", **last}]},
    )
