"""A little web site on this machine, which asks programs to stay out of one folder of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_ARTICLE = "<html><body><article><h1>Pumps</h1><p>A pump moves water uphill.</p></article></body></html>"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The site's address; its pages are written into an empty folder."""
    (folder / "private").mkdir()
    (folder / "private" / "index.html").write_text(_ARTICLE)
    (folder / "pumps.html").write_text(_ARTICLE)
    (folder / "long.txt").write_text("".join(f"line {number}\n" for number in range(2_000)))
    (folder / "robots.txt").write_text("User-agent: *\nDisallow: /private/\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""
