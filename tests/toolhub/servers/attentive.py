"""A server that tells what it was told by its client."""

from __future__ import annotations

import json
from typing import Any

from lines import Call, LineServer, Message, text, tool


class Attentive(LineServer):
    """Remembers the methods of all messages, and the log levels asked for."""

    name = "attentive"

    def __init__(self) -> None:
        super().__init__(tool("heard"))
        self._heard: list[str] = []

    def call(self, call: Call) -> Any:
        return text(json.dumps(self._heard))

    def _take(self, message: Message) -> None:
        level = (message.get("params") or {}).get("level", "")
        self._heard.append(f"{message.get('method')} {level}".strip())
        super()._take(message)


if __name__ == "__main__":
    Attentive().serve()
