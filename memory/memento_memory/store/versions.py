"""Versions of the value model in the bank file, and which one is in force."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import apsw
import numpy as np

from memento_memory.errors import BankError, NotFoundError
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.value import SCHEMA, fresh_layer, similarity_layer
from memento_memory.store import meta
from memento_memory.store.query import fetch_all, fetch_one

_IN_FORCE = "value_version"
_log = logging.getLogger(__name__)
_COLUMNS = (
    "version, status, schema, layer, reference, (SELECT network FROM value_networks n WHERE n.version ="
    " value_models.version), report, watch, created_at"
)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the value model.

    Attributes:
        version: its number; 0 is the prior, which nobody trained.
        status: in_force, retired, rejected (by the gate) or demoted (by later outcomes).
        schema: names of the features, in order.
        layer: the last layer with every outcome learned so far.
        reference: the same on similarity alone: what it has to beat.
        network: bytes of the trained network, or None.
        report: how it was trained and judged.
        watch: how it has done against the reference since.
    """

    version: int
    status: str
    layer: LastLayer
    reference: LastLayer
    network: bytes | None = None
    report: dict[str, Any] = field(default_factory=dict)
    watch: dict[str, Any] = field(default_factory=dict)
    created_at: float = 0.0
    schema: str = SCHEMA


def prior() -> Version:
    """What is in force before any outcome."""
    return Version(0, "in_force", fresh_layer(), similarity_layer())


def in_force(db: apsw.Connection) -> Version:
    """The version in force; the prior where none is, it is damaged, or its features are not those of this program."""
    number = int(meta.get(db, _IN_FORCE) or 0)
    row = fetch_one(db, f"SELECT {_COLUMNS} FROM value_models WHERE version = ?", (number,))
    try:
        return _version(row) if row and row[2] == SCHEMA else prior()
    except BankError as error:
        _log.warning("similarity ranks until the next outcome: %s", error)
        return prior()


def mark_in_force(db: apsw.Connection) -> tuple[int, int]:
    """The version in force and how often it has been written: changes whenever the value model does."""
    row = fetch_one(
        db,
        "SELECT version, json_extract(watch, '$.written') FROM value_models WHERE version ="
        " (SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?) AND schema = ?",
        (_IN_FORCE, SCHEMA),
    )
    return (int(row[0]), int(row[1] or 0)) if row else (0, 0)


def of(db: apsw.Connection, version: int) -> Version:
    """One version.

    Raises:
        NotFoundError: if there is none of this number.
        BankError: if it is damaged.
    """
    if version == 0:
        return prior()
    row = fetch_one(db, f"SELECT {_COLUMNS} FROM value_models WHERE version = ?", (version,))
    if row is None:
        raise NotFoundError("version", f"there is no version {version}; `memento learn --status` lists them")
    return _version(row)


def all_(db: apsw.Connection) -> list[Version]:
    """All versions, oldest first; the prior is not among them, but stands in for the layers of damaged ones."""
    return [_listed(row) for row in fetch_all(db, f"SELECT {_COLUMNS} FROM value_models ORDER BY version")]


def add(db: apsw.Connection, version: Version) -> Version:
    """Store a version under the next number, whatever its own, and return it with that."""
    db.execute(
        "INSERT INTO value_models (status, schema, layer, reference, report, watch, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(version.status, version.schema, version.layer.to_bytes(), version.reference.to_bytes()),
            *(json.dumps(version.report), json.dumps(version.watch), version.created_at),
        ),
    )
    number = db.last_insert_rowid()
    if version.network is not None:
        db.execute("INSERT INTO value_networks (version, network) VALUES (?, ?)", (number, version.network))
    return replace(version, version=number)


def update(db: apsw.Connection, version: Version) -> None:
    """Write what a version has learned since it was stored."""
    watch = {**version.watch, "written": version.watch.get("written", 0) + 1}
    db.execute(
        "UPDATE value_models SET status = ?, layer = ?, reference = ?, watch = ? WHERE version = ?",
        (
            *(version.status, version.layer.to_bytes(), version.reference.to_bytes()),
            *(json.dumps(watch), version.version),
        ),
    )


def drop_networks(db: apsw.Connection) -> None:
    """Forget all trained networks; what is left of their versions is the last layer."""
    written = "json_set(watch, '$.written', coalesce(json_extract(watch, '$.written'), 0) + 1)"
    db.execute(f"UPDATE value_models SET watch = {written} WHERE version IN (SELECT version FROM value_networks)")
    db.execute("DELETE FROM value_networks")


def unwatched(version: Version) -> dict[str, Any]:
    """Its watch without how it has done: what is left tells apart its fits, and what was written of it."""
    return {name: version.watch[name] for name in ("refits", "written") if name in version.watch}


def put_in_force(db: apsw.Connection, version: int, *, before: str = "retired") -> None:
    """Use this version from now on; 0 goes back to the prior.

    Args:
        before: what becomes of the one that was in force.
    """
    db.execute("UPDATE value_models SET status = ? WHERE status = 'in_force'", (before,))
    db.execute("UPDATE value_models SET status = 'in_force' WHERE version = ?", (version,))
    meta.put(db, _IN_FORCE, str(version))


def _version(row: tuple[Any, ...]) -> Version:
    number, status, schema, layer, reference, network, report, watch, created_at = row
    try:
        layers = _layer(layer), _layer(reference)
    except BankError as error:
        raise BankError(
            f"version {number} of the value model is damaged ({error}); go back to another one with"
            " `memento learn --rollback`"
        ) from error
    return Version(
        number,
        status,
        *layers,
        network,
        json.loads(report),
        json.loads(watch),
        created_at,
        schema,
    )


@lru_cache(8)
def _layer(data: bytes) -> LastLayer:
    """Kept, for between two outcomes every retrieval and recording reads the same."""
    layer = LastLayer.from_bytes(data)
    if not (np.isfinite(layer.mean).all() and np.isfinite(layer.covariance).all() and (layer.prior_variance > 0).all()):
        raise BankError("the stored last layer holds numbers that make no sense")
    return layer


def _listed(row: tuple[Any, ...]) -> Version:
    """A version of which the layers do not matter."""
    try:
        return _version(row)
    except BankError as error:
        _log.warning("%s", error)
        plain = prior()
        return _version((*row[:3], plain.layer.to_bytes(), plain.reference.to_bytes(), *row[5:]))
