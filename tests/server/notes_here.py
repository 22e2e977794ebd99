"""The real notes server in a thread of this process, which saves the second that another takes to start."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from memento_toolhub.servers.notes import build


@contextmanager
def notes_here(folder: Path) -> Iterator[dict[str, Any]]:
    """The notes server over a folder, made where it is missing, behind a URL; gives its entry in a tools file."""
    folder.mkdir(exist_ok=True)
    app = build(folder).streamable_http_app()
    config = uvicorn.Config(app, port=0, log_level=logging.CRITICAL, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the notes server ended before it listened"
        time.sleep(0.005)
    try:
        yield {"url": f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"}
    finally:
        server.should_exit = True
        thread.join()
