"""A web site on this machine, with pages of every kind; it remembers what it was asked."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


@dataclass(frozen=True)
class Answer:
    """What one path answers."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Asked:
    """One request, with its query; header names in lower case."""

    path: str
    headers: Mapping[str, str]


Route = Answer | Callable[[BaseHTTPRequestHandler], None]


class Site:
    """Routes by path, without its query; may be changed while the site is up. Paths without a route answer 404."""

    def __init__(self, port: int, routes: Mapping[str, Route]) -> None:
        self.port = port
        self.routes = dict(routes)
        self.asked: list[Asked] = []

    @property
    def host(self) -> str:
        """To be allowed by name."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        """The address of a path."""
        return f"http://{self.host}{path}"

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [asked.path for asked in self.asked]


@contextmanager
def site(routes: Mapping[str, Route] | None = None) -> Iterator[Site]:
    """A site that is up for as long as the block runs."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        handler.site = up = Site(server.server_port, routes or {})
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield up
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: ClassVar[Site]

    def do_GET(self) -> None:
        self.site.asked.append(Asked(self.path, _lower(self.headers)))
        route = self.site.routes.get(self.path.partition("?")[0], Answer("<p>no such page</p>", 404))
        self.close_connection = True
        try:
            if isinstance(route, Answer):
                reply(self, route)
            else:
                route(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side had enough, which is what some tests are about

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def reply(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    """Send an answer."""
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    standard = {"content-type": answer.media_type, "content-length": str(len(body)), "connection": "close"}
    handler.send_response(answer.status)
    for name, value in {**standard, **answer.headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if answer.status != 304:
        handler.wfile.write(body)


def redirect(to: str, status: int = 302) -> Answer:
    """An answer that sends on to another address."""
    return Answer(status=status, headers={"location": to})


def page(title: str, *paragraphs: str, head: str = "", links: Mapping[str, str] | None = None) -> Answer:
    """An ordinary page: a menu of links (address to text), an article, a foot."""
    menu = "".join(f'<a href="{to}">{text}</a> ' for to, text in (links or {}).items())
    article = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return Answer(
        f"<!doctype html><html lang='en'><head><title>{title}</title>{head}</head><body><nav>{menu}</nav>"
        f"<main><article><h1>{title}</h1>{article}</article></main><footer>All rights kept.</footer></body></html>"
    )


def robots(text: str) -> Answer:
    """A robots.txt."""
    return Answer(text, media_type="text/plain")


def with_validators(answer: Answer, etag: str = "", modified: str = "", cache_control: str = "") -> Route:
    """The answer, or 304 to who has it already."""
    named = {"etag": etag, "last-modified": modified, "cache-control": cache_control}
    kept = {name: value for name, value in named.items() if value}

    def route(handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers
        known = (etag and asked["if-none-match"] == etag) or (
            modified and not etag and asked["if-modified-since"] == modified
        )
        if known:
            reply(handler, Answer(status=304, headers=kept))
        else:
            reply(handler, Answer(answer.body, answer.status, {**answer.headers, **kept}, answer.media_type))

    return route


def first(*answers: Answer) -> Route:
    """Each answer once, the last one for ever."""
    left = list(answers)
    return lambda handler: reply(handler, left.pop(0) if len(left) > 1 else left[0])


def zipped(body: bytes, encoding: str = "gzip") -> Answer:
    """A compressed answer: gzip, deflate, or raw-deflate as some servers send it."""
    if encoding == "gzip":
        packed = gzip.compress(body)
    else:
        packer = zlib.compressobj(wbits=-15 if encoding == "raw-deflate" else 15)
        packed = packer.compress(body) + packer.flush()
    return Answer(packed, headers={"content-encoding": encoding.removeprefix("raw-")})


def bomb(megabytes: int) -> Answer:
    """A gzip body of zeros, about a thousandth of its size on the wire."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(megabytes)), packer.flush()])
    return Answer(packed, headers={"content-encoding": "gzip"})


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A body without an end."""
    _begin(handler)
    while True:
        handler.wfile.write(b"<p>and on</p>" * 1_000)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A body that comes a byte at a time and never ends."""
    _begin(handler)
    while True:
        handler.wfile.write(b".")
        handler.wfile.flush()
        time.sleep(0.02)


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Headers that never come."""
    handler.rfile.read()


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    """A body that ends before it said it would."""
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b"only this")


def huge_headers(handler: BaseHTTPRequestHandler) -> None:
    """Headers of a megabyte."""
    handler.send_response(200)
    for number in range(1_000):
        handler.send_header(f"x-{number}", "y" * 1_000)
    handler.end_headers()


def not_http(handler: BaseHTTPRequestHandler) -> None:
    """The greeting of a mail server."""
    handler.wfile.write(b"220 mail.example ESMTP\r\n")


def _begin(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/html; charset=utf-8")
    handler.end_headers()
