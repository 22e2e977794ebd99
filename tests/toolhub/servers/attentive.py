"""A server that tells what it was told by its client."""

from __future__ import annotations

import json
from typing import Any

from lines import Call, LineServer, Message, die, text, tool


class Attentive(LineServer):
    """Remembers the methods of all messages, with the log levels and resources they name."""

    name = "attentive"

    def __init__(self) -> None:
        super().__init__(tool("heard"), tool("crash"))
        self._heard: list[str] = []

    def initialize(self, params: Message) -> Any:
        answer = super().initialize(params)
        answer["capabilities"]["resources"] = {"subscribe": True}
        return answer

    def call(self, call: Call) -> Any:
        if call.name == "crash":
            die()
        return text(json.dumps(self._heard))

    def _take(self, message: Message) -> None:
        method, id_, params = message.get("method"), message.get("id"), message.get("params") or {}
        self._heard.append(f"{method} {params.get('level') or params.get('uri') or ''}".strip())
        match method:
            case "resources/list":
                self.answer(id_, {"resources": [{"uri": "pump://1", "name": "pump"}]})
            case "resources/templates/list":
                self.answer(id_, {"resourceTemplates": []})
            case "resources/subscribe":
                self.answer(id_, {})
            case _:
                super()._take(message)


if __name__ == "__main__":
    Attentive().serve()
