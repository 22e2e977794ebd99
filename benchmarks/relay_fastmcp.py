"""fastmcp's proxy in front of one stdio server: `relay_fastmcp.py COMMAND ARGUMENT...`, by a Python that has it."""

from __future__ import annotations

import sys

from fastmcp.client.transports import StdioTransport
from fastmcp.server import create_proxy

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    create_proxy(StdioTransport(command=command, args=arguments)).run("stdio", show_banner=False)
