"""Short ways to choose slates without a bank."""

from __future__ import annotations

import numpy as np

from memento_memory.case import Slate, Task
from memento_memory.selection.episodic import History
from memento_memory.selection.policy import Policy
from memento_memory.selection.sight import Sight
from memento_memory.selection.slate import Chooser, choose
from memento_memory.selection.value import QFunction, Values, fresh_layer, sigmoid

THRESHOLD = 0.45
NO_HISTORY = History(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))


def sight(task: Task, cases, similarity=0.8, threshold: float = THRESHOLD, **others) -> Sight:
    """A task and candidates of which nothing is known but their similarity."""
    scores = np.broadcast_to(np.asarray(similarity, float), len(cases)).copy()
    nothing = np.full((len(cases), 0), np.nan, np.float32)
    known = {
        "cosine": scores,
        "vector": None,
        "vectors": nothing,
        "plan_vectors": nothing,
        "expected": None,
        "history": NO_HISTORY,
        "rarity": lambda _: 1.0,
    }
    return Sight(task, list(cases), scores, threshold, **{**known, **others})


def chooser(policy: Policy | None = None, seed: int = 0, layer=None) -> Chooser:
    return Chooser(QFunction(0, layer or fresh_layer()), policy or Policy(), np.random.default_rng(seed))


def slate_of(
    task: Task, cases, similarity=0.8, *, k: int = 4, threshold: float = THRESHOLD, by=None, **others
) -> Slate:
    return choose(sight(task, cases, similarity, threshold), by or chooser(), k=k, **others)


def values_of(advantage, *, void: float = 0.0, doubt=None) -> Values:
    """Values of cases with these advantages, on a task whose logit without any is `void`."""
    advantage = np.asarray(advantage, float)
    doubt = np.zeros(len(advantage)) if doubt is None else doubt
    mean = sigmoid(void + advantage)
    none = np.empty((len(advantage), 0))
    chance = float(sigmoid(np.array(void)))
    return Values(mean, mean, mean, advantage, doubt, advantage, chance, none, np.empty(0), np.empty(0))
