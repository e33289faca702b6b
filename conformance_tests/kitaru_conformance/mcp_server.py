"""A real MCP server over stdio with the tools of a script; `World.mcp_command` says how to start it."""

from __future__ import annotations

import sys
from collections.abc import Callable

from kitaru_conformance.script import Script
from kitaru_conformance.world import World

__all__ = ["main"]


def main(ledger: str, script: str) -> None:
    """Serve the tools marked `mcp` until the client leaves.

    Args:
        ledger: File of the ledger.
        script: The script, as JSON.
    """
    from mcp.server import MCPServer  # comes with the frameworks that can use it

    world = World(Script.decode(script), ledger)
    server = MCPServer("scripted")
    for tool in world.script.tools:
        if tool.mcp:
            server.tool(name=tool.name)(_function(world, tool.name))
    server.run("stdio")


def _function(world: World, tool: str) -> Callable[[str], str]:
    def function(value: str) -> str:
        """Do what the script says."""
        return world.use(tool, value)

    return function


if __name__ == "__main__":
    main(*sys.argv[1:])
