"""A server that never answers one kind of request.

silent.py everything|initialize|listing|calls
"""

from __future__ import annotations

import sys
from typing import Any

from lines import Call, LineServer, Message, tool


class Silent(LineServer):
    """Reads what it is asked and stays silent."""

    name = "silent"

    def __init__(self, about: str) -> None:
        super().__init__(tool("wait"))
        self._about = about

    def initialize(self, params: Message) -> Any:
        return None if self._about == "initialize" else super().initialize(params)

    def list_tools(self) -> Any:
        return None if self._about == "listing" else super().list_tools()

    def call(self, call: Call) -> Any:
        call.cancelled.wait()

    def send(self, message: Any) -> None:
        if self._about != "everything":
            super().send(message)


if __name__ == "__main__":
    Silent(sys.argv[1]).serve()
