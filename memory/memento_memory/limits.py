"""How much of each input is accepted, and the checks that say so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memento_memory.case import Task
from memento_memory.errors import InputError
from memento_memory.text import KB, check

MAX_TASK_BYTES = 20 * KB
MAX_NOTES_BYTES = 20 * KB
MAX_CASES = 20
MAX_TAGS = 20
_MAX_TAG_BYTES = 64
_NAMESPACE = re.compile(r"[\w.@/-]{1,64}")


def check_task(text: str, context: str = "", *, field: str = "task") -> Task:
    """A task of at most 20 kB with a context of at most 20 kB."""
    return Task(
        check(field, text, limit=MAX_TASK_BYTES, required=True),
        check("context", context, limit=MAX_TASK_BYTES),
    )


def check_notes(notes: str) -> str:
    """Notes of at most 20 kB."""
    return check("notes", notes, limit=MAX_NOTES_BYTES)


def check_tags(tags: Sequence[object]) -> tuple[str, ...]:
    """At most 20 tags of at most 64 bytes, without repetition."""
    if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
        raise InputError("tags", "is not a list of words; give tags as text")
    cleaned = [check("tags", str(tag), limit=_MAX_TAG_BYTES) for tag in tags]
    distinct = tuple(dict.fromkeys(tag for tag in cleaned if tag))
    if len(distinct) > MAX_TAGS:
        raise InputError("tags", f"holds {len(distinct)} tags, at most {MAX_TAGS} are allowed")
    return distinct


def check_namespace(name: object) -> str:
    """A namespace: letters, digits and . _ @ / - only, at most 64 characters."""
    if not isinstance(name, str) or not _NAMESPACE.fullmatch(name):
        raise InputError(
            "namespace", f"{name!r} cannot be used; take letters, digits and . _ @ / -, at most 64 characters"
        )
    return name


def check_k(k: int, *, field: str = "k") -> int:
    """A number of cases from 1 to 20."""
    if not 1 <= k <= MAX_CASES:
        raise InputError(field, f"is {k}; ask for 1 to {MAX_CASES} cases")
    return k
