"""The features of a task, psi(s), and of a pair of task and case, phi(s, c), that the value of a case rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Case
from memento_memory.selection.episodic import outcomes_of_reuse
from memento_memory.selection.sight import Sight
from memento_memory.selection.wordsets import named, told

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature and what is believed of its weight before any outcome.

    Attributes:
        name: short and stable; stored with every version of the value model.
        more, less: what a larger and a smaller value than the other candidates' say, in plain words, for `explain`.
        prior_mean, prior_sd: of its weight.
    """

    name: str
    more: str
    less: str
    prior_mean: float = 0.0
    prior_sd: float = 0.15


TASK = (
    Feature("bias", "tasks like this succeed", "tasks like this fail", 0.0, 2.0),
    Feature("solved", "tasks near this one were solved", "tasks near this one failed", 0.0, 0.3),
    Feature("unsolved", "this task failed without a case", "this task never failed without a case", -1.0, 0.3),
)
PAIR = (
    Feature("shown", "cases help here", "cases do not help here", 0.0, 0.5),
    Feature("similarity", "its task is more like this one", "its task is less like this one", 0.4, 0.2),
    Feature("nearest", "a task like this one is known", "no task like this one is known", 0.0, 0.5),
    Feature(
        "expected",
        "its plan is more what such tasks need",
        "its plan is less what such tasks need",
        0.0,
        0.3,
    ),
    Feature(
        "apart",
        "of these plans, its own suits better",
        "of these plans, its own suits less",
        0.0,
        0.3,
    ),
    Feature("foreseen", "some plan is what such tasks need", "no plan is what such tasks need", 0.0, 0.5),
    Feature("missing", "its plan lacks more names asked for", "its plan has more names asked for", 0.0, 0.3),
    Feature("covers", "its plan names more of what is asked for", "its plan names less of what is asked for", 0.0, 0.1),
    Feature("moved", "its plan is nearer to this task", "its plan is nearer to its own task", 0.0, 0.1),
    Feature("unshared", "its task has fewer of the task's words", "its task has more of the task's words", 0.0, 0.1),
    Feature("unasked", "its task asks for more besides", "its task asks for less besides", 0.0, 0.1),
    Feature("length", "the tasks differ more in length", "the tasks differ less in length", 0.0, 0.1),
    Feature("record", "its own outcomes are better, or surer", "its own outcomes are worse, or less sure", 0.7, 0.2),
    Feature("helped", "it helped more when shown", "it helped less when shown", 0.0, 0.2),
    Feature(
        "neighbours",
        "it helped tasks like this more",
        "it helped tasks like this less",
        0.5,
        0.3,
    ),
    Feature("needed", "without a case this task failed", "without a case this task never failed", 0.5, 0.3),
    Feature("tried", "cases failed with this task", "no case failed with this task", -1.0, 0.3),
    Feature("used", "it was used more often when shown", "it was used less often when shown", 0.0, 0.2),
    Feature("steps", "its plan is longer", "its plan is shorter", 0.0, 0.1),
    Feature("tools", "it needs tools that are not at hand", "its tools are at hand", -1.0, 0.3),
    Feature("age", "it is older", "it is newer", 0.0, 0.1),
    Feature("network", "the trained network values it more", "the trained network values it less", 0.0, 0.3),
)

_ONE_SUCCESS = math.log(2.0)  # log-odds of the Beta posterior of one proven success
_NEIGHBOURHOOD = 0.2  # the step in similarity over which a candidate counts e times less
_SAME = 0.03  # the same for what became of a case: on real tasks a success with a task merely near says little
_UNKNOWN, _KNOWN = 0.8, 0.95  # shares of a task that the bank spans: nothing is expected, and all that can be
_NOWHERE = 1e-12  # a squared length below this is none
_MONTH = 30 * 86_400.0


def task_features(sight: Sight) -> Floats:
    """psi(s), shape (m,); the first is 1."""
    good = np.array([case.result.reward or 0.0 for case in sight.cases], np.float64)
    return np.array([1.0, float(_nearness(sight) @ (good - 1)), math.log1p(sight.failed_alone)])


def pair_features(sight: Sight) -> Floats:
    """phi(s, c), shape (n, d), on scales where 1 is a usual difference; the last column is the network's place."""
    n = len(sight.cases)
    if n == 0:
        return np.zeros((0, len(PAIR)))
    similarity = (sight.similarity - sight.threshold) / 0.1
    expected, apart, moved = _plans(sight)
    missing, covers, unshared, unasked, length = _wording(sight)
    helped, neighbours = outcomes_of_reuse(sight.history, n, bandwidth=_SAME)
    record, used, steps, tools, age = _standing(sight)
    columns = {
        "shown": 1.0,
        "similarity": similarity,
        "nearest": similarity.max() - 3,
        "expected": expected,
        "apart": apart,
        "foreseen": expected.max(),
        "missing": missing,
        "covers": covers,
        "moved": moved,
        "unshared": unshared,
        "unasked": unasked,
        "length": length,
        "record": record,
        "helped": helped,
        "neighbours": neighbours,
        "needed": math.log1p(sight.failed_alone),
        "tried": math.log1p(sight.failed_shown),
        "used": used,
        "steps": steps,
        "tools": tools,
        "age": age,
        "network": 0.0,
    }
    found = np.empty((n, len(PAIR)))
    for place, feature in enumerate(PAIR):
        found[:, place] = columns[feature.name]
    return found


