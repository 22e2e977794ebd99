"""From scored candidates to the slate that is shown: quotas, repeats, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Case, Outcome, Shown, Slate, Task
from memento_memory.selection.policy import greedy, logits
from memento_memory.selection.prior import log_prior
from memento_memory.selection.value import NO_MEMORY, ValueModel
from memento_memory.text import normalised

_ALTERNATIVES = 2  # plans shown for one and the same task
_FIRST = 1e3  # lifts the very task above all others, whatever its score


def choose(
    task: Task,
    candidates: Sequence[Case],
    similarity: NDArray[np.float64],
    *,
    k: int,
    threshold: float,
    value_model: ValueModel,
    ranking: str = "hybrid",
    admits: Callable[[Case], bool] = lambda _: True,
) -> Slate:
    """Pick at most k cases that are worth more than showing none, examples to follow before warnings.

    A case must beat the void case: its prior weight times exp(Q / alpha) must exceed the void's. Failures compete
    among themselves by similarity alone, for they are shown as warnings and a low Q is what makes them that. At most
    one case in four is a failure while there are other cases to show. A plan that failed on this very task is
    never offered as an example to follow, plans that differ only in form are shown once, and of one task at most two
    plans.

    Args:
        similarity: fused similarity of each candidate, in [0, 1], shape (n,).
        threshold: the similarity at which a case is as good as none.
        admits: whether a case may be shown; the others still tell what failed on this very task.
    """
    if not candidates:
        return Slate(ranking=ranking)
    values = value_model.values(task, candidates, similarity)
    prior, void = log_prior(similarity, threshold=threshold)
    failed = np.array([case.result.outcome is Outcome.FAILURE for case in candidates])
    scores = np.where(failed, prior, logits(prior, values))
    void_scores = np.where(failed, void, logits(np.array([void]), np.array([NO_MEMORY]))[0])
    own = (normalised(task.text), normalised(task.context))
    repeats = [(normalised(c.task.text), normalised(c.task.context)) == own for c in candidates]
    failed_here = frozenset(
        c.plan.skeleton for c, again, bad in zip(candidates, repeats, failed, strict=True) if again and bad
    )

    order = greedy(scores + np.array(repeats) * _FIRST)
    useful = [i for i in order if admits(candidates[i]) and (repeats[i] or scores[i] > void_scores[i])]
    examples, warnings = _sorted_out(candidates, useful, failed_here)
    shown = _within_quotas(examples, warnings, k, own_failure=bool(warnings) and repeats[warnings[0]])
    entries = [
        Shown(candidates[i], float(similarity[i]), float(values[i]), propensity=0.0, repeat=repeats[i]) for i in shown
    ]
    return Slate(tuple(entries), float(np.exp(void)), "greedy", ranking, failed_here)


def _sorted_out(
    candidates: Sequence[Case], useful: Sequence[int], failed_here: frozenset[str]
) -> tuple[list[int], list[int]]:
    """Examples to follow and failures to avoid, without plans and tasks that would only repeat what is there."""
    examples: list[int] = []
    warnings: list[int] = []
    seen: set[str] = set()
    alternatives: Counter[tuple[str, str, Outcome]] = Counter()
    for i in useful:
        case = candidates[i]
        outcome, skeleton = case.result.outcome, case.plan.skeleton
        is_failure = outcome is Outcome.FAILURE
        if outcome is Outcome.UNKNOWN or skeleton in seen or (not is_failure and skeleton in failed_here):
            continue
        same_task = (normalised(case.task.text), normalised(case.task.context), outcome)
        if alternatives[same_task] == _ALTERNATIVES:
            continue
        alternatives[same_task] += 1
        seen.add(skeleton)
        (warnings if is_failure else examples).append(i)
    return examples, warnings


def _within_quotas(examples: list[int], warnings: list[int], k: int, *, own_failure: bool) -> list[int]:
    """One warning in four, more where examples leave room, and always that of a failure of this very task."""
    room = min(max(k // 4, k - len(examples), own_failure and k > 1), (k + 1) // 2)
    bad = warnings[:room]
    return examples[: k - len(bad)] + bad
