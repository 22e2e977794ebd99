"""The demo with a person's own tasks: most of them become the bank, a few are held out and planned."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from memento_memory.case import Case
from memento_memory.errors import InputError
from memento_memory.text import normalised, shown
from memento_memory.transfer import open_lines, read_case
from memento_server.demo import view

if TYPE_CHECKING:
    from memento_server.demo.tool_client import ToolClient

HELD_OUT = 6


def split(file: Path) -> tuple[list[str], list[Case]]:
    """The lines that become the bank, and a few held out, drawn with a fixed seed.

    Raises:
        InputError: if too few lines hold a task with a plan.
    """
    with open_lines(file) as opened:
        lines = [line for line in opened if line.strip()]
    usable = [i for i in random.Random(0).sample(range(len(lines)), len(lines)) if read_case(lines[i]) is not None]
    held = set(usable[: min(HELD_OUT, len(usable) // 3)])
    if not held:
        raise InputError("tasks", f"{file} holds {len(usable)} tasks with a plan; the demo needs three or more")
    tasks = [case for i in sorted(held) if (case := read_case(lines[i])) is not None]
    return [line for i, line in enumerate(lines) if i not in held], tasks


async def tell(client: ToolClient, tasks: list[Case], out: Console) -> list[dict[str, Any]]:
    """Plan each held-out task, record the plan its file gives, and plan it again."""
    story: list[dict[str, Any]] = []
    for case in tasks:
        view.heading(out, f"Held out: {shown(case.task.text, 200)}")
        result = await client.call("plan_with_memory", task=case.task.text, context=case.task.context)
        view.planned(out, result)
        draft = result["draft_plan"]
        same = draft is not None and _text(draft["plan"]) == normalised(case.plan.text())
        out.print("Your own plan:" + (" the same as the draft" if same else ""), style="bold")
        view.steps(out, case.plan.to_json()[:8])
        recorded = await client.call(
            "record_outcome",
            outcome=case.result.outcome.value,
            plan_id=result["plan_id"],
            evidence=case.result.evidence.value,
            plan=case.plan.text(),
            notes=case.result.notes,
        )
        view.recorded(out, recorded)
        again = await client.call("plan_with_memory", task=case.task.text, context=case.task.context)
        first = again["cases"][0] if again["cases"] else None
        learned = first is not None and first["case_id"] == recorded["case_id"]
        out.print(f"Planned again: {first['why'] if first else 'nothing shown'}", markup=False)
        story.append(
            {
                "task": case.task.text,
                "planned": result,
                "draft_is_own_plan": same,
                "leads_when_asked_again": learned,
            }
        )
    out.print()
    out.print(
        f"{sum(s['planned']['draft_plan'] is not None for s in story)} of {len(story)} tasks got a draft, "
        f"{sum(s['draft_is_own_plan'] for s in story)} of the drafts are your own plan word for word."
    )
    return story


def _text(plan: list[dict[str, Any]]) -> str:
    return normalised("\n".join(f"{step['id']}. {step['description']}" for step in plan))
