"""A2: images in an answer are items, are paid once, and are seen again in the next turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.asked import USAGE, asked, of
from tests.support.chat_backend import json_answer, sse_answer
from tests.support.checks import check_response
from tests.support.drive import PIXEL, Stream, delta
from tests.support.translation import Json, Run, text_of, translate

CONTENT = PIXEL.partition(",")[2]
ENTRY: Json = {"type": "image_url", "image_url": {"url": PIXEL}}
STOP = delta("stop")


def images(response: Json) -> list[tuple[str | None, str | None]]:
    found = [item for item in response["output"] if item["type"] == "image_generation_call"]
    assert {item["status"] for item in found} <= {"completed"}
    return [(item["result"], item.get("output_format")) for item in found]


@pytest.mark.parametrize(
    ("fields", "form"),
    [
        ({"images": [ENTRY]}, "png"),
        ({"images": ENTRY}, "png"),
        ({"images": [PIXEL]}, "png"),
        ({"images": [{"type": "image_url", "image_url": PIXEL}]}, "png"),
        ({"images": [{"url": PIXEL}]}, "png"),
        ({"images": [{"b64_json": CONTENT}]}, "png"),
        ({"images": [{"index": 0, "image_url": {"url": PIXEL.replace("png", "jpg")}}]}, "jpeg"),
        ({"images": [{"image_url": {"url": PIXEL.replace("png", "webp")}}]}, "webp"),
        ({"content": [ENTRY]}, "png"),
    ],
)
@pytest.mark.parametrize("place", ["delta", "message"])
def test_a2_every_form_of_an_image_is_an_item(place: str, fields: Json, form: str) -> None:
    chunk: Json = {"choices": [{"index": 0, place: {"content": "", **fields}, "finish_reason": None}]}
    run = Run().feed(chunk, STOP)
    assert images(run.finish().response) == [(CONTENT, form)]
    assert not [told for told in run.stream.adaptations if told.action == "dropped"]


def test_a2_text_around_an_image_keeps_its_place() -> None:
    response = Run().feed(delta(content="here"), delta(images=[ENTRY]), delta(content="there"), STOP).finish().response
    assert [item["type"] for item in response["output"]] == ["message", "image_generation_call", "message"]
    assert [item.get("phase") for item in response["output"]] == ["commentary", None, "final_answer"]


def test_a2_an_image_that_is_repeated_is_one() -> None:
    other = {"image_url": {"url": PIXEL + "AA"}}
    response = Run().feed(delta(images=[ENTRY]), delta(images=[ENTRY, other]), STOP).finish().response
    assert [content for content, _ in images(response)] == [CONTENT, CONTENT + "AA"]


@pytest.mark.parametrize("url", ["https://example.com/a.png", "http://example.com/a.png"])
def test_an_image_at_an_address_stands_in_the_text(url: str) -> None:
    run = Run().feed(delta(images=[{"image_url": {"url": url}}]), STOP)
    assert url in text_of(run.finish().response)
    assert "changed choices[0].delta.images" in [f"{told.action} {told.param}" for told in run.stream.adaptations]


@pytest.mark.parametrize("entry", [{}, 3, "ftp://x", {"image_url": {"url": "data:video/mp4;base64,AAAA"}}, {"url": ""}])
def test_what_is_no_image_is_told(entry: Any) -> None:
    run = Run().feed(delta(content="hi", images=[entry]), STOP)
    assert images(run.finish().response) == []
    assert "choices[0].delta.images" in [told.param for told in run.stream.adaptations]


@pytest.mark.parametrize(
    "message",
    [
        {"content": "", "images": [ENTRY]},
        {"content": None, "audio": {"id": "a", "data": "UklGRg=="}},
        {"content": [{"type": "video", "video": "AAAA"}]},
    ],
)
async def test_a2_what_has_been_paid_for_is_not_asked_for_again(tmp_path: Path, message: Json) -> None:
    whole = json_answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    async with asked(tmp_path, whole, stream=False) as (found, requests):
        check_response(found.json())
        assert found.status_code == 200
        assert len(requests) == 1
    async with asked(tmp_path, sse_answer([delta(**message), STOP, USAGE])) as (found, requests):
        assert of(found)["status"] == "completed"
        assert len(requests) == 1


def test_a2_the_image_is_seen_again_in_the_next_turn() -> None:
    output = Stream({}).feed(delta(images=[ENTRY]), STOP).finish().output
    again = translate({"model": "m", "input": [{"role": "user", "content": "q"}, *output]})
    assert PIXEL in again.body().decode()
