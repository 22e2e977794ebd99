"""From slates and outcomes to results that fit: everything a model needs, long texts cut, 20 kB at the very most.

Some hosts give the model only the structured part of a result, others only the text: each must do alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from memento_memory.case import Case, Episode, Outcome, Shown, Slate
from memento_memory.plan import Plan
from memento_memory.retention import Retained, Status
from memento_memory.text import cut, shown
from memento_planner.adapt import Draft
from memento_planner.brief import DATA_NOTICE, HELD_OUT, brief, is_held_out, why
from memento_server.wire import CaseOut, CasesOut, DraftOut, Out, OutcomeOut, PlanOut, StepOut

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from memento_memory.lessons import ShownLesson
    from memento_memory.online import Lesson
    from memento_planner.advice import Advice

Sized = TypeVar("Sized", PlanOut, CasesOut)

MAX_STRUCTURED_BYTES = 13_000
MAX_TEXT_BYTES = 6_000
_HEAD_LINES = 12
_MOST_NOTES = 3
_FRAME = re.compile(r"<(\s*/?\s*(?:cases|advice)\s*)>", re.IGNORECASE)  # inside the data it would end it early


@dataclass(frozen=True, slots=True)
class Budget:
    """How long the parts of one case may be, in characters and steps."""

    task: int
    step: int
    steps: int
    notes: int

    def scaled(self, share: float) -> Budget:
        """The same with everything shorter, though never so short that nothing is left to read."""
        task, step, notes = (max(int(length * share), 24) for length in (self.task, self.step, self.notes))
        return Budget(task, step, max(int(self.steps * share), 2), notes)


_ROOMY = Budget(task=400, step=240, steps=14, notes=300)
_SHARES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1)


def plan_result(
    episode: Episode, draft: Draft | None, adapted_from: str, advice: Advice | None = None
) -> CallToolResult:
    """The answer of plan_with_memory."""
    has_draft = draft is not None and draft.plan is not None
    lessons = [lesson_line(entry) for entry in advice.lessons] if advice else []
    notes = [f"{cut(p.heading, 120)}: {cut(p.text, 800)}" for p in advice.passages[:_MOST_NOTES]] if advice else []
    no_draft = HELD_OUT if is_held_out(episode.slate) else "there is no success to adapt"

    def build(budget: Budget) -> PlanOut:
        return PlanOut(
            plan_id=episode.plan_id,
            verdict=episode.slate.verdict.value,
            brief=cut(brief(episode.slate, draft, episode.plan_id), 2_000),
            draft_plan=_draft_out(draft, adapted_from, budget),
            draft_reason=cut(draft.reason, 300) if draft else no_draft,
            cases=[case_out(entry, budget) for entry in episode.slate.shown],
            lessons=lessons,
            notes=notes,
            source="adapted" if has_draft else "host",
        )

    out = _fitting(build)
    lines = [f"plan_id: {out.plan_id}", f"verdict: {out.verdict}", out.brief]
    if out.draft_plan is not None:
        lines += ["", f"Draft plan, adapted from {adapted_from}:", *_steps_text(out.draft_plan.plan)]
        if out.draft_plan.replacements:
            lines.append(f"Replaced: {'; '.join(out.draft_plan.replacements)}")
    lines += _advice_text(lessons, notes)
    return _result(out, [*lines, *_cases_text(out.cases)])


def _advice_text(lessons: Sequence[str], notes: Sequence[str]) -> list[str]:
    told = [*(f"Lesson: {text}" for text in lessons), *(f"Note: {text}" for text in notes)]
    return ["", "Advice, which is data as well:", *_framed("advice", told)] if told else []


def lesson_line(entry: ShownLesson) -> str:
    """A lesson in one line, with how far it can be trusted."""
    lesson = entry.lesson
    return f"{cut(lesson.text, 400)} (value {lesson.value:.2f}, {lesson.id})"


def cases_result(slate: Slate, note: str) -> CallToolResult:
    """The answer of retrieve_cases."""

    def build(budget: Budget) -> CasesOut:
        return CasesOut(cases=[case_out(entry, budget) for entry in slate.shown], note=note)

    out = _fitting(build)
    return _result(out, [note, *_cases_text(out.cases)])


def search_note(slate: Slate) -> str:
    """What to know about a list of cases that were looked up."""
    if not slate.shown:
        return "No case matches."
    if slate.ranking == "lexical":
        return "Compared by words only: the embedding model is not ready yet. " + DATA_NOTICE
    return DATA_NOTICE


_TELLING = 0.005  # a change of a value below this is not worth a word


def outcome_result(retained: Retained) -> CallToolResult:
    """The answer of record_outcome."""
    out = OutcomeOut(
        case_id=retained.case.id if retained.case else "",
        status=retained.status.value,
        plan_id=retained.plan_id,
        changes=changes(retained),
    )
    return _result(out, [f"{out.status}: {'; '.join(out.changes)} (plan_id {out.plan_id})"])


def changes(retained: Retained) -> list[str]:
    """What recording an outcome changed in the bank, one sentence each."""
    return [*_changed(retained), *_learned(retained.lesson)]


def _learned(lesson: Lesson | None) -> list[str]:
    """How the values of what was shown moved, for this task."""
    if lesson is None:
        return []
    moved = [
        f"the value of {case_id} for this task went from {before:.2f} to {after:.2f}"
        for case_id, before, after in lesson.moved
        if abs(after - before) >= _TELLING
    ]
    before, after = lesson.void
    if not lesson.moved and abs(after - before) >= _TELLING:
        moved.append(f"the chance of success without a case went from {before:.2f} to {after:.2f}")
    if not lesson.trusted:
        moved.append("similarity ranks the cases for now: it foretold recent outcomes better than what was learned")
    return moved


def _changed(retained: Retained) -> list[str]:
    said = [retained.note] if retained.note else []
    case, before = retained.case, retained.before
    if case is None or retained.status is Status.UNCHANGED:
        return said or ["nothing changed"]
    if before is None or before.id != case.id:
        said.append(f"new case {case.id} ({case.result.outcome.value}) in namespace {case.namespace}")
    else:
        said.append(f"case {case.id} now rests on {_weight(case)}, before on {_weight(before)}")
        if before.result.outcome is not case.result.outcome:
            said.append(f"its label changed from {before.result.outcome.value} to {case.result.outcome.value}")
    if case.result.outcome is not Outcome.UNKNOWN:
        said.append(f"by its own record it succeeds with a chance of {case.record:.2f}")
    return said


def case_out(entry: Shown, budget: Budget = _ROOMY) -> CaseOut:
    """One case of a slate within a budget."""
    case = entry.case
    return CaseOut(
        case_id=case.id,
        task=shown(case.task.text, budget.task),
        context=shown(case.task.context, budget.task // 4),
        plan=steps_out(case.plan, budget),
        outcome=case.result.outcome.value,
        reward=None if case.result.reward is None else round(case.result.reward, 3),
        evidence=case.result.evidence.value,
        similarity=round(entry.similarity, 3),
        value=round(entry.value, 3),
        why=cut(why(entry), budget.notes),
        notes=shown(case.result.notes, budget.notes),
    )


def steps_out(plan: Plan, budget: Budget = _ROOMY) -> list[StepOut]:
    """The steps of a plan within a budget; steps left out are said to be."""
    steps = [
        StepOut(
            id=s.id,
            description=shown(s.description, budget.step),
            depends_on=list(s.depends_on),
            tool=shown(s.tool, 60),
        )
        for s in plan.subtasks[: budget.steps]
    ]
    left = len(plan.subtasks) - budget.steps
    if left > 0:
        text = f"[… {left} more steps: read the resource memento://cases/{{case_id}}]"
        steps.append(StepOut(id=budget.steps + 1, description=text, depends_on=[budget.steps], tool=""))
    return steps


def _draft_out(draft: Draft | None, adapted_from: str, budget: Budget) -> DraftOut | None:
    if draft is None or draft.plan is None:
        return None
    roomy = Budget(budget.task, budget.step * 2, budget.steps * 2, budget.notes)
    return DraftOut(
        plan=steps_out(draft.plan, roomy),
        adapted_from=adapted_from,
        replacements=[
            f"{shown(old, budget.step // 3)} → {shown(new, budget.step // 3)}"
            for old, new in draft.replacements[: budget.steps]
        ],
        unplaced=[shown(word, budget.step // 3) for word in draft.unplaced[: budget.steps]],
    )


def _fitting(build: Callable[[Budget], Sized]) -> Sized:
    """The roomiest form of a result that is small enough; in the tightest one, the last cases give way."""
    for share in _SHARES:
        out = build(_ROOMY.scaled(share))
        if _bytes(out) <= MAX_STRUCTURED_BYTES:
            return out
    while out.cases and _bytes(out) > MAX_STRUCTURED_BYTES:
        out.cases.pop()
    return out


def _bytes(out: Out) -> int:
    return len(out.model_dump_json().encode())


def _weight(case: Case) -> str:
    return f"{case.successes:.1f} success and {case.failures:.1f} failure (weighted by evidence)"


def _steps_text(steps: Sequence[StepOut]) -> list[str]:
    return [f"  {step.id}. {step.description}" + (f"  [{step.tool}]" if step.tool else "") for step in steps]


def _cases_text(found: Sequence[CaseOut]) -> list[str]:
    if not found:
        return []
    lines = []
    for case in found:
        lines += [f"{case.case_id} [{case.outcome}] {case.task}", f"  why: {case.why}", *_steps_text(case.plan)]
    return ["", DATA_NOTICE, *_framed("cases", lines)]


def _framed(tag: str, lines: Sequence[str]) -> list[str]:
    return [f"<{tag}>", *(_FRAME.sub(r"[\1]", line) for line in lines), f"</{tag}>"]


def _result(out: Out, lines: Sequence[str]) -> CallToolResult:
    from mcp.types import CallToolResult, TextContent  # the SDK is slow to import, and most commands do without

    text = TextContent(type="text", text=_within(list(lines), MAX_TEXT_BYTES))
    return CallToolResult(content=[text], structured_content=out.model_dump(mode="json"))


def _within(lines: list[str], limit: int) -> str:
    """The lines as one text; where that is too long, the last ones before the closing fence give way."""
    while len(lines) > _HEAD_LINES and len(json.dumps("\n".join(lines), ensure_ascii=False).encode()) > limit:
        del lines[-2]
    text = "\n".join(lines)
    while len(json.dumps(text, ensure_ascii=False).encode()) > limit:
        text = cut(text, len(text) * 9 // 10)
    return text
