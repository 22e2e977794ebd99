"""Running the server on stdio or streamable HTTP."""

from __future__ import annotations

import logging
import signal
import sys

from memento_server.app import build
from memento_server.settings import Settings

_LOCAL = ("127.0.0.1", "localhost", "::1")


def run(settings: Settings, *, http: bool, host: str, port: int) -> None:
    """Serve until the client goes away (stdio) or the process is stopped (HTTP). Logs go to stderr only."""
    # Set before the SDK does, whose own set-up then does nothing.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="memento: %(levelname)s: %(message)s")
    server = build(settings)
    if not http:
        if sys.stdin.isatty():
            sys.stderr.write("memento: waiting for an MCP client on stdin; hosts start this command themselves\n")
        # Asyncio would first wait for the read of stdin, which only the host can end. What was answered is on disk.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        server.run("stdio")
        return
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response

    @server.custom_route("/health", methods=["GET"])  # type: ignore[untyped-decorator]
    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    if host not in _LOCAL:
        sys.stderr.write(f"memento: warning: {host} can be reached by others, and nobody is asked who they are\n")
    sys.stderr.write(f"memento: listening on http://{host}:{port}/mcp\n")
    server.run("streamable-http", host=host, port=port)
