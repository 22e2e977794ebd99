"""Writing a tools file: at once or not at all, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from memento_toolhub.config.dialects import read_text
from memento_toolhub.errors import HubError


def put(file: Path, before: str | None, after: str) -> None:
    """Put a text into a file, readable by its owner alone; a link stays one.

    Args:
        before: the text it had when the new one was thought out; None for no file.

    Raises:
        HubError: if it has another text by now, or cannot be written.
    """
    from filelock import FileLock, Timeout

    target = file.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock", timeout=10):
            if (read_text(target) if target.exists() else None) != before:
                raise HubError(str(target), "has changed meanwhile; run the command again")
            _replace(target, after)
    except Timeout:
        raise HubError(str(target), "another command is writing it; run this one again") from None
    except OSError as error:
        raise HubError(str(target), f"cannot be written ({error.strerror}); give another file with --to") from error


def _replace(file: Path, text: str) -> None:
    descriptor, partial = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".partial", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(partial, file)
    except BaseException:
        os.unlink(partial)
        raise
