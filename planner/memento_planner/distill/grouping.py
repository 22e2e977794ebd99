"""Cases of one kind of task whose plans have one shape: what their successes share, and what the failures lack."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from memento_memory.case import Case, Outcome
from memento_memory.curation.injection import suspicion
from memento_memory.lessons import FEWEST_CASES, FEWEST_SUCCESSES
from memento_memory.plan import Plan
from memento_memory.selection.wordsets import named
from memento_memory.text import normalised
from memento_planner import words
from memento_planner.distill.pattern import ALIKE_PLANS, SHARED, Pattern, Step, common, common_steps, likeness, tokens
from memento_planner.distill.pattern import telling as telling_words
from memento_planner.rewrite import is_code

LARGEST = 300  # cases of one kind that are looked at, the newest
_EXAMPLES = 12  # plans among which the most typical is looked for
_FEWEST_TELLING = 4  # words a lesson has to have beside its slots
_MOST_SLOTS = 0.5  # share of the words of its steps
_WORKS = 2 / 3  # share of its followers that are successes, at least
_FEWEST_FAILURES = 2  # of which something is said
_LUCK = 0.1  # how likely a difference may be among cases that differ in nothing
_SAID = 3  # differences told

Keyed = tuple[int, Case]


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that teach something together.

    Attributes:
        place: the environment all of them were in, or "".
        task: what their tasks have in common.
        example: the most typical success.
        steps: what its plan shares with the other successes.
        followers: the cases whose plan has all of these steps, successes and failures.
        failures: those that failed without them.
        lacked, instead: what the successes share and the failures lack, and what the failures had that no success had.
    """

    namespace: str
    place: str
    task: Pattern
    example: Case
    steps: tuple[Step, ...]
    followers: tuple[Keyed, ...]
    failures: tuple[Keyed, ...]
    lacked: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()

    @property
    def theme(self) -> str:
        """Digest of what it is about."""
        said = [self.place, self.task.text, *(f"{step.tool} {step.pattern.text}" for step in self.steps)]
        return hashlib.sha256(json.dumps([normalised(text) for text in said]).encode()).hexdigest()[:32]

    @property
    def worked(self) -> int:
        """How many of the followers are successes."""
        return sum(_succeeded(case) for _, case in self.followers)


def groups(cases: Sequence[Keyed]) -> Iterator[Group]:
    """The groups among cases of one namespace and one kind of task, the largest first."""
    for place, part in _places([(key, case) for key, case in cases if case.confirmed or not suspicion(case)]):
        successes = [item for item in part if _succeeded(item[1])]
        shapes: list[list[Keyed]] = []
        for item in successes:
            alike = (shape for shape in shapes if likeness(shape[0][1].plan, item[1].plan) >= ALIKE_PLANS)
            home = next(alike, None)
            if home is None:
                shapes.append([item])
            else:
                home.append(item)
        for shape in sorted(shapes, key=lambda found: (-len(found), found[0][0])):
            if found := _group(place, shape, successes, part):
                yield found


def _places(cases: Sequence[Keyed]) -> Iterator[tuple[str, list[Keyed]]]:
    """Cases by the first line of their context; those of places with too few of them together."""
    by_place: dict[str, list[Keyed]] = {}
    for item in cases:
        by_place.setdefault(_place(item[1]), []).append(item)
    rest: list[Keyed] = []
    for place, part in by_place.items():
        if _is_enough(part):
            yield place, part
        else:
            rest += part
    if _is_enough(rest):
        yield (_place(rest[0][1]) if len({_place(case) for _, case in rest}) == 1 else ""), sorted(rest, key=_key)


def _is_enough(part: Sequence[Keyed]) -> bool:
    """Whether there are enough cases, and successes at more than one task: of a single one the case itself tells."""
    won = [case for _, case in part if _succeeded(case)]
    tasks = {normalised(case.task.text) for case in won}
    return len(part) >= FEWEST_CASES and len(won) >= FEWEST_SUCCESSES and len(tasks) > 1


def _group(place: str, shape: Sequence[Keyed], successes: Sequence[Keyed], part: Sequence[Keyed]) -> Group | None:
    if len({normalised(case.task.text) for _, case in shape}) < FEWEST_SUCCESSES:
        return None
    example = _typical([case for _, case in shape])
    steps = common_steps([case.plan for _, case in shape], example.plan)
    if not _is_telling(steps):
        return None
    follow = [item for item in part if follows(item[1].plan, steps)]
    followed = {key for key, _ in follow}
    failures = [item for item in part if not _succeeded(item[1]) and item[0] not in followed]
    won = sum(_succeeded(case) for _, case in follow)
    if len(follow) + len(failures) < FEWEST_CASES or won < FEWEST_SUCCESSES or won < _WORKS * len(follow):
        return None
    lacked, instead = _differences(steps, example, [case for _, case in successes], [case for _, case in failures])
    return Group(
        example.namespace,
        place,
        common([case.task.text for _, case in shape], example.task.text),
        example,
        steps,
        tuple(follow),
        tuple(failures),
        lacked,
        instead,
    )


