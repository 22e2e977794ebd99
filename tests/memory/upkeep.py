"""Random changes to a bank, for the indexes that must follow every one of them."""

from __future__ import annotations

import apsw
from hypothesis import strategies as st

from memento_memory.store import cases
from memory import making

CHANGES = st.lists(
    st.tuples(st.sampled_from(["insert", "forget", "restore", "remove", "purge"]), st.integers(0, 9)), max_size=8
)


def apply(db: apsw.Connection, change: str, number: int, namespace: str = "default") -> None:
    """Do one change to the case with this number; nothing happens where it cannot be done."""
    found = cases.by_id(db, f"c-{number}")
    match change:
        case "insert" if found is None:
            cases.insert(db, making.case(f"c-{number}", f"task number{number}", namespace=namespace))
        case "forget" if found:
            cases.set_forgotten(db, found[0], 1.0)
        case "restore" if found:
            cases.set_forgotten(db, found[0], None)
        case "remove" if found:
            cases.remove(db, found[0])
        case "purge":
            cases.purge(db, before=2.0)


def active(db: apsw.Connection) -> set[int]:
    """Row keys of the cases that are neither forgotten nor gone."""
    return {key for (key,) in db.execute("SELECT key FROM cases WHERE forgotten_at IS NULL")}
