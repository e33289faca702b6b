"""A real MCP server for the tests; it counts what reaches it in a file. `python mcp_server.py COUNTS [PORT]`."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp.server import MCPServer

counts = Path(sys.argv[1])
server = MCPServer("counted", instructions="Count before you answer.")


def note(word: str) -> None:
    with counts.open("a") as file:
        file.write(word + "\n")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    note(f"add {a} {b}")
    return a + b


@server.tool()
def fail() -> str:
    """Fail."""
    note("fail")
    raise RuntimeError


note("connected")
if len(sys.argv) > 2:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
else:
    server.run("stdio")
