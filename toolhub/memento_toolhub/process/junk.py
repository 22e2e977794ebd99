"""Lines on a server's stdout that are no protocol messages: one short warning a server, not a traceback a line."""

from __future__ import annotations

import logging
from contextvars import ContextVar

speaker: ContextVar[str] = ContextVar("memento_speaker", default="")
"""The server whose stdout is being read; set around opening its transport, whose reader task inherits it."""


class OneWarning(logging.Filter):
    """Lets the first such line of a server through as a warning that names the server, and no other."""

    def __init__(self) -> None:
        super().__init__()
        self._warned: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        name = speaker.get()
        if not name or record.exc_info is None:
            return True
        if name in self._warned:
            return False
        self._warned.add(name)
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = "%s: writes lines to its stdout that are no protocol messages; they are skipped"
        record.args, record.exc_info = (name,), None
        return True


def quieten() -> None:
    """Put the filter before what the SDK logs; a second time changes nothing."""
    logger = logging.getLogger("mcp.client.stdio")
    if not any(isinstance(found, OneWarning) for found in logger.filters):
        logger.addFilter(OneWarning())
