"""A job that does as its head says, for helper processes."""

from __future__ import annotations

import os
import sys
from typing import Any


def run(head: dict[str, Any], body: bytes) -> dict[str, Any]:
    match head["do"]:
        case "tell":
            return {"pid": os.getpid(), "body": body.decode(), "environment": sorted(os.environ)}
        case "print":
            sys.stdout.write("in between")
            sys.stdout.flush()
            return {"pid": os.getpid()}
        case "spin":
            while True:
                pass
        case "fall silent":
            os.closerange(3, 64)
            while True:
                pass
        case "grow":
            held = []
            while True:
                held.append(bytearray(1 << 20))
        case _:
            os._exit(3)
