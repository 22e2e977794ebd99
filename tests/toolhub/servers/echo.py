"""A well-behaved server of the handshake era whose tools do, when asked, what goes wrong in real ones."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lines import Call, LineServer, die, text, tool

# The smallest PNG there is: one grey pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


class Echo(LineServer):
    """Echoes, adds, holds calls open, and crashes on request."""

    name = "echo"

    def __init__(self) -> None:
        super().__init__(
            tool("echo", text="string"),
            tool("add", a="integer", b="integer") | {"outputSchema": _SUM},
            tool("image"),
            tool("fail", why="string"),
            tool("hold", gate="string", progress="boolean"),
            tool("steps", count="integer", pause="number"),
            tool("huge", megabytes="integer"),
            tool("most"),
            tool("pid"),
            tool("crash"),
        )
        self._held = 0
        self._most_held = 0
        self._counting = threading.Lock()

    def call(self, call: Call) -> Any:
        """Do what the tool's name says."""
        match call.name, call.arguments:
            case "echo", {"text": words}:
                return text(words)
            case "add", {"a": a, "b": b}:
                return text(str(a + b)) | {"structuredContent": {"sum": a + b}}
            case "image", _:
                return {"content": [{"type": "image", "data": PIXEL, "mimeType": "image/png"}]}
            case "fail", {"why": why}:
                return text(why, is_error=True)
            case "hold", {"gate": gate}:
                with self._counted():
                    return hold(call, Path(gate), report=bool(call.arguments.get("progress")))
            case "steps", {"count": count, "pause": pause}:
                return steps(call, count, pause)
            case "huge", {"megabytes": megabytes}:
                return text("0123456789abcdef" * (megabytes * 65_536))
            case "most", _:
                return text(str(self._most_held))
            case "pid", _:
                return text(str(os.getpid()))
            case "crash", _:
                die()
        return super().call(call)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self._held += 1
            self._most_held = max(self._held, self._most_held)
        yield
        with self._counting:
            self._held -= 1


_SUM = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}


def hold(call: Call, gate: Path, *, report: bool) -> Any:
    """Answer when the gate's file is there; leave files that say the call began, and whether it was cancelled."""
    gate.with_suffix(".begun").touch()
    ticks = 0
    while not gate.exists():
        if call.cancelled.wait(0.05):
            gate.with_suffix(".cancelled").touch()
            return None
        ticks += 1
        if report:
            call.progress(ticks)
    return text("held")


def steps(call: Call, count: int, pause: float) -> Any:
    """Report progress so many times, with a pause before each."""
    for step in range(1, count + 1):
        if call.cancelled.wait(pause):
            return None
        call.progress(step)
    return text(f"{count} steps")


if __name__ == "__main__":
    Echo().serve()
