"""An HTTP server on loopback that answers as scripted: what real SDKs make of a provider's every mood."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        body: a JSON value, or the lines of an event stream.
        cut: break the connection off after the body, which then lacks its end.
        pause_s: seconds to wait before each piece of the body.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    pause_s: float = 0.0


def events(*items: Mapping[str, Any] | str) -> list[str]:
    """Server-sent events, each named after its `type` where it has one."""
    lines = []
    for item in items:
        named = f"event: {item['type']}\n" if isinstance(item, Mapping) and "type" in item else ""
        lines.append(f"{named}data: {item if isinstance(item, str) else json.dumps(item)}\n\n")
    return lines


Line = Answer | Callable[[Any], Answer]
"""An answer, or what makes one from the request's JSON body."""


class WireServer:
    """Gives its answers in order, the last one again and again.

    Attributes:
        url: where it listens.
        requests: (path, headers, JSON body) of every request so far.
        hung_up: set once a client has gone away before the end of an answer.
    """

    def __init__(self, answers: Sequence[Line]) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.hung_up = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                line = answers[min(len(outer.requests), len(answers) - 1)]
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = json.loads(body or b"null")
                outer.requests.append((self.path, headers, asked))
                try:
                    self._give(line if isinstance(line, Answer) else line(asked))
                except ConnectionError:
                    outer.hung_up.set()
                    self.close_connection = True

            def _give(self, answer: Answer) -> None:
                stream = isinstance(answer.body, list) and all(isinstance(item, str) for item in answer.body)
                pieces = [item.encode() for item in answer.body] if stream else [json.dumps(answer.body).encode()]
                kind = "text/event-stream" if stream else "application/json"
                self.send_response(answer.status)
                for name, value in {"Content-Type": kind, **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for piece in pieces:
                    time.sleep(answer.pause_s)
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                if answer.cut:
                    self.close_connection = True
                    self.connection.close()
                else:
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[WireServer]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
