"""A tool server of the handshake era that speaks plain JSON lines: the ground that servers which misbehave stand on."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]


def tool(name: str, description: str = "", **properties: str) -> Message:
    """The definition of a tool whose arguments have these JSON types."""
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    return {"name": name, "description": description or f"The tool {name}.", "inputSchema": schema}


def text(words: str, *, is_error: bool = False) -> Message:
    """A tool result of one text."""
    return {"content": [{"type": "text", "text": words}], "isError": is_error}


def die() -> None:
    """End this process at once, as a crash would."""
    os._exit(13)


@dataclass(slots=True)
class Call:
    """A tool call in progress."""

    server: LineServer
    id: Any
    name: str
    arguments: Message
    token: Any
    cancelled: threading.Event = field(default_factory=threading.Event)

    def progress(self, done: float) -> None:
        """Report progress, where the caller asked for it."""
        if self.token is not None:
            self.server.notify("notifications/progress", {"progressToken": self.token, "progress": done})


class LineServer:
    """Answers requests from stdin, each tool call in a thread of its own, and ends with its stdin."""

    name = "lines"

    def __init__(self, *tools: Message) -> None:
        self.tools = list(tools)
        self._calls: dict[Any, Call] = {}
        self._writing = threading.Lock()

    def initialize(self, params: Message) -> Any:
        """What the handshake is answered with."""
        return {
            "protocolVersion": params.get("protocolVersion", "2025-06-18"),
            "capabilities": {"tools": {"listChanged": True}, "logging": {}},
            "serverInfo": {"name": self.name, "version": "1"},
        }

    def list_tools(self) -> Any:
        """What tools/list is answered with."""
        return {"tools": self.tools}

    def call(self, call: Call) -> Any:
        """What a tool call is answered with; None for no answer at all."""
        return text(f"{call.name} did nothing", is_error=True)

    def serve(self) -> None:
        """Answer until stdin ends."""
        for line in sys.stdin.buffer:
            self._take(json.loads(line))
        os._exit(0)  # calls may still be held in their threads

    def notify(self, method: str, params: Message | None = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, **({"params": params} if params is not None else {})})

    def send(self, message: Any) -> None:
        """Write a message, whatever it is, as one line."""
        self.write(json.dumps(message).encode())

    def write(self, line: bytes) -> None:
        """Write one line of bytes, whatever they are."""
        with self._writing:
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()

    def answer(self, id_: Any, result: Any) -> None:
        """Answer a request; None leaves it unanswered."""
        if result is not None:
            self.send({"jsonrpc": "2.0", "id": id_, "result": result})

    def _take(self, message: Message) -> None:
        method, id_, params = message.get("method"), message.get("id"), message.get("params") or {}
        match method:
            case "initialize":
                self.answer(id_, self.initialize(params))
            case "ping" | "logging/setLevel":
                self.answer(id_, {})
            case "tools/list":
                self.answer(id_, self.list_tools())
            case "tools/call":
                token = (params.get("_meta") or {}).get("progressToken")
                call = Call(self, id_, params["name"], params.get("arguments") or {}, token)
                self._calls[id_] = call
                threading.Thread(target=self._answer_call, args=(call,), daemon=True).start()
            case "notifications/cancelled":
                if call_ := self._calls.get(params.get("requestId")):
                    call_.cancelled.set()
            case _ if id_ is not None:
                error = {"code": -32601, "message": f"Method not found: {method}"}
                self.send({"jsonrpc": "2.0", "id": id_, "error": error})

    def _answer_call(self, call: Call) -> None:
        result = self.call(call)
        del self._calls[call.id]
        if not call.cancelled.is_set():
            self.answer(call.id, result)
