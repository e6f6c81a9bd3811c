"""`accumulate`: what the official OpenAI SDK's stream accumulator makes of a stream (X3).

The terminal event's output is withheld, so that the SDK has to rebuild it from the items and deltas alone.
"""

from __future__ import annotations

from typing import Any, cast

from openai import omit
from openai._models import construct_type_unchecked
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent

from tests.support.grammar import Json

# The SDK's own additions to the items it parsed.
SDK_FIELDS = ("parsed", "parsed_arguments")


def accumulate(events: list[Json]) -> Json:
    """The terminal response as the SDK rebuilds it; raises what the SDK raises on a stream it cannot take.

    The SDK's running snapshots are held against the done events on the way. A call cut short keeps the status
    `in_progress` here: the SDK never saw its done event.
    """
    _feed(events)
    *head, last = events
    withheld = {**last, "response": {**last["response"], "output": None}}
    response = _feed([*head, withheld])[-1].response.to_dict(mode="json")
    return cast(Json, {**response, "output": [_plain(item) for item in response["output"]]})


def _feed(events: list[Json]) -> list[Any]:
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    seen: list[Any] = []
    snapshots: dict[tuple[str, int | None], str] = {}
    for event in events:
        built: Any
        for built in state.handle_event(construct_type_unchecked(type_=cast(Any, ResponseStreamEvent), value=event)):
            place = (event.get("item_id", ""), event.get("content_index"))
            if hasattr(built, "snapshot"):
                snapshots[place] = built.snapshot
            if event["type"] in ("response.output_text.done", "response.function_call_arguments.done"):
                whole = event.get("text", event.get("arguments"))
                assert snapshots.get(place, "") == whole, f"X3: {event['type']} {whole!r}, SDK {snapshots.get(place)!r}"
            seen.append(built)
    return seen


def _plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items() if key not in SDK_FIELDS}
    return [_plain(part) for part in item] if isinstance(item, list) else item
