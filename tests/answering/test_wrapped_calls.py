"""Arguments that the client gets in another form than the model wrote them are told of."""

from __future__ import annotations

import pytest

from tests.support.translation import Run
from translators.answering.open_items import CALL_ARGUMENTS


@pytest.mark.parametrize(
    ("arguments", "meant", "why"),
    [
        ("ls -l", '{"arguments":"ls -l"}', "stand under 'arguments'"),
        ('```json\n{"a":1}\n```', '{"a":1}', "freed"),
        ('{"a":1}', '{"a":1}', None),
        ("", "{}", None),
    ],
)
def test_c3_arguments_that_were_wrapped_are_reported(arguments: str, meant: str, why: str | None) -> None:
    run = Run()
    function = {"name": "f", "arguments": arguments}
    call = {"index": 0, "id": "c", "type": "function", "function": function}
    run.feed({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]})
    assert run.finish().response["output"][0]["arguments"] == meant
    told = [each for each in run.stream.adaptations if each.param == CALL_ARGUMENTS]
    assert len(told) == (why is not None)
    assert all(why is not None and why in each.reason for each in told)
