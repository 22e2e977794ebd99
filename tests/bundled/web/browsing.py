"""A real browser for the tests, pages given to it directly, and listeners nobody may reach."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from memento_toolhub.servers.kit.fetcher import Fetched
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.roots import Roots
from memento_toolhub.servers.web.polite import PoliteFetcher
from memento_toolhub.servers.web.rendering import Renderer, RenderLimits

SHORT = RenderLimits(seconds=20, settle_seconds=2)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Chromium's sandbox refuses root, as whom tests in a container run.
SANDBOX = {"MEMENTO_BROWSER_SANDBOX": "off"} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}


def options(scratch: Path, *allowed: str, **environment: str) -> Options:
    """What a server is started with."""
    return Options(Roots(()), scratch, allowed, {**SANDBOX, **environment})


def renderer(scratch: Path, *allowed: str, limits: RenderLimits = SHORT, **environment: str) -> Renderer:
    """A renderer that may reach some private hosts."""
    given = options(scratch, *allowed, **environment)
    return Renderer.of(given, PoliteFetcher.of(given), limits)


def document(html: str, url: str = "https://site.example/") -> Fetched:
    """A page as if it had been fetched from the open web."""
    headers = {"content-type": "text/html; charset=utf-8"}
    return Fetched(url, 200, headers, html.encode(), "text/html", "utf-8", (), datetime.now(UTC))


def processes_of(folder: Path) -> list[str]:
    """The living processes with a folder in their command lines."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(folder) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


@dataclass
class Trap:
    """Listens on a loopback port, for TCP and UDP alike, and notes who comes."""

    port: int
    visitors: list[str] = field(default_factory=list)


@contextmanager
def trap() -> Iterator[Trap]:
    """A trap that is closed afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(tcp.getsockname())
        set_up = Trap(tcp.getsockname()[1])

        def accept() -> None:
            while True:
                try:
                    connection, _ = tcp.accept()
                except OSError:
                    return
                set_up.visitors.append("tcp")
                connection.close()

        def receive() -> None:
            while True:
                try:
                    udp.recvfrom(2000)
                except OSError:
                    return
                set_up.visitors.append("udp")

        for listen in (accept, receive):
            threading.Thread(target=listen, daemon=True).start()
        yield set_up
