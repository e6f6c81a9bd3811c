"""What requests leave behind: nothing that only the garbage collector could free."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.chat_backend import Answer, ChatBackend, json_answer, sse_answer
from tests.support.live import USAGE, LiveProxy, chunk, config_for, said

_OURS = ("proxy", "translators", "uvicorn", "httptools")
_MESSAGE = {"role": "assistant", "content": "Hello"}
_WHOLE = {"choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}], "usage": USAGE}
_NOTHING = {"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "stop"}]}
_CALL = {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": "{}"}}
_TOOL = {"type": "function", "name": "look", "parameters": {"type": "object"}}


@pytest.fixture
def cyclic_garbage() -> Iterator[list[object]]:
    """What a collection finds, in place of freeing it."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield gc.garbage
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


_CASES: dict[str, tuple[list[Answer], dict[str, Any], int]] = {
    "whole": ([json_answer(_WHOLE)], {}, 200),
    "kept": ([json_answer(_WHOLE)], {"store": True}, 200),
    "stream": ([said("Hel", "lo")], {"stream": True}, 200),
    "kept stream": ([said("Hel", "lo")], {"stream": True, "store": True}, 200),
    "call": ([sse_answer([chunk({"tool_calls": [_CALL]}), chunk(finish="tool_calls")])], {"stream": True}, 200),
    "upstream closes": ([json_answer(_WHOLE, framing="close")], {}, 200),
    "cut stream": ([sse_answer([chunk({"content": "Hel"})], cut_after=30)], {"stream": True}, 200),
    "cut answer": ([json_answer(_WHOLE, cut_after=30)], {}, 502),
    "broken chunk": ([sse_answer([b"data: {no\n\n"])], {"stream": True}, 200),
    "empty, asked again": ([json_answer(_NOTHING), json_answer(_NOTHING)], {}, 502),
    "refused": ([json_answer({"error": {"message": "No."}}, status=429)], {}, 429),
    "no answer": ([json_answer(b"<html>")], {}, 502),
    "invalid": ([], {"input": [{"role": "nobody"}]}, 400),
    "not supported": ([], {"prompt": {"id": "a"}}, 400),
}


@pytest.mark.parametrize("case", _CASES)
async def test_a_request_leaves_no_cycle(cyclic_garbage: list[object], case: str) -> None:
    """The collector looks so rarely, and at so much, that what it alone could free would pile up."""
    answers, fields, status = _CASES[case]
    async with ChatBackend() as backend, LiveProxy(config_for(backend.base_url)) as proxy:
        for _ in range(2):  # the first imports what it needs
            backend.script(*answers)
            gc.collect()
            cyclic_garbage.clear()
            body = {"model": "m", "input": "hi", "tools": [_TOOL], "store": False} | fields
            answered = await proxy.http.post("/responses", json=body, headers={"connection": "close"})
            assert answered.status_code == status
        gc.collect()
        assert [found for found in cyclic_garbage if type(found).__module__.startswith(_OURS)] == []
