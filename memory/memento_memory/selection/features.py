"""The features of a task, psi(s), and of a pair of task and case, phi(s, c), that the value of a case rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.selection.episodic import episodic
from memento_memory.selection.sight import Sight
from memento_memory.selection.wordsets import deciding, named, told

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature and what is believed of its weight before any outcome.

    Attributes:
        name: short and stable; stored with every version of the value model.
        more, less: what a large and a small value say, in plain words, for `explain`.
        prior_mean, prior_sd: of its weight.
    """

    name: str
    more: str
    less: str
    prior_mean: float = 0.0
    prior_sd: float = 0.15


TASK = (
    Feature("bias", "tasks like this succeed", "tasks like this fail", 0.0, 1.0),
    Feature("nearness", "the bank knows such tasks", "the bank knows no such task", 0.0, 0.3),
)
PAIR = (
    Feature("shown", "a case as such helps", "a case as such does not help", 0.0, 1.5),
    Feature("similarity", "the tasks are alike", "the tasks differ", 1.0, 0.3),
    Feature("expected", "its plan is the kind such tasks need", "its plan is not the kind such tasks need", 0.0, 0.5),
    Feature("answers", "its plan speaks of the task", "its plan speaks of something else", 0.0, 0.2),
    Feature("moved", "its plan suits this task more than its own", "its plan suits its own task more", 0.0, 0.2),
    Feature("unshared", "the task has words the case's task lacks", "the case's task has the task's words", 0.0, 0.2),
    Feature("unasked", "its task has words this one lacks", "its task asks nothing else", 0.0, 0.2),
    Feature("undecided", "deciding words of the task are not in its task", "no deciding word is new", 0.0, 0.2),
    Feature("overdecided", "its task has deciding words this one lacks", "no deciding word is left over", 0.0, 0.2),
    Feature("missing", "its plan lacks names that other plans have", "its plan has the names asked for", 0.0, 0.2),
    Feature("leftover", "its plan has names not asked for", "its plan has no names left over", 0.0, 0.2),
    Feature("covers", "its plan names what the task names", "its plan does not name what the task names", 0.0, 0.2),
    Feature("length", "the tasks differ in length", "the tasks are of a length", 0.0, 0.2),
    Feature("record", "its outcomes were good", "its outcomes were bad or weakly proven", 0.7, 0.2),
    Feature("neighbours", "it helped tasks near this one", "it failed tasks near this one", 0.7, 0.3),
    Feature("used", "it was used when shown", "it was shown and not used", 0.0, 0.2),
    Feature("steps", "its plan is long", "its plan is short", 0.0, 0.1),
    Feature("tools", "it needs tools that are not at hand", "its tools are at hand", 0.0, 0.2),
    Feature("age", "it is old", "it is recent", 0.0, 0.1),
    Feature("network", "the trained network values it", "the trained network does not", 0.0, 0.3),
)

_ONE_SUCCESS = np.log(2.0)  # log-odds of the Beta posterior of one proven success
_MONTH = 30 * 86_400.0


def task_features(sight: Sight) -> Floats:
    """psi(s), shape (m,); the first is 1."""
    top = float(sight.similarity.max(initial=sight.threshold))
    return np.array([1.0, (top - 0.8) / 0.1])


def pair_features(sight: Sight) -> Floats:
    """phi(s, c), shape (n, d), on scales where 1 is a usual difference; the last column is the network's place."""
    n = len(sight.cases)
    answers, moved, expected = _plans(sight)
    columns = [
        np.ones(n),
        (sight.similarity - sight.threshold) / 0.1,
        expected,
        answers,
        moved,
        *_wording(sight),
        *_experience(sight),
        np.array([np.log2(1 + len(case.plan.subtasks)) for case in sight.cases]) - 1,
        np.array([_missing_tools(sight, i) for i in range(n)]),
        np.array([np.log1p(max(sight.now - case.updated_at, 0) / _MONTH) if sight.now else 0 for case in sight.cases]),
        np.zeros(n),
    ]
    return np.stack(columns, axis=1)


def _plans(sight: Sight) -> tuple[Floats, Floats, Floats]:
    """What the embeddings of the plans say."""
    n = len(sight.cases)
    if sight.vector is None:
        return np.zeros(n), np.zeros(n), np.zeros(n)
    plans = sight.plan_vectors.astype(np.float64)
    asked = plans @ sight.vector
    moved = asked - (plans * sight.vectors).sum(1)
    expected = np.zeros(n)
    if sight.expected is not None:
        direction = sight.expected.plan - sight.expected.usual
        away = plans - sight.expected.usual
        scale = np.linalg.norm(away, axis=1) * np.linalg.norm(direction)
        expected = (away @ direction) / np.maximum(scale, 1e-9)
        expected = (expected - 0.6) / 0.2
    return _neutral((asked - 0.5) / 0.15), _neutral(moved / 0.1), _neutral(expected)


def _wording(sight: Sight) -> list[Floats]:
    """What the words of tasks and plans say."""
    new, decides = told(sight.task.state), deciding(sight.task.text)
    weight = {word: sight.rarity(word) + 0.1 for word in new}
    whole = max(sum(weight.values()), 1e-9)
    plans = [named(case.plan.text()) for case in sight.cases]
    sayable = frozenset().union(*plans) & new
    rows = np.zeros((len(sight.cases), 8))
    for row, case, plan in zip(rows, sight.cases, plans, strict=True):
        old, decided = told(case.task.state), deciding(case.task.text)
        fresh, gone = new - old, old - new
        row[0] = sum(weight[word] for word in fresh) / whole
        row[1] = len(gone) / max(len(old), 1)
        row[2] = len(decides - decided)
        row[3] = len(decided - decides)
        row[4] = len((fresh & sayable) - plan)
        row[5] = len(gone & plan)
        row[6] = sum(weight[word] for word in new & plan) / whole
        row[7] = abs(np.log((1 + len(sight.task.text)) / (1 + len(case.task.text))))
    scaled = (rows - np.array([0.4, 0.4, 1, 1, 1, 1, 0.3, 0.3])) / np.array([0.2, 0.2, 1, 1, 1, 1, 0.2, 0.3])
    return list(scaled.T)


def _experience(sight: Sight) -> list[Floats]:
    """What became of the case so far."""
    won = np.array([case.successes for case in sight.cases], np.float64)
    lost = np.array([case.failures for case in sight.cases], np.float64)
    shown = np.array([case.shown for case in sight.cases], np.float64)
    used = np.array([case.used for case in sight.cases], np.float64)
    record = np.log((1 + won) / (1 + lost))
    near = episodic(sight.history, won, lost).mean
    return [record - _ONE_SUCCESS, np.log(near / (1 - near)) - record, (used - 0.5 * shown) / (2 + shown)]


def _missing_tools(sight: Sight, i: int) -> float:
    if sight.tools is None:
        return 0.0
    needed = {step.tool for step in sight.cases[i].plan.subtasks if step.tool}
    return len(needed - sight.tools) / max(len(needed), 1)


def _neutral(values: Floats) -> Floats:
    return np.nan_to_num(values, nan=0.0)
