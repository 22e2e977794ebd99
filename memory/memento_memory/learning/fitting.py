"""Fitting a version's last layer to the whole log, in a way that single outcomes can be taken out of again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import apsw
import numpy as np

from memento_memory.learning.dataset import Episodes, Flags, Floats, gather, with_vectors
from memento_memory.learning.recipe import Recipe
from memento_memory.online import generation as generation
from memento_memory.selection.features import PAIR
from memento_memory.selection.lastlayer import LastLayer, Site
from memento_memory.selection.network import Network
from memento_memory.selection.value import SCHEMA, fresh_layer, sigmoid, similarity_layer
from memento_memory.store import cases, decisions, vectors, versions
from memento_memory.store.decisions import Learned
from memento_memory.store.versions import Version

NETWORK = [feature.name for feature in PAIR].index("network")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A version with its layers fitted to n outcomes.

    Attributes:
        keys: of the episodes, shape (n,).
        rows: their design rows, shape (n, m + d).
        sites: what each put into the layer.
    """

    version: Version
    keys: list[int]
    rows: Floats
    sites: list[Site]


def read(db: apsw.Connection, recipe: Recipe, *, until: float) -> Episodes:
    """The newest part of a bank's log, as it was at a time in seconds since the epoch."""
    episodes = gather(decisions.logged(db), SCHEMA, recipe.most, until=until)
    keys = cases.keys_of(db, episodes.case_ids)
    tasks, plans = vectors.pairs_of(db, [keys.get(case_id, -1) for case_id in episodes.case_ids])
    return with_vectors(episodes, tasks, plans)


def layer_of(prior: LastLayer, episodes: Episodes, chosen: Flags, column: Floats | None) -> LastLayer:
    """A last layer fitted on the chosen slates, with the network's feature where there is one."""
    rows = episodes.design(column, NETWORK)
    return prior.fitted(rows[chosen], episodes.reward[chosen], episodes.evidence[chosen])


def fit(db: apsw.Connection, version: Version, recipe: Recipe, *, until: float, honest: Collection[int]) -> Fitted:
    """The version with its layers fitted to every outcome known at a time.

    Args:
        honest: row keys of the episodes its network was trained on; there only the member speaks that left them out.
    """
    episodes = read(db, recipe, until=until)
    column = None
    if version.network is not None:
        network = Network.from_bytes(version.network)
        column = episodes.opinions(network, NETWORK, honest=np.isin(episodes.keys, list(honest)))
    known = episodes.known
    rows, reward, weight = episodes.design(column, NETWORK)[known], episodes.reward[known], episodes.evidence[known]
    layer = fresh_layer().fitted(rows, reward, weight) if len(rows) else fresh_layer()
    reference = layer_of(similarity_layer(), episodes, known, None) if len(rows) else similarity_layer()
    fitted = replace(version, layer=layer, reference=reference)
    return Fitted(fitted, episodes.keys[known].tolist(), rows, sites(layer, rows, reward, weight))


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


def put_in_force(db: apsw.Connection, fitted: Fitted, *, before: str = "retired") -> None:
    """Use a stored version from now on, and note with every episode what it put into its layer.

    Args:
        before: what becomes of the one that was in force.
    """
    versions.put_in_force(db, fitted.version.version, before=before)
    mark = generation(fitted.version)
    for key, row, site in zip(fitted.keys, fitted.rows, fitted.sites, strict=True):
        decisions.put_learned(db, key, Learned(mark, row, site))
