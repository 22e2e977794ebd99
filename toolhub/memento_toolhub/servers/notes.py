"""A tiny MCP server for a folder of text files: `python -m memento_toolhub.servers.notes FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

_MOST_CHARS = 1_000_000
Name = Annotated[str, Field(description="file name, without folders")]


def build(folder: Path) -> MCPServer:
    """The server over one folder, which it never leaves."""
    server: MCPServer = MCPServer("notes", instructions="Text files in one folder.", log_level="WARNING")

    def place(name: str) -> Path:
        if not name or name != Path(name).name or name in (".", ".."):
            raise ToolError(f"name: {name!r} is not a plain file name; leave folders out")
        return folder / name

    @server.tool(annotations=ToolAnnotations(destructive_hint=True, idempotent_hint=True, open_world_hint=False))
    def write_note(name: Name, text: Annotated[str, Field(description="what it shall say")]) -> str:
        """Write a text file, in the place of an older one of that name."""
        if len(text) > _MOST_CHARS:
            raise ToolError(f"text: has {len(text)} characters; {_MOST_CHARS} are the most")
        place(name).write_text(text, encoding="utf-8")
        return f"wrote {len(text)} characters to {name}"

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    def read_note(name: Name) -> str:
        """Read a text file."""
        try:
            return place(name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ToolError(f"name: there is no file {name}; see list_notes") from None

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    def list_notes() -> list[str]:
        """List the files."""
        return sorted(file.name for file in folder.iterdir() if file.is_file())

    return server


def main() -> None:
    """Serve the folder named on the command line, on stdio."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python -m memento_toolhub.servers.notes FOLDER (an existing one)")
    build(Path(sys.argv[1])).run("stdio")


if __name__ == "__main__":
    main()
