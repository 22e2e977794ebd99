"""Which file names the downstream servers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NO_TOOLS = "none"


def tools_file(given: Path | None, environment: Mapping[str, str] | None = None) -> Path | None:
    """The file of downstream servers: the given one, else MEMENTO_TOOLS, else Memento's own if it is there.

    None, which means that nothing is relayed, is also what the word "none" gives in either place.
    """
    named = str(given or (os.environ if environment is None else environment).get("MEMENTO_TOOLS") or "")
    if named:
        return None if named == NO_TOOLS else Path(named).expanduser().absolute()
    default = default_target()
    return default if default.exists() else None


def default_target() -> Path:
    """Memento's own tools file, whether it is there or not."""
    import platformdirs

    return platformdirs.user_config_path("memento", appauthor=False) / "tools.json"
