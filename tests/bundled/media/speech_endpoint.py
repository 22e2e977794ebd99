"""An endpoint on loopback that speaks OpenAI's protocol for transcriptions, with anyone behind it to do the hearing."""

from __future__ import annotations

import email
import io
import json
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Asked:
    """One request: its path, headers, fields and sound."""

    path: str
    headers: dict[str, str]
    fields: dict[str, str]
    wav: bytes = field(repr=False)

    @property
    def samples(self) -> Any:
        with wave.open(io.BytesIO(self.wav)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
            return np.frombuffer(file.readframes(file.getnframes()), np.int16)

    @property
    def seconds(self) -> float:
        return len(self.samples) / 16_000


Hears = Callable[[Asked], Answer]


@dataclass
class Endpoint:
    url: str
    asked: list[Asked]


@contextmanager
def endpoint(hears: Hears) -> Iterator[Endpoint]:
    """Serve until the end of the block."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Asked(self.path, headers, *_parts(headers["content-type"], body))
            asked.append(one)
            status, said = hears(one)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 429:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1", asked)
    finally:
        server.shutdown()
        server.server_close()


def verbose(*segments: tuple[float, float, str], language: str = "english") -> Answer:
    """What OpenAI answers with times."""
    listed = [{"id": i, "start": a, "end": b, "text": f" {text}"} for i, (a, b, text) in enumerate(segments)]
    text = " ".join(text for _, _, text in segments)
    return 200, {"task": "transcribe", "language": language, "text": text, "segments": listed}


def _parts(kind: str, body: bytes) -> tuple[dict[str, str], bytes]:
    message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields, wav = {}, b""
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if name == "file":
            assert part.get_content_type() == "audio/wav"
            wav = bytes(content)
        elif name is not None:
            fields[str(name)] = bytes(content).decode()
    return fields, wav
