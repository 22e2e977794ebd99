"""A server that knows the stateless era only: no handshake, and it asks by answering with what it needs."""

from __future__ import annotations

from typing import Any

from lines import Call, LineServer, Message, text, tool

VERSION = "2026-07-28"
_INFO = {"io.modelcontextprotocol/serverInfo": {"name": "modern-only", "version": "1"}}
_QUESTION = {
    "method": "elicitation/create",
    "params": {
        "mode": "form",
        "message": "Which colour?",
        "requestedSchema": {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]},
    },
}


class ModernOnly(LineServer):
    """Refuses `initialize`; its one tool wants to know a colour."""

    def __init__(self) -> None:
        super().__init__(tool("paint"))
        self._params: dict[Any, Message] = {}

    def list_tools(self) -> Any:
        return _whole({"tools": self.tools})

    def call(self, call: Call) -> Any:
        given = self._params.pop(call.id)
        answer = (given.get("inputResponses") or {}).get("colour")
        if answer is None:
            return {"resultType": "input_required", "inputRequests": {"colour": _QUESTION}, "requestState": "waiting"}
        if given.get("requestState") != "waiting":
            return _whole(text("the state was not brought back", is_error=True))
        return _whole(text(f"painted {answer['content']['colour']}"))

    def _take(self, message: Message) -> None:
        method, id_ = message.get("method"), message.get("id")
        if method == "initialize":
            data = {"supported": [VERSION], "requested": "2025-11-25"}
            error = {"code": -32022, "message": "Unsupported protocol version", "data": data}
            self.send({"jsonrpc": "2.0", "id": id_, "error": error})
        elif method == "server/discover":
            self.answer(id_, _whole({"supportedVersions": [VERSION], "capabilities": {"tools": {}}}))
        else:
            self._params[id_] = message.get("params") or {}
            super()._take(message)


def _whole(result: Message) -> Message:
    return {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **result, "_meta": _INFO}


if __name__ == "__main__":
    ModernOnly().serve()
