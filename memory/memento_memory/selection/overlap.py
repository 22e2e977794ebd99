"""How far a log bears on a policy, and what is missing where it cannot judge it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

LEAST_TASKS = 30
LEAST_EFFECTIVE = 30.0
_UNCOVERED = 0.05  # share of the target's slates that may lie outside the log


class Lack(StrEnum):
    """What a log is short of."""

    TASKS = "tasks"
    CHANCE = "chance"
    SUPPORT = "support"
    PROPENSITIES = "propensities"
    OVERLAP = "overlap"


@dataclass(frozen=True, slots=True)
class Overlap:
    """How far the log bears on the target.

    Attributes:
        episodes, tasks: how many have a known outcome.
        effective: Kish's effective number of tasks, (sum W)^2 / sum W^2 over the tasks' summed weights.
        mean_weight: 1 where the log could have shown all that the target shows; below, the share that it could.
        mean_weight_low, mean_weight_high: its interval at 0.998.
        largest: share of the single heaviest task in all weight, in [0, 1].
        certain: share of episodes whose slate was shown with probability one.
    """

    episodes: int
    tasks: int
    effective: float
    mean_weight: float
    mean_weight_low: float
    mean_weight_high: float
    largest: float
    certain: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a log cannot tell what a policy would have earned.

    Attributes:
        lack: what it is short of; for a difference of two policies, that of the first that cannot be judged.
        reason: the same in words, with what to do about it.
    """

    lack: Lack
    reason: str


def refused(overlap: Overlap) -> Refusal | None:
    """Why a log with this overlap cannot tell; None where it can."""
    if overlap.tasks < LEAST_TASKS:
        return Refusal(
            Lack.TASKS,
            f"outcomes of {_tasks(overlap.tasks)} are recorded and at least {LEAST_TASKS} are needed; record the "
            f"outcome of {LEAST_TASKS - overlap.tasks} more",
        )
    missing = f"{1 - overlap.mean_weight:.0%} of what this policy would show"
    if overlap.certain == 1 and overlap.mean_weight < 1 - _UNCOVERED:
        return Refusal(
            Lack.CHANCE,
            f"every slate in the log was shown with certainty, and {missing} never was; switch a share of exploration "
            f"or hold-out on and record outcomes for a while",
        )
    if overlap.mean_weight_high < 1 - _UNCOVERED:
        return Refusal(
            Lack.SUPPORT,
            f"the log had next to no chance of showing {missing}; judge only the time since exploration or hold-out "
            f"was on, raise its share, or judge a policy closer to the one in use",
        )
    if overlap.mean_weight_low > 1 + _UNCOVERED:
        return Refusal(
            Lack.PROPENSITIES,
            f"the weights average {overlap.mean_weight:.2f} where they must average 1, so the propensities in the log "
            f"are not those of the policy that drew it; leave out episodes logged with wrong ones",
        )
    if overlap.effective < LEAST_EFFECTIVE:
        needed = int(np.ceil(overlap.tasks * LEAST_EFFECTIVE / max(overlap.effective, 1.0)))
        more = max(needed - overlap.tasks, 1)
        return Refusal(
            Lack.OVERLAP,
            f"the {_tasks(overlap.tasks)} count as {int(overlap.effective)} for this policy, which differs from what "
            f"was shown, and at least {LEAST_EFFECTIVE:.0f} are needed; record about {more} more "
            f"task{'s' if more > 1 else ''}, or judge a policy closer to the one in use",
        )
    return None


def _tasks(number: int) -> str:
    return f"{number} task{'s' if number != 1 else ''}"
