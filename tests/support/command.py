"""The `dragoman` command as a process, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import pytest

ROOT = Path(__file__).parent.parent.parent
_PATIENCE_SECONDS = 100


class Process:
    """The command at work, in a folder of its own."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], environ: Mapping[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DRAGOMAN_")}
        self.popen = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env={**clean, "PYTHONPATH": str(ROOT), **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, sent: str = "") -> tuple[int, str, str]:
        """The exit status and the rest of both outputs, once it has ended by itself."""
        out, err = self.popen.communicate(sent, timeout=_PATIENCE_SECONDS)
        return self.popen.returncode, out, err

    def wait_for(self, pattern: str, stream: IO[str] | None) -> re.Match[str]:
        """The first line that matches. A process that never writes it is killed: this fails with what it wrote."""
        assert stream is not None
        lines = []
        given_up = threading.Timer(_PATIENCE_SECONDS, self.popen.kill)
        given_up.start()
        try:
            for line in stream:
                lines.append(line)
                found = re.search(pattern, line)
                if found:
                    return found
        finally:
            given_up.cancel()
        pytest.fail(f"no line matches {pattern!r} in {lines}")

    def port(self) -> int:
        """The port of the line that tells that it serves."""
        return int(self.wait_for(r"^dragoman listens on http://127\.0\.0\.1:(\d+) \(models: ", self.popen.stdout)[1])


class Command(NamedTuple):
    """The command, not yet run: itself, or with its stand-ins."""

    folder: Path
    program: tuple[str, ...]

    @contextlib.contextmanager
    def running(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Process]:
        process = Process(self.folder, (*self.program, *arguments), environ or {})
        with process.popen:
            try:
                yield process
            finally:
                process.popen.kill()

    def run(self, *arguments: str, sent: str = "", environ: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        with self.running(*arguments, environ=environ) as process:
            return process.end(sent)
