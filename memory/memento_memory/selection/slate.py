"""From candidates to the slate that is shown: examples to follow by the policy, and failures as warnings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Case, Outcome, Shown, Slate
from memento_memory.decision import Arm, Candidates, Decision
from memento_memory.selection.policy import Choice, Policy, Pool, choose_examples, greedy, numbered
from memento_memory.selection.prior import log_prior
from memento_memory.selection.sight import Sight
from memento_memory.selection.value import SCHEMA, QFunction, Values, contributions
from memento_memory.text import normalised

Floats = NDArray[np.float64]

_PLANS_OF_ONE_TASK = 2
_REASONS = 3
_DIGITS = 6  # below these, processes that came by different ways may differ


@dataclass(frozen=True, slots=True)
class Chooser:
    """How slates are chosen: the value model in force, the policy and its source of chance."""

    q: QFunction
    policy: Policy
    rng: np.random.Generator


def choose(
    sight: Sight,
    chooser: Chooser,
    *,
    k: int,
    ranking: str = "hybrid",
    admits: Callable[[Case], bool] = lambda _: True,
) -> Slate:
    """Pick at most k cases that are worth more than showing none, examples to follow before warnings.

    Examples are chosen by the policy. Failures compete among themselves by similarity alone, for they are shown as
    warnings and a low value is what makes them that; at most one case in four is a failure while there are other
    cases to show. What succeeded on this very task comes first. A plan that failed on this very task is never offered
    as an example to follow, plans that differ only in form are shown once, and of one task at most two plans.

    Args:
        admits: whether a case may be shown; the others still tell what failed on this very task.
    """
    cases, values = sight.cases, chooser.q.values(sight)
    repeats = np.array([case.task.is_same_as(sight.task) for case in cases], np.bool_)
    outcomes, plans = [case.result.outcome for case in cases], [case.plan.skeleton for case in cases]
    failed_here = frozenset(
        plan for plan, again, o in zip(plans, repeats, outcomes, strict=True) if again and o is Outcome.FAILURE
    )
    examples = [
        i
        for i, case in enumerate(cases)
        if outcomes[i] is Outcome.SUCCESS and plans[i] not in failed_here and admits(case)
    ]
    pool = _pool(sight, examples, [plans[i] for i in examples], repeats, values)
    at_best = len(pool.forced) + len(greedy(_of(values, examples), k, pool.allows, chooser.policy.caution))
    followed = {plans[i] for i in examples}
    warnings = _warnings(sight, repeats, k, at_best, lambda case: admits(case) and case.plan.skeleton not in followed)
    room = k - len(warnings)
    pool = replace(pool, forced=pool.forced[:room])
    choice = choose_examples(
        pool,
        _of(values, examples),
        room,
        policy=chooser.policy,
        threshold=sight.threshold,
        q=chooser.q,
        rng=chooser.rng,
        warned=bool(warnings),
    )
    held_out = choice.arm is Arm.HELD_OUT
    shown = [examples[i] for i in choice.drawn] + ([] if held_out else warnings)
    return Slate(
        tuple(_shown(sight, values, i, bool(repeats[i]), examples) for i in shown),
        float(np.exp(log_prior(sight.similarity, threshold=sight.threshold)[1])),
        "held out" if held_out else chooser.policy.label,
        ranking,
        failed_here,
        values.void,
        _decision(sight, values, examples, pool, choice, chooser, room),
    )


def browse(sight: Sight, chooser: Chooser, *, ranking: str) -> Slate:
    """All the candidates in their order, with their values but without quotas or the void case."""
    values = chooser.q.values(sight)
    everything = range(len(sight.cases))
    shown = (
        _shown(sight, values, i, case.task.is_same_as(sight.task), everything) for i, case in enumerate(sight.cases)
    )
    return Slate(tuple(shown), 0.0, "browse", ranking, void_value=values.void)


def _pool(
    sight: Sight, examples: Sequence[int], skeletons: Sequence[str], repeats: NDArray[np.bool_], values: Values
) -> Pool:
    """The examples with what may not be shown together; what worked on this very task, and still can, is forced."""
    cases = [sight.cases[i] for i in examples]
    similarity = sight.similarity[list(examples)]
    plans = numbered(skeletons)
    tasks = numbered([(normalised(case.task.bare.text), normalised(case.task.context)) for case in cases])
    free = Pool(similarity, plans, tasks)
    again = [n for n, i in enumerate(examples) if repeats[i] and _can_be_done(sight, sight.cases[i])]
    forced: list[int] = []
    for n in sorted(again, key=lambda n: -values.mean[examples[n]]):
        if free.allows(forced, n):
            forced.append(n)
    return Pool(similarity, plans, tasks, tuple(forced))


def _can_be_done(sight: Sight, case: Case) -> bool:
    return sight.tools is None or all(step.tool in sight.tools for step in case.plan.subtasks if step.tool)


def _warnings(
    sight: Sight, repeats: NDArray[np.bool_], k: int, examples: int, admits: Callable[[Case], bool]
) -> list[int]:
    """One warning in four, more where examples leave room, and always that of a failure of this very task."""
    similar_enough = (sight.similarity > sight.threshold) | repeats
    order = np.argsort(-(sight.similarity + repeats), kind="stable").tolist()
    seen: set[str] = set()
    found: list[int] = []
    of_task: dict[tuple[str, str], int] = {}
    for i in order:
        case = sight.cases[i]
        task = (normalised(case.task.bare.text), normalised(case.task.context))
        if case.result.outcome is not Outcome.FAILURE or not similar_enough[i] or not admits(case):
            continue
        if case.plan.skeleton in seen or of_task.get(task, 0) == _PLANS_OF_ONE_TASK:
            continue
        seen.add(case.plan.skeleton)
        of_task[task] = of_task.get(task, 0) + 1
        found.append(i)
    own = bool(found) and bool(repeats[found[0]])
    room = min(max(k // 4, k - examples, own and k > 1), (k + 1) // 2)
    return found[:room]


def _shown(sight: Sight, values: Values, i: int, repeat: bool, rivals: Sequence[int]) -> Shown:
    """A case of the slate; what ranked it is told beside its rivals, and a warning has none."""
    found = contributions(values.pair[list(rivals)], values.weights, rivals.index(i)) if i in rivals else []
    return Shown(
        sight.cases[i],
        float(sight.similarity[i]),
        round(float(values.mean[i]), _DIGITS),
        round(float(values.low[i]), _DIGITS),
        round(float(values.high[i]), _DIGITS),
        tuple((words, round(by, 3)) for words, by in found[:_REASONS]),
        repeat,
    )


def _of(values: Values, rows: Sequence[int]) -> Values:
    """The values of some of the candidates."""
    at = list(rows)
    return Values(
        values.mean[at],
        values.low[at],
        values.high[at],
        values.advantage[at],
        values.doubt[at],
        values.at_first[at],
        values.void,
        values.pair[at],
        values.task,
        values.weights,
    )


def _decision(
    sight: Sight,
    values: Values,
    examples: Sequence[int],
    pool: Pool,
    choice: Choice,
    chooser: Chooser,
    room: int,
) -> Decision:
    at, policy = list(examples), chooser.policy
    return Decision(
        chooser.q.version,
        choice.arm,
        room,
        policy.alpha,
        policy.drawn_share,
        policy.holdout,
        choice.log_propensity,
        sight.threshold,
        values.void,
        choice.drawn,
        choice.best,
        0 if choice.arm is Arm.HELD_OUT else len(pool.forced),
        Candidates(
            SCHEMA,
            tuple(sight.cases[i].id for i in at),
            pool.similarity,
            values.mean[at],
            pool.plan_group,
            pool.task_group,
            values.pair[at],
            values.task,
            values.weights,
        ),
        np.empty(0, np.float32) if sight.vector is None else sight.vector,
    )
