"""docs/backends.md names every preset, and each address in it is found as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from proxy.config import load_config
from tests.support.cases import FIXTURES
from tests.support.chat_backend import ChatBackend, json_answer
from tests.support.live import LiveProxy
from translators.dialects import PRESETS, choose
from translators.dialects.presets import BACKENDS

PAGE = (Path(__file__).parents[2] / "docs" / "backends.md").read_text()
ROWS = re.findall(r"^\| [^|]+ \| `?([^|`]*)`? \| `([a-z-]+)` \| ([^|]*) \|$", PAGE, re.MULTILINE)[1:]


def test_every_preset_is_named() -> None:
    assert {dialect for _, dialect, _ in ROWS} == set(PRESETS) - {"generic"}


@pytest.mark.parametrize(("url", "dialect", "found"), ROWS)
def test_found_by_host(url: str, dialect: str, found: str) -> None:
    chosen = choose(host=urlsplit(url).netloc, model_name="m").dialect.name
    assert chosen == (dialect if found.startswith(("yes", "by its port")) else "generic")
    assert "list of models" not in found or BACKENDS[dialect].listed is not None


async def test_the_facts_of_transformers_serve_make_calls_of_its_text(tmp_path: Path) -> None:
    [facts] = re.findall(r"## transformers serve.*?```yaml\n(.*?)```", PAGE, re.DOTALL)
    case = FIXTURES / "transformers-calls-as-text"
    async with ChatBackend(strict=False) as backend:
        backend.always(json_answer((case / "upstream.json").read_bytes()))
        file = tmp_path / "config.yaml"
        facts = facts.replace("http://localhost:8000/v1", backend.base_url)
        file.write_text(f'{facts}models: {{"*": {{upstream: mine}}}}\nstore: {{kind: memory}}\n')
        async with LiveProxy(load_config(file, {})) as proxy:
            answer = await proxy.client.responses.create(**json.loads((case / "request.json").read_bytes()))
    assert [(item.type, json.loads(item.arguments)) for item in answer.output] == [
        ("function_call", {"city": "Paris"}),
        ("function_call", {"city": "Rome"}),
    ]
