"""Fitting a version's last layer to the whole log, in a way that single outcomes can be taken out of again."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import apsw
import numpy as np

from memento_memory.dataset import Episodes, Flags, Floats, gather, with_vectors
from memento_memory.selection.features import PAIR
from memento_memory.selection.lastlayer import LastLayer, Site
from memento_memory.selection.network import readable
from memento_memory.selection.value import SCHEMA, fresh_layer, sigmoid, similarity_layer
from memento_memory.store import cases, decisions, meta, vectors, versions
from memento_memory.store.decisions import Learned
from memento_memory.store.versions import Version

NETWORK = [feature.name for feature in PAIR].index("network")
MOST = 20_000  # episodes, the newest, that are fitted to


@dataclass(frozen=True, slots=True)
class Fitted:
    """A version with its layers fitted to n outcomes.

    Attributes:
        keys: of the episodes, shape (n,).
        rows: their design rows, shape (n, m + d).
        sites: what each put into the layer, and into the reference.
    """

    version: Version
    keys: list[int]
    rows: Floats
    sites: list[tuple[Site, Site]]


def read(db: apsw.Connection, *, most: int = MOST, until: float = math.inf) -> Episodes:
    """The newest part of a bank's log, as it was at a time in seconds since the epoch."""
    dimension = int(meta.get(db, "dimension") or 0)
    log = decisions.logged(db, newest=most, until=until)
    episodes = gather(log, SCHEMA, most, until=until, dimension=dimension)
    keys = cases.keys_of(db, episodes.case_ids)
    tasks, plans = vectors.pairs_of(db, [keys.get(case_id, -1) for case_id in episodes.case_ids])
    return with_vectors(episodes, tasks, plans)


def layer_of(prior: LastLayer, episodes: Episodes, chosen: Flags, column: Floats | None) -> LastLayer:
    """A last layer fitted on the chosen slates, with the network's feature where there is one."""
    rows = episodes.design(column, NETWORK)
    return prior.fitted(rows[chosen], episodes.reward[chosen], episodes.evidence[chosen])


def fit(
    db: apsw.Connection,
    version: Version,
    *,
    most: int = MOST,
    until: float = math.inf,
    honest: Collection[int] | None = None,
) -> Fitted:
    """The version with its layers fitted to every outcome known at a time.

    Args:
        honest: row keys of the episodes its network was trained on; there only the member speaks that left them out.
            Where none are given, any may be among them.
    """
    episodes = read(db, most=most, until=until)
    column = None
    if (network := readable(version.network)) is not None:
        alone = np.ones(len(episodes.keys), np.bool_) if honest is None else np.isin(episodes.keys, list(honest))
        column = episodes.opinions(network, NETWORK, honest=alone)
    known = episodes.known
    rows, reward, weight = episodes.design(column, NETWORK)[known], episodes.reward[known], episodes.evidence[known]
    layer = fresh_layer().fitted(rows, reward, weight) if len(rows) else fresh_layer()
    reference = layer_of(similarity_layer(), episodes, known, None) if len(rows) else similarity_layer()
    fitted = replace(version, layer=layer, reference=reference)
    put_in = [sites(each, rows, reward, weight) for each in (layer, reference)]
    return Fitted(fitted, episodes.keys[known].tolist(), rows, list(zip(*put_in, strict=True)))


def refitted(db: apsw.Connection, version: Version) -> Version:
    """A stored version with its layers fitted anew to the whole log, and written down with what each outcome put in."""
    watch = {**version.watch, "refits": version.watch.get("refits", 0) + 1}
    fitted = fit(db, replace(version, watch=watch))
    _note(db, fitted)
    versions.update(db, fitted.version)
    return fitted.version


def sites(layer: LastLayer, rows: Floats, reward: Floats, weight: Floats) -> list[Site]:
    """What each outcome put into a fitted layer, so that `LastLayer.without` takes it out again.

    At the maximum of the posterior, with the curvature there, the Gaussian is the prior times one factor an outcome:
    of strength w p (1 - p), and shifted so that its slope is that of the outcome's log-likelihood.
    """
    logit = rows @ layer.mean
    chance = sigmoid(logit)
    strength = weight * chance * (1 - chance)
    shift = strength * logit - weight * (chance - reward)
    return [Site(float(a), float(b)) for a, b in zip(strength, shift, strict=True)]


def put_in_force(db: apsw.Connection, fitted: Fitted) -> None:
    """Use a stored version from now on, and note with every episode what it put into its layer."""
    versions.put_in_force(db, fitted.version.version)
    _note(db, fitted)


def generation(version: Version) -> int:
    """Names the version and the fit its outcomes were learned into."""
    return version.version * 1000 + int(version.watch.get("refits", 0)) % 1000


def _note(db: apsw.Connection, fitted: Fitted) -> None:
    """What each outcome put into the layer; an outcome that is not in the fit put nothing."""
    decisions.forget_learned(db)
    mark = generation(fitted.version)
    for key, row, (site, reference) in zip(fitted.keys, fitted.rows, fitted.sites, strict=True):
        decisions.put_learned(db, key, Learned(mark, row, site, reference))
