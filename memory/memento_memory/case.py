"""The domain model: tasks, outcomes with their evidence, cases, slates and episodes.

A case is one (state, action, reward) triple of the memory-augmented Markov decision process of Memento
(arXiv 2508.16153): the task, the plan as it was carried out, and how that went.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from memento_memory.errors import InputError
from memento_memory.plan import Plan
from memento_memory.text import normalised

if TYPE_CHECKING:
    from memento_memory.decision import Decision

_ENVIRONMENT_CHARS = 120
KNOWN_SO_FAR = "\n\n— Known so far —\n"
"""Stands in the text of a task that is being worked on, before what is known of it."""


class Outcome(StrEnum):
    """How carrying out a plan ended. Infrastructure that failed or a run that was cancelled is `unknown`."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """What an outcome rests on, strongest first."""

    TEST_PASSED = "test_passed"
    TOOL_RESULT = "tool_result"
    USER_CONFIRMED = "user_confirmed"
    JUDGE = "judge"
    SELF_REPORT = "self_report"

    @property
    def rank(self) -> int:
        """0 for the strongest; an outcome replaces one of the same or a higher rank."""
        return list(Evidence).index(self)

    @property
    def weight(self) -> float:
        """How much one such outcome counts towards a case's posterior, in (0, 1]."""
        return _WEIGHTS[self]


