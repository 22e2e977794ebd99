"""stdio for hosts that send half a character: JSON can spell a lone surrogate, but UTF-8 cannot carry one.

The SDK leaves a request with one in it unanswered, and its host waiting. Here it is read and answered.
"""

from __future__ import annotations

import json
import re
from typing import Any

from mcp.server import MCPServer, Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter
from pydantic import ValidationError

from memento_server.pipes import host_pipes
from memento_toolhub.wire.tapped import Tapped

_HALF = re.compile("[\ud800-\udfff]")
Item = SessionMessage | Exception


async def serve(server: MCPServer[Any]) -> None:
    """Serve one host on standard input and output until it goes away."""
    low = low_level(server)
    with host_pipes() as pipes:
        async with stdio_server(*pipes) as (given, answers):
            await low.run(Tapped(given, change=_mended), answers, low.create_initialization_options())


def low_level(server: MCPServer[Any]) -> Server[Any]:
    """The server below an MCPServer, which has no public way to it."""
    return server._lowlevel_server


def _mended(item: Item) -> Item:
    return reread(item) if isinstance(item, ValidationError) else item


def reread(error: ValidationError) -> Item:
    """The message in a line that the SDK could not read, or the error where there is none.

    The arguments of a tool stay as they are, for the tool says which of them is at fault. Elsewhere half a character
    becomes U+FFFD, for what is echoed in an answer must be whole.
    """
    problem = error.errors(include_url=False)[0]
    if problem["type"] != "json_invalid":
        return error
    try:
        line = json.loads(problem["input"])
        message = _whole(line)
        if isinstance(line, dict) and line.get("method") == "tools/call" and isinstance(line.get("params"), dict):
            message["params"]["arguments"] = line["params"].get("arguments")
        return SessionMessage(jsonrpc_message_adapter.validate_python(message, by_name=False))
    except (ValueError, RecursionError):
        return error


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value
