"""A server of the Model Context Protocol for tests, made with the official library: ``python mcp_counter.py [port]``."""

from __future__ import annotations

import os
import sys
import time

import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("counter")
total = {"n": 0}


@server.tool()
def add(n: int) -> str:
    """Add to the sum."""
    total["n"] += n
    return str(total["n"])


@server.tool()
def fail() -> str:
    """Raise."""
    raise ValueError("no such order")


@server.tool()
def wait() -> str:
    """Take long."""
    time.sleep(99999)
    return ""


@server.tool()
def leave() -> str:
    """End the server."""
    os._exit(3)


@server.tool()
def environment() -> list[str]:
    """Return the names of the environment variables."""
    return sorted(os.environ)


if len(sys.argv) > 1:
    uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
else:
    server.run("stdio")
