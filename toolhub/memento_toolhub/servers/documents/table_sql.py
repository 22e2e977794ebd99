"""Names and texts as SQL writes them."""

from __future__ import annotations

import re
from collections.abc import Container


def quoted(name: str) -> str:
    """Any name, as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Any text, as a string."""
    return "'" + text.replace("'", "''") + "'"


def plain(name: str, reserved: Container[str]) -> str:
    """A name that needs no quotes, as near as can be: Sales 2023 (€) becomes Sales_2023."""
    made = re.sub(r"\W+", "_", name).strip("_") or "table"
    if made[0].isdigit():
        made = f"t_{made}"
    return f"{made}_" if made.lower() in reserved else made


def shown(name: str, reserved: Container[str]) -> str:
    """A name as it has to be written: in quotes only where it needs them."""
    return name if name == plain(name, reserved) else quoted(name)
