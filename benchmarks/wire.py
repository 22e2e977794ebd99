"""The least of an MCP client: lines of JSON-RPC over stdio, so that next to nothing but the server is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

LEGACY, MODERN = "2025-11-25", "2026-07-28"
_CLIENT = {"name": "bench", "version": "1"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": _CLIENT,
}


class Server:
    """A server as a subprocess, asked one thing at a time; use it as a context manager."""

    def __init__(self, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | (environment or {}),
        )
        self._number = 0

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its input, which ends it; wait until it is gone."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        for end in (self._process.terminate, self._process.kill):  # not all end with their input
            try:
                self._process.wait(timeout=5 if end == self._process.kill else 2)
                break
            except subprocess.TimeoutExpired:
                end()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def initialize(self) -> dict[str, Any]:
        """The handshake of the revisions up to 2025-11-25."""
        asked = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        answer = self.request("initialize", asked)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def discover(self) -> dict[str, Any]:
        """The first request of the revision 2026-07-28."""
        return self.request("server/discover", {"_meta": META})

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool after `initialize`; return its whole result.

        Raises:
            RuntimeError: if the answer is an error.
        """
        result = self.request("tools/call", {"name": name, "arguments": arguments})
        if result.get("isError"):
            raise RuntimeError(f"{name}: {result['content']}")
        return result

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its answer; notifications in between are passed over.

        Raises:
            RuntimeError: if the answer is an error, or the server is gone.
        """
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        assert self._process.stdout
        for line in self._process.stdout:
            answer = json.loads(line) if line.startswith(b"{") else {}
            if answer.get("id") == self._number and "method" not in answer:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
        self._process.wait()
        self._errors.seek(0)
        raise RuntimeError(f"{method}: the server ended: {self._errors.read()[-2000:].decode(errors='replace')}")

    def resident_bytes(self) -> int:
        """Memory resident now, of the server and of the processes it started."""
        process = psutil.Process(self._process.pid)
        return sum(int(p.memory_info().rss) for p in [process, *process.children(recursive=True)])

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()


def memento(bank: Path) -> list[str]:
    """The command that serves a bank."""
    return [sys.executable, "-m", "memento_server", "serve", "--bank", str(bank)]


def beside(script: str) -> list[str]:
    """The command that runs another script of this folder with this Python."""
    return [sys.executable, str(Path(__file__).with_name(script))]
