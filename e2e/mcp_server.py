"""An MCP server over stdio with one tool, `add_numbers`; the standard library only, as it runs anywhere."""

from __future__ import annotations

import json
import sys
from typing import Any

TOOL = {
    "name": "add_numbers",
    "description": "Add two numbers and return their sum.",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    },
}


def result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        version = params.get("protocolVersion", "2025-06-18")
        server = {"name": "calculator", "version": "1.0.0"}
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        given = params["arguments"]
        total = given["a"] + given["b"]
        return {"content": [{"type": "text", "text": f"The sum is {total:g}."}], "isError": False}
    return {}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            answer = {
                "jsonrpc": "2.0",
                "id": message["id"],
                "result": result(message["method"], message.get("params") or {}),
            }
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