_WEIGHTS = {
    Evidence.TEST_PASSED: 1.0,
    Evidence.TOOL_RESULT: 1.0,
    Evidence.USER_CONFIRMED: 1.0,
    Evidence.JUDGE: 0.6,
    Evidence.SELF_REPORT: 0.4,
}


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done, and in which environment."""

    text: str
    context: str = ""

    @property
    def state(self) -> str:
        """The text that is embedded and indexed: the task, led by the first line of its context.

        The name of the database, site or project in the state is worth 0.04 hit@1 on real tasks; a whole context
        would drown the task, so only its first line, and at most 120 characters of it, are taken.
        """
        lead = self.context.strip().split("\n", 1)[0][:_ENVIRONMENT_CHARS].strip()
        return f"{lead}: {self.text}" if lead else self.text

    @property
    def bare(self) -> Task:
        """The task as it was at first, without what was known of it later."""
        return Task(self.text.split(KNOWN_SO_FAR, 1)[0], self.context)

    def is_same_as(self, other: Task) -> bool:
        """Whether both ask for the same thing in the same environment, up to case, white space and end marks."""
        return normalised(self.text) == normalised(other.text) and normalised(self.context) == normalised(other.context)


@dataclass(frozen=True, slots=True)
class Result:
    """One observed outcome of one episode.

    Attributes:
        outcome: success, failure or unknown.
        reward: r in [0, 1]; None exactly when the outcome is unknown.
        evidence: what it rests on.
        notes: why it failed, or what to watch.
    """

    outcome: Outcome
    reward: float | None
    evidence: Evidence = Evidence.SELF_REPORT
    notes: str = ""

    @classmethod
    def graded(
        cls,
        outcome: Outcome,
        reward: float | None = None,
        evidence: Evidence = Evidence.SELF_REPORT,
        notes: str = "",
    ) -> Result:
        """Check a reward against its outcome, filling in 1 for success and 0 for failure.

        Raises:
            InputError: if the reward is outside [0, 1] or given for an unknown outcome.
        """
        if outcome is Outcome.UNKNOWN:
            if reward is not None:
                raise InputError("reward", "is given but the outcome is unknown; leave the reward out")
            return cls(outcome, None, evidence, notes)
        if reward is None:
            reward = 1.0 if outcome is Outcome.SUCCESS else 0.0
        if not 0 <= reward <= 1:  # also refuses nan
            raise InputError("reward", f"is {reward}, outside [0, 1]; 1 is full success and 0 failure")
        return cls(outcome, float(reward), evidence, notes)

    @property
    def counts(self) -> tuple[float, float]:
        """What this adds to a case's pseudo-counts of (success, failure)."""
        if self.reward is None:
            return 0.0, 0.0
        weight = self.evidence.weight
        return weight * self.reward, weight * (1 - self.reward)


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of the case bank.

    Attributes:
        id: stable public name.
        plan: the plan as executed.
        result: the strongest, latest outcome seen with this plan on this task.
        successes, failures: evidence-weighted pseudo-counts over all its episodes; the Beta posterior's data.
        shown, used: how often it was on a slate, and how often it was said to have helped.
        created_at, updated_at: seconds since the epoch.
        forgotten_at: when it was forgotten, or None.
        forgotten_reason: why, where it was not by hand.
        quarantined_at: when it was taken out for being suspicious, or None; then it is forgotten as well.
        confirmed: whether a person looked at it and found it in order.
        pinned: whether it is never evicted.
        decay: share of its counts that still holds, in (0, 1]; below 1 where tools of its plan changed or went.
    """

    id: str
    namespace: str
    task: Task
    plan: Plan
    result: Result
    tags: tuple[str, ...] = ()
    host: str = ""
    model: str = ""
    successes: float = 0.0
    failures: float = 0.0
    shown: int = 0
    used: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    forgotten_at: float | None = None
    forgotten_reason: str = ""
    quarantined_at: float | None = None
    confirmed: bool = False
    pinned: bool = False
    decay: float = 1.0

    @property
    def content_hash(self) -> str:
        """Equal for cases that would be merged: same namespace, same task and same plan skeleton."""
        return content_hash(self.namespace, self.task, self.plan)

    @property
    def record(self) -> float:
        """What its own outcomes say of it, whatever the task: the mean of Beta(1 + successes, 1 + failures)."""
        return (1 + self.decay * self.successes) / (2 + self.decay * (self.successes + self.failures))

    def named(self, id: str) -> Case:
        """The same case under another id."""
        return replace(self, id=id)


def task_hash(namespace: str, task: Task) -> str:
    """Digest of a task in a namespace, up to case, white space and end marks."""
    return _digest(namespace, normalised(task.text), normalised(task.context))


def content_hash(namespace: str, task: Task, plan: Plan) -> str:
    """Digest of what makes a case the case it is, up to case, white space and end marks."""
    return _digest(namespace, normalised(task.text), normalised(task.context), plan.skeleton)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class Verdict(StrEnum):
    """Whether any case was worth showing."""

    CASES = "cases"
    NO_USEFUL_CASE = "no_useful_case"


@dataclass(frozen=True, slots=True)
class Shown:
    """One case on a slate.

    Attributes:
        similarity: fused similarity of the two tasks, in [0, 1].
        value: Q(s, c), the probability of success when this case is shown, in [0, 1].
        low, high: its 95 % interval; 0 and 1 where the slate was read back from the log.
        reasons: what ranked it here, in plain words with the change of the logit each is worth, the largest first.
        repeat: whether its task is the very task asked about.
        used: whether it was said to have helped; None when nothing was said.
    """

    case: Case
    similarity: float
    value: float
    low: float = 0.0
    high: float = 1.0
    reasons: tuple[tuple[str, float], ...] = ()
    repeat: bool = False
    used: bool | None = None


@dataclass(frozen=True, slots=True)
class Slate:
    """The cases shown for one task, best first.

    Attributes:
        void_probability: prior probability of the void case (showing no memory), in [0, 1].
        policy: name of the policy that drew the slate.
        ranking: which legs of the hybrid search took part ("hybrid", or "lexical" while there are no vectors).
        failed_here: skeletons of the plans that failed on this very task.
        void_value: Q of showing nothing, in [0, 1].
        decision: what the policy saw and did; None where nothing was chosen, or it was read back from the log.
    """

    shown: tuple[Shown, ...] = ()
    void_probability: float = 1.0
    policy: str = "greedy"
    ranking: str = "hybrid"
    failed_here: frozenset[str] = frozenset()
    void_value: float = 0.5
    decision: Decision | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        return Verdict.CASES if self.shown else Verdict.NO_USEFUL_CASE


@dataclass(frozen=True, slots=True)
class Episode:
    """One planning request and what became of it: the log the learner reads.

    Attributes:
        plan_id: its public name.
        draft: the adapted plan that was offered, or None.
        result: the strongest outcome recorded so far, or None while it is open.
        plan: as executed, or None while that is not known.
        plan_drawn: whether the plan was drawn from the tool calls that were relayed for it.
        calls: how many were relayed in all; the first 500 are kept as its trace.
        case_id: the case its outcome went to, or "".
        previous: plan_id of the attempt at the same task that this one follows, or "".
    """

    plan_id: str
    namespace: str
    task: Task
    slate: Slate = field(default_factory=Slate)
    draft: Plan | None = None
    result: Result | None = None
    plan: Plan | None = None
    plan_drawn: bool = False
    calls: int = 0
    case_id: str = ""
    previous: str = ""
    host: str = ""
    model: str = ""
    created_at: float = 0.0
    recorded_at: float | None = None
