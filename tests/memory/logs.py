"""Simulated logs in which the truth is known: whether a case helps is decided by its plan, not by its task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Episode, Evidence, Outcome, Result, Slate, Task
from memento_memory.dataset import Episodes, gather, with_vectors
from memento_memory.decision import Arm, Candidates, Decision
from memento_memory.embedding import ModelInfo
from memento_memory.selection.features import PAIR, TASK
from memento_memory.selection.value import SCHEMA
from memento_memory.store import cases, episodes, vectors
from memento_memory.store.database import Database
from memento_memory.store.decisions import Logged
from memory.making import case
from memory.worlds import sigmoid

Singles = NDArray[np.float32]

D, M = len(PAIR), len(TASK)
SIMILARITY = [feature.name for feature in PAIR].index("similarity")
SHOWN = [feature.name for feature in PAIR].index("shown")
CANDIDATES, THRESHOLD = 8, 0.7
TOPICS = 6


def entry(
    key: int,
    task: str,
    reward: float | None,
    *,
    shown: Sequence[int] = (0,),
    similarity: Sequence[float] = (0.8, 0.75, 0.7),
    pair: NDArray[np.float64] | None = None,
    vector: Singles | None = None,
    case_ids: Sequence[str] | None = None,
    used: Sequence[bool | None] | None = None,
    evidence: str = "test_passed",
    previous: int | None = None,
    schema: str = SCHEMA,
) -> Logged:
    """An episode in which the outcome, if any, was recorded one second later."""
    n = len(similarity)
    features = np.zeros((n, D)) if pair is None else pair
    if pair is None:
        features[:, SHOWN], features[:, SIMILARITY] = 1.0, (np.array(similarity) - THRESHOLD) / 0.1
    ids = tuple(case_ids) if case_ids is not None else tuple(f"case-{i}" for i in range(n))
    groups, psi = np.arange(n), np.eye(M)[0]
    candidates = Candidates(
        schema, ids, np.array(similarity, float), np.full(n, 0.5), groups, groups, features, psi, np.zeros(M + D)
    )
    place = np.zeros(4, np.float32) if vector is None else vector
    slate = tuple(shown)
    decision = Decision(0, Arm.GREEDY, 4, 0.1, 0.0, 0.0, 0.0, THRESHOLD, 0.5, slate, slate, 0, candidates, place)
    result = None
    if reward is not None:
        outcome = Outcome.SUCCESS if reward >= 0.5 else Outcome.FAILURE
        result = Result.graded(outcome, reward, Evidence(evidence))
    said = tuple(used) if used is not None else (None,) * len(shown)
    recorded = None if result is None else key + 1.0
    return Logged(key, f"p{key}", "default", Task(task), decision, result, said, previous, float(key), recorded)


@dataclass(frozen=True)
class Simulated:
    """A log with the vectors of its cases' tasks and plans, by case id."""

    entries: list[Logged]
    vectors: dict[str, tuple[Singles, Singles]]

    @property
    def episodes(self) -> Episodes:
        return seen(self.entries, self.vectors)


def seen(entries: Sequence[Logged], vectors: dict[str, tuple[Singles, Singles]]) -> Episodes:
    """What the learner makes of a log."""
    episodes = gather(entries, SCHEMA, 100_000)
    both = [np.stack([vectors[case_id][side] for case_id in episodes.case_ids]) for side in (0, 1)]
    return with_vectors(episodes, both[0], both[1])


def simulated(n: int, strength: float, *, seed: int = 0, e: int = 24, bank: int = 200, per_task: int = 3) -> Simulated:
    """A log of n episodes whose policy showed the most similar case.

    A case helps by `strength` (in logits) where the topic of its plan is the task's; similarity only sees whether the
    topic of its task is. Topics show in the embeddings, with noise.
    """
    rng = np.random.default_rng(seed)
    centres = 2 * rng.standard_normal((TOPICS, e))

    def embedded(topics: NDArray[np.int64]) -> Singles:
        raw = centres[topics] + rng.standard_normal((len(topics), e))
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)

    topic, plan_topic = rng.integers(TOPICS, size=bank), rng.integers(TOPICS, size=bank)
    of_tasks, of_plans = embedded(topic), embedded(plan_topic)
    tasks = n // per_task
    task_topic = rng.integers(TOPICS, size=tasks)
    of_asked = embedded(task_topic)
    entries = []
    for key in range(1, n + 1):
        task = int(rng.integers(tasks))
        some = rng.choice(bank, CANDIDATES, replace=False)
        similarity = 0.5 + 0.5 * (of_tasks[some] @ of_asked[task]).astype(np.float64).clip(-1, 1)
        best = int(np.argmax(similarity))
        helps = plan_topic[some[best]] == task_topic[task]
        chance = sigmoid(np.array(strength * (float(helps) - 0.5)))
        reward = float(rng.random() < chance)
        ids = [f"case-{i}" for i in some]
        made = entry(key, f"task {task}", reward, shown=(best,), similarity=similarity.tolist(), case_ids=ids)
        entries.append(replace(made, decision=replace(made.decision, vector=of_asked[task])))
    return Simulated(entries, {f"case-{i}": (of_tasks[i], of_plans[i]) for i in range(bank)})


def fill(bank: Path, log: Simulated, model: ModelInfo | None = None) -> None:
    """Write a log into a bank file as servers would have, with the vectors of its cases.

    Args:
        model: that the vectors are said to be of, for servers that load it; it has their dimension.
    """
    e = len(next(iter(log.vectors.values()))[0])
    database = Database(bank)
    with database.writing() as db:
        vectors.bind(db, model or ModelInfo("simulated", e, "0" * 64))
        for case_id, (of_task, of_plan) in log.vectors.items():
            key = cases.insert(db, case(case_id, f"the task of {case_id}", f"the plan of {case_id}"))
            vectors.put(db, key, of_task, of_plan)
        keys: dict[int, str] = {}
        for entry in log.entries:
            name = f"episode-{entry.key}"
            previous = keys.get(entry.previous or 0, "")
            slate = Slate(decision=entry.decision)
            opened = Episode(name, "default", entry.task, slate, previous=previous, created_at=entry.created_at)
            keys[entry.key] = name
            key = episodes.insert(db, opened, [])
            if entry.outcome is not None:
                ended = replace(opened, result=entry.outcome, recorded_at=entry.recorded_at)
                episodes.set_outcome(db, key, ended, None)
    database.close()
