"""What can be set, where it comes from, and what it is when nothing is said."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memento_memory.errors import InputError
from memento_memory.limits import check_namespace

DEFAULT_NAMESPACE = "default"
PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one Memento process.

    Attributes:
        bank: the bank file.
        namespace: where cases go and come from when a call names none.
        embedding_model: name or folder of a sentence-transformers model; "" is the one that is installed with Memento.
        retention_days: how long a forgotten case can be restored.
        tools: the file that names the downstream servers; None relays nothing.
    """

    bank: Path
    namespace: str = DEFAULT_NAMESPACE
    embedding_model: str = ""
    retention_days: float = 30.0
    tools: Path | None = None

    @classmethod
    def of(
        cls,
        *,
        bank: Path | None = None,
        namespace: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Settings:
        """Settings from what was given on the command line, then the environment, then the defaults.

        Reads MEMENTO_BANK, MEMENTO_NAMESPACE, MEMENTO_EMBEDDING_MODEL and MEMENTO_RETENTION_DAYS.

        Raises:
            InputError: if a value cannot be used.
        """
        given = os.environ if environment is None else environment
        return cls(
            bank=(bank or Path(given.get("MEMENTO_BANK") or _default_bank())).expanduser().absolute(),
            namespace=_namespace(namespace or given.get("MEMENTO_NAMESPACE") or DEFAULT_NAMESPACE),
            embedding_model=given.get("MEMENTO_EMBEDDING_MODEL", ""),
            retention_days=_days(given.get("MEMENTO_RETENTION_DAYS") or "30"),
        )


def _default_bank() -> Path:
    import platformdirs

    return platformdirs.user_data_path("memento", appauthor=False) / "bank.sqlite3"


def _namespace(name: str) -> str:
    """A namespace by name, or one of its own for the project around the working directory."""
    return project_namespace(Path.cwd()) if name == PROJECT else check_namespace(name)


def project_namespace(folder: Path) -> str:
    """The nearest folder upwards that is a version-controlled project, as a name that tells it from its namesakes."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:6]
    name = re.sub(r"[^\w.-]+", "-", root.name)[:48] or "root"
    return f"{name}-{digest}"


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < 1e6:
        raise InputError("MEMENTO_RETENTION_DAYS", f"is {text!r}; give a number of days, 0 or more")
    return days
