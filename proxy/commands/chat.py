"""`dragoman chat`: a line in, the streamed answer out, each turn going on from the one before.

Without `--url` it serves itself, in this process, with responses kept in memory: nothing has to run beforehand.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import uvicorn

from proxy.commands.configuration import add_config_argument, add_upstream_arguments, read_config
from proxy.commands.doctor import reachable
from proxy.commands.terminal import complain, fail, has_colours, say, styled
from proxy.config import KEY_VARIABLE, Config, ConfigError, ServerSettings, StoreSettings
from proxy.local_model.server import LocalServerUnavailable
from proxy.upstream.routing import Router
from translators.errors import BridgeError

_SPOKEN = frozenset({"response.output_text.delta", "response.refusal.delta"})
_THOUGHT = frozenset({"response.reasoning_text.delta", "response.reasoning_summary_text.delta"})
_TIMEOUT = httpx2.Timeout(10.0, read=None)  # Dragoman ends what takes too long, and says so


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    add_upstream_arguments(parser)
    parser.add_argument("--url", help="talk to a server that runs, as in http://127.0.0.1:8080/v1")
    parser.add_argument("--key", help=f"the key that it asks for (else ${KEY_VARIABLE})")
    parser.add_argument("--instructions", metavar="TEXT", help="what the model is to be told first")
    parser.add_argument("--verbose", action="store_true", help="show every event on standard error")


def run(arguments: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        try:
            url, model = arguments.url, arguments.upstream_model
            if url is None:
                config = read_config(arguments)
                model = model or next(iter(Router(config).names()), None)
                url = stack.enter_context(_serving(config, model))
        except ConfigError as error:
            return fail(str(error), status=2)
        except (BridgeError, LocalServerUnavailable) as error:
            return fail(f"dragoman: {error}", status=1)
        key = arguments.key or os.environ.get(KEY_VARIABLE)
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        client = stack.enter_context(httpx2.Client(base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False))
        chat = _Chat(client, model, arguments.instructions, verbose=arguments.verbose)
        return 0 if _converse(chat, model) else 1


@contextlib.contextmanager
def _serving(config: Config, model: str | None) -> Iterator[str]:
    """The base URL of a server in a thread. Raises BridgeError and LocalServerUnavailable."""
    from proxy.app import create_app
    from proxy.serving.start import uvicorn_settings

    upstream = Router(config).route(model).upstream_name
    with reachable(config, upstream) as running, socket.create_server(("127.0.0.1", 0)) as listener:
        alone = msgspec.structs.replace(
            running, server=ServerSettings(log_level="error"), store=StoreSettings(kind="memory")
        )
        server = uvicorn.Server(uvicorn_settings(create_app(alone), alone))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="chat-server")
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join()


def _converse(chat: _Chat, model: str | None) -> bool:
    """Returns whether every turn was answered; ends with the input, or at an interrupt."""
    asks = sys.stdin.isatty()
    if asks:
        complain(styled(f"{model or 'the default model'}; an empty line or Ctrl-D ends it", "dim", sys.stderr))
    well = True
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            line = input("> " if asks else "").strip()
            if line:
                well = chat.say(line) and well
            elif asks:
                break
    return well


class _Chat:
    """A conversation, of which all that is kept is the id of its last response."""

    def __init__(self, client: httpx2.Client, model: str | None, instructions: str | None, *, verbose: bool) -> None:
        self._client = client
        self._fields = {"model": model, "instructions": instructions, "stream": True}
        self._verbose = verbose
        self._last: str | None = None

    def say(self, line: str) -> bool:
        """Prints the answer to a line as it comes; returns whether there was a whole one."""
        fields = {**self._fields, "input": line, "previous_response_id": self._last}
        asked = {name: value for name, value in fields.items() if value is not None}
        try:
            with self._client.stream("POST", "/responses", json=asked) as answer:
                if answer.status_code != 200:
                    return self._refused(answer.read())
                return self._hear(answer.iter_lines())
        except httpx2.HTTPError as error:
            complain(f"dragoman: {self._client.base_url} cannot be reached, or broke off: {error}")
            return False

    def _hear(self, lines: Iterator[str]) -> bool:
        whole = False
        for line in lines:
            if not line.startswith("data: {"):
                continue
            if self._verbose:
                complain(styled(line.removeprefix("data: "), "dim", sys.stderr))
            event = msgspec.json.decode(line.removeprefix("data: "))
            if event["type"] in _SPOKEN:
                say(event["delta"], end="")
            elif event["type"] in _THOUGHT and has_colours(sys.stdout):
                say(styled(event["delta"], "dim", sys.stdout), end="")
            elif "response" in event:
                whole = self._note(event["response"])
        say("")
        return whole

    def _note(self, response: dict[str, Any]) -> bool:
        """Takes what a whole response says of itself; returns whether it stands to the end."""
        if response["status"] == "completed":
            self._last = response["id"]
            return True
        if response["status"] == "incomplete":
            self._last = response["id"]
            complain(f"\n(cut short: {response['incomplete_details']['reason']})")
        elif response["status"] == "failed":
            complain(f"\n{styled('error', 'bad', sys.stderr)}: {response['error']['message']}")
        return False

    def _refused(self, body: bytes) -> bool:
        try:
            told = msgspec.json.decode(body)["error"]["message"]
        except (msgspec.DecodeError, KeyError, TypeError):
            told = "it answers in a way that is not Dragoman's"
        complain(f"{styled('error', 'bad', sys.stderr)}: {told}")
        return False
