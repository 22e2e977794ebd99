"""Text that can be written anywhere: JSON can smuggle in halves of characters, which neither files nor tools take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from memento_planner.models.chat import Reply


def whole(text: str) -> str:
    """A text whose characters that came in two pieces are joined, and halves of characters replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def writable(reply: Reply) -> Reply:
    """A reply without halves of characters."""
    uses = tuple(
        replace(use, raw=whole(use.raw), arguments=None if use.arguments is None else _all_whole(use.arguments))
        for use in reply.tool_uses
    )
    return replace(reply, text=whole(reply.text), tool_uses=uses)


def _all_whole(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(whole(json.dumps(dict(arguments), ensure_ascii=False)))
    return found
