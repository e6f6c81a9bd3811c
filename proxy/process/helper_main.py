"""The main program of a helper process: jobs from standard input, one after the other, answers to standard output.

Started by `proxy.process.helpers` with the names of the job modules as arguments. Both ways a message is the lengths
of its two parts, four and eight bytes, then its head as JSON, then its body. The head of a job is `{"job": a module's
name, "seconds", "memory", …}`, that of an answer what the job's `run(head, body)` gives, or `{"over": "memory"}`. The
first answer is to none: the modules are loaded.

A job that takes longer than its `seconds` of processor time ends this process (SIGPROF), whoever has stopped waiting;
its `memory` is a number of bytes that the whole process may have. Standard input ends with the parent, and so does
this.
"""

import contextlib
import importlib
import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

LENGTHS = struct.Struct("!IQ")
_NICENESS = 5  # whoever waits for a stream goes first
_TIRED_KILOBYTES = 200 << 10  # who has taken so much once does not give it back

Run = Callable[[dict[str, Any], bytes], dict[str, Any]]


def main() -> None:
    root = str(Path(__file__).resolve().parents[2])
    if root not in sys.path:
        sys.path.append(root)
    with contextlib.suppress(OSError, AttributeError):  # Windows has no niceness
        os.nice(_NICENESS)
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    jobs: dict[str, Run] = {name: importlib.import_module(name).run for name in sys.argv[1:]}
    _write(answers, {})
    at_birth = _most_memory_ever()  # Linux hands on what the parent had at most
    while (job := _read(sys.stdin.buffer)) is not None:
        head, body = job
        answer = _limited(jobs[head["job"]], head, body)
        tired = "over" in answer or _most_memory_ever() > max(_TIRED_KILOBYTES, at_birth)
        _write(answers, {**answer, "tired": tired})
        if tired:
            return


def _limited(run: Run, head: dict[str, Any], body: bytes) -> dict[str, Any]:
    _limit_memory(head["memory"])
    timed = hasattr(signal, "ITIMER_PROF")  # on Windows the parent alone ends it
    if timed:
        signal.setitimer(signal.ITIMER_PROF, head["seconds"])
    try:
        return run(head, body)
    except MemoryError:
        return {"over": "memory"}
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_memory(memory: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system knows such a limit
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory, most))


def _most_memory_ever() -> int:
    """In kilobytes; 0 where that cannot be told."""
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    return 0


def _read(source: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    lengths = source.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head, body = LENGTHS.unpack(lengths)
    return json.loads(source.read(head)), source.read(body)


def _write(target: BinaryIO, answer: dict[str, Any]) -> None:
    head = json.dumps(answer).encode()
    target.write(LENGTHS.pack(len(head), 0) + head)
    target.flush()


if __name__ == "__main__":
    main()
