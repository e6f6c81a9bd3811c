"""`dragoman chat` and `dragoman serve --upstream`, over real sockets: what a first user types."""

from __future__ import annotations

import http.client
import json
import signal

from tests.commands.conftest import BackendThread
from tests.support.chat_backend import json_answer, sse_answer
from tests.support.command import Command


def said(text: str, reason: str = "stop") -> list[dict[str, object]]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
    ]


def test_chat_goes_on_from_turn_to_turn(command: Command, backend: BackendThread) -> None:
    backend.backend.script(sse_answer(said("Hello!")), sse_answer(said("You said hi.")))
    arguments = ("chat", "--upstream", backend.base_url, "--model", "m", "--instructions", "Be brief.")
    status, out, err = command.run(*arguments, sent="hi\n\nwhat did I say?\n")
    assert (status, out, err) == (0, "Hello!\nYou said hi.\n", "")
    asked = [request.json for request in backend.backend.requests if request.path.endswith("/chat/completions")]
    assert [message["content"] for message in asked[1]["messages"]] == ["Be brief.", "hi", "Hello!", "what did I say?"]
    assert {request["model"] for request in asked} == {"m"}


def test_chat_shows_events_and_what_went_wrong(command: Command, backend: BackendThread) -> None:
    refusal = json_answer({"error": {"message": "no such model", "code": "model_not_found"}}, status=404)
    backend.backend.script(refusal, sse_answer(said("Hal", "length")))
    arguments = ("chat", "--upstream", backend.base_url, "--model", "m", "--verbose")
    status, out, err = command.run(*arguments, sent="one\ntwo\n")
    assert (status, out) == (1, "Hal\n")
    first, *events, last = err.splitlines()
    assert first.startswith("error: ")
    assert "no such model" in first
    assert last == "(cut short: max_output_tokens)"
    kinds = [json.loads(line)["type"] for line in events if line]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.incomplete"


def test_chat_without_anybody_there(command: Command) -> None:
    status, out, err = command.run("chat", "--url", "http://127.0.0.1:9/v1", sent="hi\n")
    assert (status, out) == (1, "")
    assert err.startswith("dragoman: http://127.0.0.1:9/v1/ cannot be reached, or broke off: ")
    assert err.count("\n") == 1


def test_serve_an_upstream_from_the_command_line(command: Command, backend: BackendThread) -> None:
    backend.backend.script(json_answer({"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}))
    arguments = ("serve", "--port", "0", "--upstream", backend.base_url, "--api-key", "sk-mine", "--model", "m")
    with command.running(*arguments) as process:
        found = process.wait_for(r"^dragoman listens on http://127\.0\.0\.1:(\d+) \((.*)\)$", process.popen.stdout)
        assert found[2] == "models: m, *; configuration: built in"
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=100)
        connection.request(
            "POST", "/v1/responses", b'{"input": "Are you there?"}', {"content-type": "application/json"}
        )
        answer = json.load(connection.getresponse())
        connection.close()
        process.popen.send_signal(signal.SIGINT)
        assert process.end()[0] == 0
    assert answer["output"][0]["content"][0]["text"] == "Yes."
    asked = backend.backend.requests[-1]
    assert (asked.headers["authorization"], asked.json["model"]) == ("Bearer sk-mine", "m")
