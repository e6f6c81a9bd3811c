"""The database in the hands of an operator: a damaged one at the start, `check --deep`, backups and their way back."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.commands.conftest import BackendThread
from tests.support.chat_backend import json_answer
from tests.support.command import Command

COMPLETION = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}


@pytest.fixture
def data(command: Command) -> Path:
    return command.folder / "data"


def configure(command: Command, base_url: str = "http://127.0.0.1:9/v1", **store: Any) -> None:
    document = {
        "upstreams": {"up": {"base_url": base_url, "dialect": "generic"}},
        "models": {"*": {"upstream": "up"}},
        "store": {"data_dir": "data", **store},
    }
    (command.folder / "config.yaml").write_text(json.dumps(document))


def make_database(command: Command, backend: BackendThread, responses: int = 1) -> list[str]:
    """The ids of stored responses; the server has been killed."""
    ids = []
    with command.running("serve", "--port", "0") as process:
        url = f"http://127.0.0.1:{process.port()}/v1/responses"
        for _ in range(responses):
            backend.backend.script(json_answer(COMPLETION))
            ids.append(httpx2.post(url, json={"model": "m", "input": "Hi"}).json()["id"])
    return ids


def test_a_damaged_database_is_one_line_with_the_ways_out(command: Command, data: Path) -> None:
    configure(command)
    data.mkdir()
    (data / "dragoman.db").write_bytes(b"no database, but long enough to have a header" * 100)
    status, out, err = command.run("serve", "--port", "0")
    assert (status, out) == (1, "")
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if "dragoman: " in line]
    assert str(data / "dragoman.db") in line
    assert "put a backup in its place" in line
    status, out, _ = command.run("check", "--offline")
    assert status == 1
    assert "store: failed: the database" in out


def test_deep_check_finds_what_a_start_does_not_look_for(command: Command, data: Path, backend: BackendThread) -> None:
    configure(command, backend.base_url)
    make_database(command, backend)
    assert command.run("check", "--offline", "--deep")[0] == 0
    connection = sqlite3.connect(data / "dragoman.db")
    connection.execute("INSERT INTO response_items VALUES ('item', 'a response that is not there')")
    connection.commit()
    connection.close()
    assert command.run("check", "--offline")[0] == 0
    status, out, _ = command.run("check", "--offline", "--deep")
    assert status == 1
    assert "a row belongs to one that is not there" in out


def test_a_backup_is_made_while_it_serves_and_goes_back_as_the_page_says(
    command: Command, data: Path, backend: BackendThread
) -> None:
    configure(command, backend.base_url)
    with command.running("serve", "--port", "0") as process:
        url = f"http://127.0.0.1:{process.port()}/v1/responses"

        def store_one() -> str:
            backend.backend.script(json_answer(COMPLETION))
            made: str = httpx2.post(url, json={"model": "m", "input": "Hi"}).json()["id"]
            return made

        kept = [store_one() for _ in range(5)]
        status, out, err = command.run("backup", "copy.db")
        assert status == 0, err
        assert out == f"copy.db: {(command.folder / 'copy.db').stat().st_size} bytes\n"
        assert "sealing.key" in err
        later = store_one()
    assert stat.S_IMODE((command.folder / "copy.db").stat().st_mode) == 0o600
    assert command.run("backup", "copy.db") == (1, "", "dragoman: copy.db is there already: name a new file\n")

    for name in ("dragoman.db", "dragoman.db-wal", "dragoman.db-shm"):
        (data / name).unlink(missing_ok=True)
    (command.folder / "copy.db").rename(data / "dragoman.db")
    with command.running("serve", "--port", "0") as process:
        url = f"http://127.0.0.1:{process.port()}/v1/responses"
        assert [httpx2.get(f"{url}/{id_}").status_code for id_ in kept] == [200] * 5
        assert httpx2.get(f"{url}/{later}").status_code == 404


def test_what_cannot_be_backed_up_is_said(command: Command) -> None:
    configure(command)
    status, _, err = command.run("backup", "copy.db")
    assert (status, "there is no database" in err) == (1, True)
    configure(command, kind="memory")
    assert command.run("backup", "copy.db")[0] == 2
    configure(command, kind="postgres", dsn="postgresql://127.0.0.1:9/x")
    status, _, err = command.run("backup", "copy.db")
    assert (status, "pg_dump" in err) == (2, True)
    assert sorted(os.listdir(command.folder)) == ["config.yaml"]
