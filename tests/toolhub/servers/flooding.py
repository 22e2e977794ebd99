"""A server that sends thousands of notifications nobody asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from echo import Echo
from lines import Call, text, tool


class Flooding(Echo):
    """Floods its client while a call is in progress."""

    name = "flooding"

    def __init__(self) -> None:
        super().__init__()
        self.tools.append(tool("flood", times="integer", begun="string"))

    def call(self, call: Call) -> Any:
        if call.name != "flood":
            return super().call(call)
        for i in range(call.arguments["times"]):
            self.notify("notifications/tools/list_changed")
            self.notify("notifications/message", {"level": "info", "logger": "flood", "data": f"drop {i}"})
            self.notify("notifications/progress", {"progressToken": f"nobody's {i}", "progress": i})
            if i == 100:
                Path(call.arguments["begun"]).touch()
        return text("drained")


if __name__ == "__main__":
    Flooding().serve()
