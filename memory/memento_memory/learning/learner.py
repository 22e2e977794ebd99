"""The slow learner, from the log to a judged version: read, split, train, calibrate, fit the last layer, judge, store.

The version stored is the very one that was judged, except that its last layer then learns the held-out tasks too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np

from memento_memory.dataset import Episodes, Flags, Split, split
from memento_memory.fitting import NETWORK, Fitted, fit, layer_of, put_in_force, read
from memento_memory.learning import attempts, checkpoint
from memento_memory.learning.calibration import Observed, calibrated, cross_entropy, expected_error
from memento_memory.learning.errors import NotEnoughError
from memento_memory.learning.gate import Opinion, Outcomes, Verdict, judge
from memento_memory.learning.lease import Lease, held
from memento_memory.learning.recipe import DEFAULT, Recipe
from memento_memory.selection.network import Network, readable
from memento_memory.selection.value import fresh_layer, sigmoid, similarity_layer
from memento_memory.store import versions
from memento_memory.store.database import Database
from memento_memory.store.query import fetch_one

if TYPE_CHECKING:
    from memento_memory.learning.training import Trained

Progress = Callable[[str, int, int], None]

_TASKS = 20  # with known outcomes, that is: four folds and a hold-out of fewer tell nothing
_TRIES = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run of the learner gave.

    Attributes:
        version: under which it was stored.
        promoted: whether it is in force now.
        reason: why, or why not, in one sentence.
        report: how it was trained and judged, as JSON.
    """

    version: int
    promoted: bool
    reason: str
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version before it is stored.

    Attributes:
        network: None where training found nothing that the features do not say.
        learned: row keys of the episodes it was trained on.
    """

    network: Network | None
    learned: frozenset[int]
    verdict: Verdict
    report: dict[str, Any]


def learn(
    database: Database,
    *,
    seed: int = 0,
    recipe: Recipe = DEFAULT,
    force: bool = False,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.time,
) -> Result:
    """Train a version from a bank's log and use it if it is better than what is in force.

    An interrupted run goes on where it stopped when it is started again with the same seed and recipe.

    Args:
        force: train even on fewer episodes than the recipe asks for; the gate judges all the same.
        progress: called with (what is done now, steps done, steps in all).

    Raises:
        NotEnoughError: if the log holds too few episodes.
        LearnerBusyError: if another learner is at work on the bank.
    """
    tell = progress or (lambda stage, done, total: None)
    with held(database, clock=clock) as lease:
        marker = checkpoint.of(database.path)
        tell("reading the log", 0, 1)
        with database.writing() as db:
            attempts.begin(db)
        with database.reading() as db:
            episodes = read(db, most=recipe.most, until=checkpoint.log_until(marker, clock()))
            before = versions.in_force(db)
        try:
            check(episodes, recipe, force=force)
        except NotEnoughError:
            _ended(database, marker)
            raise
        candidate = build(episodes, before, recipe, seed=seed, saved_as=marker, tell=_renewing(tell, lease))
        tell("storing", 0, 1)
        result = _store(database, lease, candidate, recipe, clock)
        _ended(database, marker)
    return result


def check(episodes: Episodes, recipe: Recipe, *, force: bool = False) -> None:
    """Make sure that there is enough to learn from.

    Raises:
        NotEnoughError: if there is not.
    """
    known = int(episodes.known.sum())
    tasks = len(np.unique(episodes.group[episodes.known]))
    if known < recipe.least and not force:
        raise NotEnoughError(
            f"not enough episodes: {known} with known outcomes, {recipe.least} needed; "
            "record more outcomes, or train all the same with --force"
        )
    if tasks < _TASKS:
        raise NotEnoughError(f"not enough tasks: outcomes of {tasks} different ones are known, {_TASKS} needed")


def build(
    episodes: Episodes,
    before: versions.Version,
    recipe: Recipe,
    *,
    seed: int = 0,
    saved_as: Path | None = None,
    tell: Progress = lambda stage, done, total: None,
) -> Candidate:
    """Train, calibrate and judge; nothing is stored."""
    from memento_memory.learning.training import train  # brings torch

    parts = split(episodes, recipe.holdout)
    tell("training", 0, recipe.epochs)
    trained = train(
        episodes,
        parts.train,
        fresh_layer(),
        recipe,
        at=NETWORK,
        seed=seed,
        saved_as=saved_as,
        tick=lambda done, total: tell("training", done, total),
    )
    tell("judging", 0, 1)
    network, calibration = _calibrated(episodes, parts.train, trained, recipe)
    verdict, figures = _judged(episodes, parts, network, before, seed)
    report = {
        "kind": "trained",
        "known": int(episodes.known.sum()),
        "tasks": len(np.unique(episodes.group[episodes.known])),
        "attempts_followed": int((episodes.known & (episodes.following >= 0)).sum()),
        "learned_from": int(parts.train.sum()),
        "judged_on": int(parts.holdout.sum()),
        "parent": before.version,
        "seed": seed,
        "recipe": asdict(recipe),
        "training": {"losses": trained.losses, "best": trained.best, "ended": trained.ended},
        "calibration": calibration,
        "gate": verdict.report(),
        "figures": figures,
    }
    return Candidate(network, frozenset(episodes.keys[parts.train].tolist()), verdict, report)


def _calibrated(
    episodes: Episodes, train: Flags, trained: Trained, recipe: Recipe
) -> tuple[Network | None, dict[str, Any]]:
    """The committee with its curve, whose values have mean 0 and standard deviation 1 over the cases shown."""
    if trained.best == 0:
        return None, {}
    raw = episodes.opinions(trained.network, NETWORK, honest=np.ones(len(train), np.bool_))
    size = len(episodes.keys)
    said = np.bincount(episodes.owner, episodes.credit * raw, size).astype(np.float64)
    asked = train & (np.bincount(episodes.owner, episodes.credit, size) > 0) & np.any(episodes.vector != 0, axis=1)
    fold = episodes.fold(recipe.members)
    observed = Observed(said, trained.offset, episodes.reward, episodes.evidence, fold).where(asked)
    curve = calibrated(observed)
    shown = (episodes.credit > 0) & asked[episodes.owner]
    values = curve(raw[shown])
    spread = float(values.std()) if len(values) else 0.0
    if spread < 1e-4:
        return None, {}
    knots = np.stack([curve.knots[0], (curve.knots[1] - values.mean()) / spread]).astype(np.float32)
    return replace(trained.network, knots=knots), {"kind": curve.kind, "losses": curve.losses, "spread": spread}


def _judged(
    episodes: Episodes, parts: Split, network: Network | None, before: versions.Version, seed: int
) -> tuple[Verdict, dict[str, Any]]:
    if network is None:
        return Verdict(False, "training found nothing that the features do not say already", {}), {}
    rivals: dict[str, Opinion] = {}
    alone = layer_of(similarity_layer(), episodes, parts.train, None)
    rivals["similarity"] = Opinion.of(episodes, parts.holdout, alone.mean, None, NETWORK)
    earlier = readable(before.network)
    rivals[f"version {before.version}"] = _opinion(episodes, parts, earlier)
    ours = _opinion(episodes, parts, network)
    here = parts.holdout
    outcomes = Outcomes(episodes.reward[here], episodes.evidence[here], episodes.group[here])
    figures = {name: _figures(opinion, outcomes) for name, opinion in {"candidate": ours, **rivals}.items()}
    return judge(ours, rivals, outcomes, seed=seed), figures


def _opinion(episodes: Episodes, parts: Split, network: Network | None) -> Opinion:
    """What a network, or the features alone, say of the held-out tasks once fitted on the others."""
    column = episodes.opinions(network, NETWORK, honest=~parts.holdout) if network else None
    layer = layer_of(fresh_layer(), episodes, parts.train, column)
    return Opinion.of(episodes, parts.holdout, layer.mean, column, NETWORK)


def _figures(opinion: Opinion, outcomes: Outcomes) -> dict[str, float]:
    loss = cross_entropy(opinion.logit, outcomes.reward)
    return {
        "log_loss": float(outcomes.weight @ loss / max(outcomes.weight.sum(), 1e-12)),
        "calibration_error": expected_error(sigmoid(opinion.logit), outcomes.reward, outcomes.weight),
    }


def _store(
    database: Database, lease: Lease, candidate: Candidate, recipe: Recipe, clock: Callable[[], float]
) -> Result:
    """Store the version with a last layer that has learned every outcome there is at that moment."""
    for _ in range(_TRIES):
        with database.reading() as db:
            state, fitted = _log_state(db), _fitted(db, candidate, recipe, clock())
        with database.writing() as db:
            lease.confirm(db)
            if _log_state(db) == state:
                return _put(db, fitted, candidate)
    with database.writing() as db:  # outcomes keep coming in: let them wait for once
        lease.confirm(db)
        return _put(db, _fitted(db, candidate, recipe, clock()), candidate)


def _fitted(db: apsw.Connection, candidate: Candidate, recipe: Recipe, now: float) -> Fitted:
    version = replace(
        versions.prior(),
        status="rejected",
        network=candidate.network.to_bytes() if candidate.network else None,
        report=candidate.report,
        created_at=now,
    )
    return fit(db, version, most=recipe.most, until=now, honest=candidate.learned)


def _put(db: apsw.Connection, fitted: Fitted, candidate: Candidate) -> Result:
    stored = versions.add(db, fitted.version)
    if candidate.verdict.promoted:
        put_in_force(db, replace(fitted, version=stored))
    _log.info("version %d: %s", stored.version, candidate.verdict.reason)
    return Result(stored.version, candidate.verdict.promoted, candidate.verdict.reason, candidate.report)


def _log_state(db: apsw.Connection) -> tuple[Any, ...] | None:
    """Changes whenever an episode or an outcome comes in."""
    sql = "SELECT count(*), max(key), max(recorded_at), total(reward) FROM episodes"
    return fetch_one(db, sql)


def _ended(database: Database, marker: Path) -> None:
    """Leave nothing to go on from."""
    with database.writing() as db:
        attempts.finish(db)
    checkpoint.remove(marker)


def _renewing(tell: Progress, lease: Lease) -> Progress:
    def both(stage: str, done: int, total: int) -> None:
        lease.renew()
        tell(stage, done, total)

    return both
