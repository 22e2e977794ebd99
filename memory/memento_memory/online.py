"""The fast learner: one recorded outcome moves the value model, in the transaction that records it.

An episode's design row (see `selection.credit`) goes into the last layer of the version in force, and into its
reference, which knows similarity alone. How well the two had foretold the outcome, before they learned it, is what the
version is trusted by: where its log-loss over recent outcomes is worse beyond noise, similarity ranks until it is not.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Result
from memento_memory.decision import Decision
from memento_memory.errors import BankError
from memento_memory.fitting import NETWORK, generation, refitted
from memento_memory.selection.credit import case_rows, credit, slate_row
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.value import SCHEMA, chance, sigmoid
from memento_memory.store import decisions, versions
from memento_memory.store.decisions import Learned
from memento_memory.store.versions import Version

Floats = NDArray[np.float64]

_RECENT = 0.5 ** (1 / 200)  # what is kept of the watch at every outcome: half is gone after 200
_FEWEST = 30  # outcomes before a version can be found worse than similarity
_WORSE, _BETTER = -2.0, 0.0  # standard errors of the recent log-loss: trust is lost, and is given back
_CLOSE = 1e-9
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an outcome changed in the values of the cases that were shown.

    Attributes:
        moved: id of each case, and Q(s, c) for this task before and after.
        void: Q of showing none, before and after.
        version: that learned it.
        trusted: whether the version ranks, or similarity alone while it foretells outcomes better.
    """

    moved: tuple[tuple[str, float, float], ...]
    void: tuple[float, float]
    version: int
    trusted: bool


def learn(db: apsw.Connection, episode_key: int, result: Result, now: float) -> Lesson | None:
    """Learn the outcome of an episode, in place of what it was thought to be before.

    Returns:
        What changed; None where nothing can be learned from it: no slate was chosen, or one of warnings alone, the
        features have changed, or the outcome is not known and never was.
    """
    decision = decisions.of(db, episode_key)
    if decision is None or decision.candidates.schema != SCHEMA or decisions.only_warned(db, episode_key, decision):
        return None
    weight = 0.0 if result.reward is None else result.evidence.weight
    if not weight and decisions.learned(db, episode_key) is None:
        return None
    before = version = _ready(db, now)
    known = decisions.learned(db, episode_key)  # may be in it only now
    if known is not None:
        left = _without(version, known)
        if left is None:
            return _lesson(decision, before, refitted(db, before))
        version = left
    after, learned = version, None
    if result.reward is not None and weight:
        row = design_row(decision, decisions.used_of(db, episode_key, decision), version.version)
        first = decisions.note_watched(db, episode_key, version.version) and known is None
        after, learned = _with(version, row, result.reward, weight, first)
    decisions.put_learned(db, episode_key, learned)
    versions.update(db, after)
    if after.network is not None and not is_trusted(after):
        after = _demote(db, after, now)
    return _lesson(decision, before, after)


def design_row(decision: Decision, used: tuple[bool | None, ...], version: int) -> Floats:
    """The row [psi(s), sum_c w_c phi(s, c)] of a decision."""
    return slate_row(decision.candidates.task, _shown(decision, version), credit(used))


def is_trusted(version: Version) -> bool:
    """Whether the version ranks cases; otherwise its reference does, which knows similarity alone."""
    return bool(version.watch.get("trusted", True))


def layer_in_use(version: Version) -> LastLayer:
    """The layer that ranks."""
    return version.layer if is_trusted(version) else version.reference


def _ready(db: apsw.Connection, now: float) -> Version:
    """The version in force; the first outcome makes one of the prior, which learns the log where one was damaged."""
    version, (named, _) = versions.in_force(db), versions.mark_in_force(db)
    if version.version == 0:
        version = versions.add(db, replace(version, report={"kind": "online"}, created_at=now))
        versions.put_in_force(db, version.version)
        if named:
            return refitted(db, version)
    return version


def _without(version: Version, known: Learned) -> Version | None:
    """The version without an outcome; None where it can no longer be told apart from the others."""
    if known.version != generation(version) or known.row.shape != version.layer.mean.shape:
        return None
    parts = ((version.layer, known.site), (version.reference, known.reference))
    left = [1 - site.strength * float(known.row @ layer.covariance @ known.row) for layer, site in parts]
    if not min(left) > _CLOSE:
        return None
    layer, reference = (layer.without(known.row, site) for layer, site in parts)
    return replace(version, layer=layer, reference=reference)


def _with(version: Version, row: Floats, reward: float, weight: float, first: bool) -> tuple[Version, Learned]:
    watch = _watched(version, row, reward, weight) if first else version.watch
    layer, site = version.layer.updated(row, reward, weight)
    reference, apart = version.reference.updated(row, reward, weight)
    after = replace(version, layer=layer, reference=reference, watch=watch)
    return after, Learned(generation(after), row, site, apart)


def _watched(version: Version, row: Floats, reward: float, weight: float) -> dict[str, Any]:
    """The watch after one more outcome: sum and sum of squares of the log-loss saved against the reference."""
    chances = [float(layer.predict(row[None]).mean[0]) for layer in (version.layer, version.reference)]
    own, other = (-(reward * math.log(p) + (1 - reward) * math.log(1 - p)) for p in map(_inside, chances))
    saved = weight * (other - own)
    watch = version.watch
    outcomes = watch.get("outcomes", 0) + 1
    margin = _RECENT * watch.get("margin", 0.0) + saved
    noise = _RECENT**2 * watch.get("noise", 0.0) + saved**2
    errors = margin / math.sqrt(noise) if noise > 0 else 0.0
    trusted = watch.get("trusted", True)
    trusted = errors > _BETTER if not trusted else not (outcomes >= _FEWEST and errors < _WORSE)
    return {**watch, "outcomes": outcomes, "margin": margin, "noise": noise, "trusted": trusted}


def _demote(db: apsw.Connection, version: Version, now: float) -> Version:
    """Go back to what was in force before a trained version that recent outcomes turned against."""
    try:
        parent = versions.of(db, int(version.report.get("parent", 0)))
    except BankError as error:
        _log.warning("version %d is followed by one made anew: %s", version.version, error)
        parent = versions.prior()
    if parent.version == 0 or parent.schema != SCHEMA:
        parent = versions.add(db, replace(versions.prior(), report={"kind": "online"}, created_at=now))
    versions.put_in_force(db, parent.version, before="demoted")
    return refitted(db, replace(parent, status="in_force", watch=versions.unwatched(parent)))


def _lesson(decision: Decision, before: Version, after: Version) -> Lesson:
    candidates = decision.candidates
    old, new = (
        sigmoid(case_rows(candidates.task, _shown(decision, each.version)) @ layer_in_use(each).mean).tolist()
        for each in (before, after)
    )
    m = len(candidates.task)
    void = [chance(float(candidates.task @ layer_in_use(version).mean[:m])) for version in (before, after)]
    ids = [candidates.case_ids[i] for i in decision.drawn]
    return Lesson(tuple(zip(ids, old, new, strict=True)), (void[0], void[1]), after.version, is_trusted(after))


def _shown(decision: Decision, version: int) -> Floats:
    """phi(s, c) of what was shown; the network of another version says nothing in it."""
    pair = decision.candidates.pair[list(decision.drawn)].copy()
    if decision.version != version:
        pair[:, NETWORK] = 0.0
    return pair


def _inside(chance: float) -> float:
    return min(max(chance, 1e-6), 1 - 1e-6)