def _nearness(sight: Sight) -> Floats:
    """Shares of the candidates in the neighbourhood of the task, which fall with similarity, shape (n,)."""
    mass = np.exp((sight.similarity - sight.similarity.max(initial=0.0)) / _NEIGHBOURHOOD)
    return np.asarray(mass / max(float(mass.sum()), 1.0))


def _plans(sight: Sight) -> tuple[Floats, Floats, Floats]:
    """What the embeddings of the plans say: whether a plan is what is expected, seen from the mean of all plans and
    seen from the mean of the plans at hand, and whether it is nearer to this task than to its own."""
    n = len(sight.cases)
    plans = sight.plan_vectors.astype(np.float64)
    sizes = _products(plans, plans)
    known = np.isfinite(sizes)
    nothing = np.zeros(n)
    if sight.vector is None or not known.any():
        return nothing, nothing, nothing
    if not known.all():
        plans[~known], sizes[~known] = 0.0, 0.0
    vector, vectors = sight.vector.astype(np.float64), sight.vectors.astype(np.float64)
    nearer = plans @ vector - _products(plans, vectors)
    moved = np.where(known & np.isfinite(nearer), (nearer + 0.1) / 0.1, 0.0)
    if sight.expected is None:
        return nothing, nothing, moved
    share = np.where(known, _nearness(sight), 0.0)
    expected = _alike(plans, sizes, sight.expected.plan, sight.expected.usual)
    apart = _alike(plans, sizes, sight.expected.plan, (share / share.sum()) @ plans)
    # Of kinds of task that are new to the bank, the expectation says nothing; on real tasks it did harm there.
    sure = known * min(max((sight.expected.known - _UNKNOWN) / (_KNOWN - _UNKNOWN), 0.0), 1.0)
    return sure * (expected - 0.6) / 0.2, sure * apart / 0.3, moved


def _alike(plans: Floats, sizes: Floats, wanted: Floats, centre: Floats) -> Floats:
    """Cosine of each plan and the wanted one, seen from a centre; shape (n,), 0 where one of them is the centre.

    Args:
        sizes: squares of the lengths of the plans, shape (n,).
    """
    direction = wanted - centre
    away = sizes - 2 * (plans @ centre) + float(centre @ centre)  # squared distances, without a difference of matrices
    scale = away * float(direction @ direction)
    along = plans @ direction - float(centre @ direction)
    return np.where(scale > _NOWHERE, along / np.sqrt(np.maximum(scale, _NOWHERE)), 0.0)


def _products(a: Floats, b: Floats) -> Floats:
    """Scalar product of each row of one matrix with that of the other, shape (n,)."""
    return np.asarray(np.einsum("ij,ij->i", a, b))


def _wording(sight: Sight) -> tuple[Floats, ...]:
    """What the words of tasks and plans say, five columns of shape (n,)."""
    asked = sorted(told(sight.task))
    n = len(sight.cases)
    olds = [told(case.task) for case in sight.cases]
    found = _has([*olds, *(named(case.plan) for case in sight.cases)], asked)
    absent, in_plan = 1 - found[:, :n], found[:, n:]
    weight = np.array([sight.rarity(word) for word in asked], np.float64) + 0.1
    weight /= max(float(weight.sum()), 1e-9)
    old_words = np.array([len(old) or 1 for old in olds], np.float64)
    sizes = np.array([len(case.task.text) for case in sight.cases], np.float64)
    return (
        in_plan.any(axis=1) @ (absent * (1 - in_plan)) - 1,
        (weight @ in_plan) / 0.2 - 1.5,
        (weight @ absent) / 0.2 - 2,
        (1 - found[:, :n].sum(0) / old_words) / 0.2 - 2,
        np.abs(np.log((1 + sizes) / (1 + len(sight.task.text)))) / 0.3 - 1,
    )


def _has(sets: Sequence[frozenset[str]], asked: Sequence[str]) -> Floats:
    """1 where a set has the word, shape (words, sets)."""
    flags = b"".join([bytes([word in has for has in sets]) for word in asked])
    return np.frombuffer(flags, np.uint8).reshape(len(asked), len(sets)).astype(np.float64)


def _standing(sight: Sight) -> Floats:
    """What is known of a case whatever the task, shape (5, n): its own outcomes, use, steps, tools and age."""
    rows = [
        (
            math.log((1 + case.decay * case.successes) / (1 + case.decay * case.failures)) - _ONE_SUCCESS,
            (case.used - 0.5 * case.shown) / (2 + case.shown),
            math.log2(1 + len(case.plan.subtasks)) - 1,
            _missing_tools(sight.tools, case) if sight.tools is not None else 0.0,
            math.log1p(_age(sight, case) / _MONTH),
        )
        for case in sight.cases
    ]
    return np.array(rows, np.float64).T


def _missing_tools(at_hand: frozenset[str], case: Case) -> float:
    needed = {step.tool for step in case.plan.subtasks if step.tool}
    return len(needed - at_hand) / len(needed) if needed else 0.0


def _age(sight: Sight, case: Case) -> float:
    return max(sight.now - case.updated_at, 0.0) if sight.now and case.updated_at else 0.0