def _is_telling(steps: Sequence[Step]) -> bool:
    """Whether steps say more than that there is something to be done."""
    tools = sum(bool(step.tool) for step in steps)
    kept = tools + sum(step.pattern.telling for step in steps)
    total = tools + sum(step.pattern.total for step in steps)
    return kept >= _FEWEST_TELLING and kept >= (1 - _MOST_SLOTS) * total


def _typical(cases: Sequence[Case]) -> Case:
    """The case whose plan has most in common with those of some of the others."""
    some = cases[:: math.ceil(len(cases) / _EXAMPLES)]

    def nearness(case: Case) -> float:
        own = named(case.plan)
        return sum(len(own & named(other.plan)) / max(len(own | named(other.plan)), 1) for other in some)

    return max(some, key=lambda case: (nearness(case), -len(case.plan.text())))


def follows(plan: Plan, steps: Iterable[Step]) -> bool:
    """Whether a plan has these steps, in this order."""
    left = iter(plan.subtasks)
    return all(any(_does(found.tool, found.description, step) for found in left) for step in steps)


def _does(tool: str, description: str, step: Step) -> bool:
    if step.tool and tool and step.tool != tool:
        return False
    keys = {token.key for token in tokens(description)}
    return sum(key in keys for key in step.pattern.keys) >= SHARED * len(step.pattern.keys)


def _differences(
    steps: Sequence[Step], example: Case, successes: Sequence[Case], failures: Sequence[Case]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What tells successes from failures, beyond luck: whole steps, else words that these plans have and those lack."""
    if len(failures) < _FEWEST_FAILURES:
        return (), ()
    lacked: list[tuple[float, str]] = []
    if len(steps) > 1:
        for step in steps:
            luck = _luck(partial(_has_step, step), successes, failures)
            lacked.append((luck, step.tool or step.pattern.text))
    found = [text for luck, text in sorted(lacked, key=lambda pair: pair[0]) if luck <= _LUCK]
    if not found:
        shared = {key for step in steps for key in step.pattern.keys}
        found = _words([example], shared, successes, failures)
    theirs = set().union(*(_keys(case) for case in failures))
    instead = _words(failures, theirs, failures, successes)
    return tuple(found[:_SAID]), tuple(instead[:_SAID])


def _words(told_by: Sequence[Case], keys: set[str], have: Sequence[Case], lack: Sequence[Case]) -> list[str]:
    """Words among these keys that the one side has and the other lacks, the most telling first, as they are written."""
    written: dict[str, str] = {}
    for case in told_by:
        for step in case.plan.subtasks:
            telling = telling_words(step.description)
            code = is_code(step.description)
            for token in tokens(step.description):
                if token.key in keys & telling and (code or token.key not in words.DECISIVE):
                    written.setdefault(token.key, token.text)
    rated = [(_luck(partial(_has_word, key), have, lack), text) for key, text in written.items()]
    return [text for luck, text in sorted(rated, key=lambda pair: pair[0]) if luck <= _LUCK]


def _has_step(step: Step, case: Case) -> bool:
    return follows(case.plan, (step,))


def _has_word(key: str, case: Case) -> bool:
    return key in _keys(case)


def _keys(case: Case) -> frozenset[str]:
    return frozenset(token.key for step in case.plan.subtasks for token in tokens(step.description))


def _luck(has: Callable[[Case], bool], have: Sequence[Case], lack: Sequence[Case]) -> float:
    """How likely at least so many of one side have something by chance, given how many have it in all.

    One-sided exact test (Fisher 1922); 1 where not four in five of the one side have it, or over a fifth of the other.
    """
    a, c = sum(map(has, have)), sum(map(has, lack))
    if not have or not lack or a < SHARED * len(have) or c > (1 - SHARED) * len(lack):
        return 1.0
    total, drawn = len(have) + len(lack), a + c
    most = min(drawn, len(have))
    ways = sum(math.comb(len(have), i) * math.comb(len(lack), drawn - i) for i in range(a, most + 1))
    return ways / math.comb(total, drawn)


def _place(case: Case) -> str:
    return case.task.context.strip().split("\n", 1)[0].strip()


def _succeeded(case: Case) -> bool:
    return case.result.outcome is Outcome.SUCCESS


def _key(item: Keyed) -> int:
    return item[0]
