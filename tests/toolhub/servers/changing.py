"""A server whose tool definition is kept in a file, and changes when it is told to.

changing.py DESCRIPTION
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lines import Call, LineServer, die, text, tool


class Changing(LineServer):
    """The tool `subject` is described by a file; `change` rewrites it, `grow` adds a tool, `crash` ends the server."""

    name = "changing"

    def __init__(self, description: Path) -> None:
        super().__init__(tool("change", text="string"), tool("grow"), tool("crash"))
        self._description = description
        self._grown = False

    def list_tools(self) -> Any:
        words = self._description.read_text(encoding="utf-8") if self._description.exists() else "Counts the sheep."
        added = [tool("added")] if self._grown else []
        return {"tools": [tool("subject", words), *self.tools, *added]}

    def call(self, call: Call) -> Any:
        if call.name == "change":
            self._description.write_text(call.arguments["text"], encoding="utf-8")
        elif call.name == "grow":
            self._grown = True
        elif call.name == "crash":
            die()
        if call.name in ("change", "grow"):
            self.notify("notifications/tools/list_changed")
        return text(f"{call.name} done")


if __name__ == "__main__":
    Changing(Path(sys.argv[1])).serve()
