"""Long results: the first part now, the rest by a handle."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Annotated

from mcp.server import MCPServer
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from memento_toolhub.servers.kit.call_error import CallError

MOST_CHARS = 50_000
"""Several hosts write longer results to a file that the model does not see."""
DEFAULT_CHARS = 20_000
_KEPT_CHARS = 32_000_000

MaxChars = Annotated[
    int, Field(ge=500, le=MOST_CHARS, description=f"characters to return, 500 to {MOST_CHARS}; the rest by read_more")
]


class Piece(BaseModel):
    """A part of a text."""

    text: str = Field(description="the text, or its first part")
    rest: str = Field(default="", description="handle of what was left out, for read_more; empty where nothing was")
    chars_left: int = Field(default=0, description="characters left out")


class Rests:
    """The texts that were too long, the latest ones first, within a bound."""

    def __init__(self, most_chars: int = _KEPT_CHARS) -> None:
        self._most_chars = most_chars
        self._kept: OrderedDict[str, str] = OrderedDict()

    def cut(self, text: str, max_chars: int = DEFAULT_CHARS) -> Piece:
        """The text up to a limit, at a line's end where one is near, and a handle for the rest."""
        if len(text) <= max_chars:
            return Piece(text=text)
        line_end = text.rfind("\n", max_chars * 3 // 4, max_chars)
        end = line_end + 1 if line_end >= 0 else max_chars
        rest = text[end:]
        return Piece(text=text[:end], rest=self._keep(rest), chars_left=len(rest))

    def more(self, handle: str, max_chars: int = DEFAULT_CHARS) -> Piece:
        """The next part of a kept text; the same handle gives the same part again.

        Raises:
            CallError: if the handle is unknown or its text was let go of.
        """
        text = self._kept.get(handle)
        if text is None:
            raise CallError(f"handle: {handle[:40]!r} is unknown or no longer kept; call the tool again that gave it")
        self._kept.move_to_end(handle)
        return self.cut(text, max_chars)

    def _keep(self, text: str) -> str:
        known = next((handle for handle, kept in self._kept.items() if len(kept) == len(text) and kept == text), None)
        if known is not None:
            self._kept.move_to_end(known)
            return known
        handle = secrets.token_hex(8)
        self._kept[handle] = text
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._most_chars:
            self._kept.popitem(last=False)
        return handle


def offer_read_more(server: MCPServer, rests: Rests) -> None:
    """Publish the tool that reads on."""

    @server.tool(
        title="Read on", annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    )
    def read_more(
        handle: Annotated[str, Field(description="`rest` of a result of this server")],
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> Piece:
        """Read the next part of a result that was too long, by the handle in its `rest`."""
        return rests.more(handle, max_chars)
