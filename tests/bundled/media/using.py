"""Calling the media server as a host does, in the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.types import CallToolResult

from bundled.shared_loop import run
from memento_planner.models.openai import OpenAIModel
from memento_server.eyes import ModelEyes
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.roots import Roots
from memento_toolhub.servers.media.seams import Ears, Eyes
from memento_toolhub.servers.media.server import build
from planner.wire_server import WireServer


def options(root: Path) -> Options:
    return Options(Roots.of([root]), root.parent / f"{root.name}-scratch")


def call(
    root: Path,
    tool: str,
    *,
    eyes: Eyes | None = None,
    ears: Ears | None = None,
    mode: str = "auto",
    progress: list[str] | None = None,
    **arguments: Any,
) -> CallToolResult:
    """The result of one call to a server over one folder."""

    async def heard(done: float, total: float | None, message: str | None) -> None:
        if progress is not None:
            progress.append(message or "")

    async def go() -> CallToolResult:
        server = build(options(root), eyes=eyes, ears=ears)
        with anyio.fail_after(120):
            async with Client(server, mode=mode) as client:  # type: ignore[arg-type]
                return await client.call_tool(tool, arguments, progress_callback=heard)

    return run(go)


def told(result: CallToolResult) -> dict[str, Any]:
    """The structured result of a call that went well."""
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


def refusal(result: CallToolResult) -> str:
    """The message of a call that did not go well."""
    assert result.is_error, result.structured_content
    [block] = result.content
    return str(getattr(block, "text", ""))


def eyes_at(server: WireServer) -> ModelEyes:
    """The real client of a vision model behind a real endpoint."""
    return ModelEyes(OpenAIModel("see", key="", base_url=f"{server.url}/v1"))
