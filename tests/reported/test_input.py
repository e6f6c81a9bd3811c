"""Images for models that see, and for those that do not; requests of many bytes. Documents: test_documents."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from proxy.config import ServerSettings
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.drive import PIXEL, messages
from tests.support.running import config_for, read_config, running
from translators.dialects import PRESETS, choose
from translators.errors import InvalidRequest

SEEN = {"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}
BLIND = sorted(name for name, dialect in PRESETS.items() if not dialect.images)


@pytest.mark.parametrize("preset", BLIND)
def test_m08_an_image_for_a_blind_model_is_refused_and_never_lost(preset: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        messages([SEEN], PRESETS[preset])
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "input[0].content[0]")
    assert "takes no image" in caught.value.message


@pytest.mark.parametrize("preset", BLIND)
def test_m09_a_setting_outweighs_what_is_known_of_a_backend(preset: str) -> None:
    sees = choose(preset, {"images": ["data"]}, host="", model_name="one-that-sees").dialect
    assert messages([SEEN], sees)[0]["content"] == [{"type": "image_url", "image_url": {"url": PIXEL}}]


async def test_m10_many_images_fit_a_request(tmp_path: Path) -> None:
    assert ServerSettings().max_body_bytes >= 64 << 20
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * (3 << 20)}
    async with (
        ChatBackend() as backend,
        running(read_config(config_for(backend), tmp_path)) as url,
        httpx2.AsyncClient(base_url=url, timeout=60, verify=False) as http,
    ):
        backend.always(json_answer({"choices": [{"message": {"content": "Seen."}, "finish_reason": "stop"}]}))
        body = {"model": "m", "input": [{"role": "user", "content": [image] * 4}]}
        answer = await http.post("/v1/responses", json=body)
        assert answer.status_code == 200, answer.text
        assert len(backend.requests[0].body) > 12 << 20
