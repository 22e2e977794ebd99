"""What off-policy evaluation found, in words: does memory help, which policy is better, and what is missing to tell."""

from __future__ import annotations

import math

from memento_memory.learning.offpolicy import Answer, Findings
from memento_memory.selection.evaluation import Estimate, Evaluation
from memento_memory.selection.overlap import LEAST_EFFECTIVE, Lack

EXPLORE, HOLDOUT = "MEMENTO_EXPLORE", "MEMENTO_HOLDOUT"

_SHARE = 0.1  # the share that is proposed for either
_FAR = 5000  # episodes beyond which nobody waits for an answer


def basis(findings: Findings) -> str:
    """What the answers rest on."""
    counts = findings.counts
    recorded = counts.recorded_shown + counts.recorded_held_out
    open_ = counts.shown + counts.held_out - recorded
    parts = [f"{_many(recorded, 'episode')} of {_many(findings.tasks, 'task')} with a known outcome"]
    if counts.recorded_held_out:
        parts.append(f"{counts.recorded_held_out} of them held out from memory")
    if open_:
        parts.append(f"{open_} without one left out")
    if counts.untold:
        parts.append(f"{counts.untold} by Thompson sampling, whose propensities are unknown, count for memory only")
    if counts.disagreeing:
        parts.append(f"{counts.disagreeing} left out whose logged propensity is not that of their settings")
    return "; ".join(parts)


def missing_outcomes(findings: Findings) -> str:
    """A warning where outcomes are recorded much more often on one side; empty where they are not."""
    counts = findings.counts
    if min(counts.shown, counts.held_out) < LEAST_EFFECTIVE:
        return ""
    shown, held_out = counts.recorded_shown / counts.shown, counts.recorded_held_out / counts.held_out
    if abs(shown - held_out) < _SHARE:
        return ""
    return (
        f"Outcomes are recorded for {shown:.0%} of the episodes with memory and {held_out:.0%} of those without, so "
        f"the two sides may not be alike."
    )


def of_memory(findings: Findings) -> str:
    """Whether memory helps, by how much and how sure that is; or what is missing to tell."""
    found, counts = findings.memory, findings.counts
    if found.best is None:
        return f"Whether memory helps here cannot be told: {_missing_for_memory(findings)}."
    more, sure = found.best, found.above or 0.0
    interval = f"(95 %: {signed(more.low)} to {signed(more.high)})"
    if more.low > 0:
        return f"Memory helps here: it earns {more.value:.2f} more a task than none {interval}. {_sure(sure)}"
    if more.high < 0:
        return f"Memory does harm here: it earns {-more.value:.2f} less a task than none {interval}. {_sure(1 - sure)}"
    return (
        f"Memory earns {signed(more.value)} a task against none, but the interval holds 0 {interval}: whether it "
        f"helps is open. That it does is {_percent(sure)} likely so far, from {counts.recorded_held_out} episodes "
        f"without memory; record more."
    )


def of_policy(answer: Answer, all_greedy: bool) -> str:
    """How a policy compares with similarity; or what is missing to tell.

    Args:
        all_greedy: whether nothing was ever drawn to explore.
    """
    if answer.earned.refusal:
        return f"What {answer.name} would have earned cannot be told: {_missing(answer, all_greedy)}."
    if answer.gain is None:
        return ""
    more = answer.gain.best
    if more is None:
        return (
            f"How {answer.name} compares with similarity cannot be told, for what similarity would have earned cannot."
        )
    interval, sure = f"(95 %: {signed(more.low)} to {signed(more.high)})", answer.gain.above or 0.0
    if more.low == more.high == 0:
        return f"{answer.name} shows what similarity shows."
    if more.low <= 0 <= more.high:
        return (
            f"{answer.name} against similarity: no difference that the log can show, {signed(more.value)} {interval}."
        )
    side, of = ("more", sure) if more.value > 0 else ("less", 1 - sure)
    return f"{answer.name} earns {abs(more.value):.2f} {side} a task than similarity {interval}. {_sure(of)}"


def counts_as(evaluation: Evaluation) -> str:
    """The effective number of tasks against the true one."""
    return f"{int(evaluation.overlap.effective)} of {evaluation.overlap.tasks}"


def interval(estimate: Estimate | None) -> str:
    """An estimate with its interval."""
    return "" if estimate is None else f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def log_odds(estimate: Estimate) -> str:
    """A change with its interval, all with their signs."""
    return f"{signed(estimate.value)} ({signed(estimate.low)} to {signed(estimate.high)})"


def signed(number: float) -> str:
    """With its sign, a true minus."""
    text = f"{number:+.2f}".replace("-", "−")
    return "0.00" if text[1:] == "0.00" else text


def _missing_for_memory(findings: Findings) -> str:
    held_out, tasks = findings.counts.recorded_held_out, findings.memory.overlap.tasks
    if findings.holdout == 0:
        about = math.ceil(LEAST_EFFECTIVE / _SHARE)
        return (
            f"no episode was held out from memory; set {HOLDOUT}={_SHARE} and record about {about} more, of which one "
            f"in ten is planned without memory"
        )
    if findings.memory.lack in (Lack.TASKS, Lack.OVERLAP):
        left = max(LEAST_EFFECTIVE - held_out, 1)
        return (
            f"of {_many(tasks, 'task')} only {_many(held_out, 'episode')} held out from memory have a known outcome; "
            f"record about {math.ceil(left / findings.holdout)} more"
        )
    return findings.memory.refusal


def _missing(answer: Answer, all_greedy: bool) -> str:
    found = answer.earned
    if found.lack in (Lack.TASKS, Lack.PROPENSITIES) or answer.needed is None:
        return found.refusal
    if answer.needed > _FAR:
        came_up = f"{found.overlap.mean_weight:.0%} of what it would have shown was shown"
        counted = f"only {counts_as(found)} tasks count" if found.lack is Lack.OVERLAP else f"only {came_up}"
        return (
            f"{counted}, and even with a tenth of exploration an answer would take {_rounded(answer.needed):,} "
            f"episodes; ask for a policy closer to the one in use, or explore at a higher alpha"
        )
    if all_greedy:
        return (
            f"all {_many(found.overlap.episodes, 'episode')} were chosen greedily; set {EXPLORE}={_SHARE} and record "
            f"about {_rounded(answer.needed):,} more"
        )
    return f"{found.refusal} (with {EXPLORE}={_SHARE}, about {_rounded(answer.needed):,} episodes would do)"


def _rounded(number: int) -> int:
    """Up to two digits that count."""
    step = int(10 ** max(len(str(number)) - 2, 0))
    return math.ceil(number / step) * step


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _percent(share: float) -> str:
    return "more than 99.9 %" if share > 0.999 else f"{share:.1%}".replace("%", " %")


def _sure(share: float) -> str:
    return f"That is {_percent(share)} sure."
