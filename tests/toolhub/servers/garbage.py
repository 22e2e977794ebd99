"""A server that writes what no client can make sense of.

garbage.py noise|bytes|initialize|listing|results
"""

from __future__ import annotations

import sys
from typing import Any

from lines import Call, LineServer, Message, text, tool

_NONSENSE: dict[str, Any] = {
    "a number": 17,
    "a text": "not an object",
    "content that is no list": {"content": "words"},
    "an unknown block": {"content": [{"type": "smell", "odour": "burnt"}]},
    "a block without text": {"content": [{"type": "text"}]},
    "nested too deep": {"content": [{"type": "text", "text": {"text": "deeper"}}]},
}


class Garbage(LineServer):
    """Talks nonsense about one thing, or writes noise between good answers."""

    name = "garbage"

    def __init__(self, about: str) -> None:
        super().__init__(tool("echo", text="string"), tool("nonsense", kind="string"))
        self._about = about

    def initialize(self, params: Message) -> Any:
        return ["hello"] if self._about == "initialize" else super().initialize(params)

    def list_tools(self) -> Any:
        return {"tools": [{"name": 5}, "hammer"]} if self._about == "listing" else super().list_tools()

    def call(self, call: Call) -> Any:
        if call.name == "nonsense":
            return _NONSENSE[call.arguments["kind"]]
        return text(call.arguments["text"])

    def answer(self, id_: Any, result: Any) -> None:
        if self._about == "noise":
            self._make_noise()
        elif self._about == "bytes":
            self.write(b"\xff\xfe\x00 not UTF-8 \xc3(")
        super().answer(id_, result)

    def _make_noise(self) -> None:
        for line in (b"Starting up...", b"{", b"[]", b"null", b"17", b'{"jsonrpc": "1.0"}', b""):
            self.write(line)
        self.send({"jsonrpc": "2.0", "id": 987_654, "result": {"content": []}})
        self.send({"jsonrpc": "2.0", "id": "never asked", "error": {"code": 1, "message": "no"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/no/such/thing", "params": {"a": 1}})
        self.send({"jsonrpc": "2.0", "id": 1, "method": "no/such/request"})


if __name__ == "__main__":
    Garbage(sys.argv[1]).serve()
