"""A mistake of ours: a 500 in OpenAI's envelope while nothing has been sent, and in any case the server's log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.app import create_app
from proxy.ids import NewId
from tests.support.chat_backend import ChatBackend
from tests.support.live import config_for, said

Json = dict[str, Any]


class Mistake(Exception):
    pass


def failing_for(kind: str) -> NewId:
    """Gives every identifier but one."""

    def new_id(prefix: str) -> str:
        if prefix == kind:
            raise Mistake("of ours")
        return f"{prefix}_1"

    return new_id


async def ask(failing: str, *, path: str = "/v1/responses", **fields: Any) -> list[Json]:
    """What went out until the mistake was raised."""
    sent: list[Json] = []
    body = json.dumps({"model": "m", "input": "hi", "store": False, **fields}).encode()
    requests = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(requests, {"type": "http.disconnect"}) if not sent else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "headers": [], "query_string": b"", "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    async with ChatBackend() as backend:
        backend.always(said("one", " two"))
        app = create_app(config_for(backend.base_url), new_id=failing_for(failing))
        async with app.router.lifespan_context(app):
            with pytest.raises(Mistake):
                await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("path", ["/v1/responses", "/responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_before_anything_was_sent_the_client_gets_an_envelope(path: str, stream: bool) -> None:
    head, body = await ask("resp", path=path, stream=stream)
    assert head["status"] == 500
    assert (b"content-type", b"application/json") in head["headers"]
    error = json.loads(body["body"])["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "server_error"
    assert "of ours" not in error["message"]
    assert not body.get("more_body")


async def test_after_something_was_sent_it_is_only_raised() -> None:
    """The server then cuts the connection, which is all that can still be said."""
    sent = await ask("msg", stream=True)
    assert [message["type"] for message in sent].count("http.response.start") == 1
    assert sent[0]["status"] == 200
    assert sent[-1]["more_body"]
    assert b"response.created" in sent[1]["body"]


async def test_the_other_endpoints_answer_the_same() -> None:
    head, body = await ask("conv", path="/v1/conversations")
    assert head["status"] == 500
    assert json.loads(body["body"])["error"]["code"] == "server_error"
