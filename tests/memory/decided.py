"""Simulated logs of decisions in a world whose truth is known, chosen by the product's own policies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Evidence, Outcome, Result, Task
from memento_memory.decision import Candidates, Decision
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.plackett_luce import log_probability
from memento_memory.selection.policy import Policy, Pool, choose_examples, softmax_logits
from memento_memory.selection.value import QFunction, Values, sigmoid
from memento_memory.store.decisions import Logged

Floats = NDArray[np.float64]
THRESHOLD, CASES, K, SCHEMA = 0.6, 4, 2, "bias here similarity hint network"


@dataclass(frozen=True)
class State:
    """One kind of task with its candidates.

    Attributes:
        chance: logit of success without memory; `advantage`: what each case adds to it.
        values: what was learned of it: the truth, blurred.
    """

    chance: float
    advantage: Floats
    pool: Pool
    values: Values

    def worth(self, slate: tuple[int, ...]) -> float:
        return float(sigmoid(np.array(self.chance + (self.advantage[list(slate)].mean() if slate else 0.0))))


def states(count: int = 40, seed: int = 0) -> list[State]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        similarity = np.sort(rng.uniform(0.5, 0.9, CASES))[::-1]
        advantage = 2 * (similarity - THRESHOLD) + rng.normal(0.4, 1.2, CASES)
        chance = float(rng.normal(-0.5, 0.8))
        guess = sigmoid(chance + advantage + rng.normal(0, 0.5, CASES))
        pair = np.stack([np.ones(CASES), (similarity - 0.6) * 10, advantage + rng.normal(0, 1, CASES)], axis=1)
        pair = np.concatenate([pair, np.full((CASES, 1), 0.7)], axis=1)
        void = float(sigmoid(np.array(chance)))
        learned = np.log(guess / (1 - guess)) - chance
        none = np.zeros(CASES)
        values = Values(
            mean=guess,
            low=guess,
            high=guess,
            advantage=learned,
            doubt=none,
            at_first=none,
            void=void,
            pair=pair,
            task=np.ones(1),
            weights=np.zeros(5),
        )
        groups = rng.integers(0, 4, CASES), rng.integers(0, 3, CASES)
        made.append(State(chance, advantage, Pool(similarity, *groups), values))
    return made


def log(world: list[State], policy: Policy, episodes: int, seed: int = 0) -> list[Logged]:
    """Episodes of tasks that come up once or twice each."""
    rng = np.random.default_rng(seed)
    tasks = [key - key % 2 * (key % 3 == 0) for key in range(episodes)]
    return [
        _logged(world[rng.integers(len(world))], policy, key, f"task {task}", rng) for key, task in enumerate(tasks)
    ]


def _logged(state: State, policy: Policy, key: int, task: str, rng: np.random.Generator) -> Logged:
    q = QFunction(0, LastLayer.fresh(np.zeros(5), np.ones(5)))
    choice = choose_examples(state.pool, state.values, K, policy=policy, threshold=THRESHOLD, q=q, rng=rng)
    v, pool = state.values, state.pool
    candidates = Candidates(
        SCHEMA,
        tuple(f"c{key}-{i}" for i in range(CASES)),
        *(pool.similarity, v.mean, pool.plan_group, pool.task_group, v.pair, v.task, v.weights),
    )
    decision = Decision(
        0,
        choice.arm,
        K,
        *(policy.alpha, policy.drawn_share, policy.holdout, choice.log_propensity, THRESHOLD, v.void),
        choice.drawn,
        choice.best,
        0,
        Candidates.from_bytes(candidates.to_bytes()),
        np.empty(0, np.float32),
    )
    success = rng.random() < state.worth(choice.drawn)
    result = Result.graded(Outcome.SUCCESS if success else Outcome.FAILURE, None, Evidence.TEST_PASSED)
    used = tuple(None for _ in choice.drawn)
    return Logged(key, f"p{key}", "default", Task(task), decision, result, used, None, float(key), float(key))


def without_outcome(logged: Logged) -> Logged:
    return replace(logged, outcome=None, recorded_at=None)


def best(state: State, values: Floats, void: float) -> tuple[int, ...]:
    """Greedy selection, spelled out once more."""
    shown: list[int] = []
    for i in sorted(range(CASES), key=lambda i: -values[i]):
        if len(shown) < K and values[i] > void and state.pool.allows(shown, i):
            shown.append(i)
    return tuple(shown)


def worth_of_best(world: list[State], by: str) -> float:
    found = []
    for state in world:
        if by == "similarity":
            found.append(state.worth(best(state, state.pool.similarity, THRESHOLD)))
        else:
            found.append(state.worth(best(state, state.values.mean, state.values.void)))
    return float(np.mean(found))


def worth_of_softmax(world: list[State], alpha: float) -> float:
    """By enumeration of all slates."""
    slates = [slate for size in range(K + 1) for slate in permutations(range(CASES), size)]
    total = 0.0
    for state in world:
        values = state.values
        logits, void = softmax_logits(state.pool.similarity, THRESHOLD, values.mean, values.void, alpha)
        for slate in slates:
            total += np.exp(log_probability(logits, void, slate, K, state.pool.allows)) * state.worth(slate)
    return total / len(world)


def worth_of_none(world: list[State]) -> float:
    return float(np.mean([state.worth(()) for state in world]))
