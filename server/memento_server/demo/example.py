"""The demo's own story: everyday agent tasks, a plan that fails, a better one, and a next time."""

from __future__ import annotations

import importlib.resources
import json
from typing import TYPE_CHECKING, Any

from rich.console import Console

from memento_server.demo import view

if TYPE_CHECKING:
    from memento_server.demo.tool_client import ToolClient


def case_lines() -> list[str]:
    """The example bank that ships with the package, as JSON lines."""
    return _read("example_cases.jsonl")


def _read(name: str) -> list[str]:
    return (importlib.resources.files("memento_server.demo") / name).read_text(encoding="utf-8").splitlines()


async def tell(client: ToolClient, out: Console) -> list[dict[str, Any]]:
    """Plan each example task, record how it went, and plan again where something was learned."""
    story = []
    for line in _read("example_tasks.jsonl"):
        task = json.loads(line)
        view.heading(out, f"Task: {task['task']}")
        result = await client.call("plan_with_memory", task=task["task"], context=task["context"])
        view.planned(out, result)
        recorded = await _record(client, task, result, out)
        story.append({"task": task["task"], "planned": result, "recorded": recorded})
        if "corrected_plan" in task:
            story.append(await _learn(client, task, result, out))
    return story


async def _record(
    client: ToolClient, task: dict[str, Any], result: dict[str, Any], out: Console
) -> dict[str, Any] | None:
    if result["draft_plan"] is None:
        return None
    out.print(f"Carried out: {task['outcome']}. {task['notes']}", markup=False)
    helped = result["draft_plan"]["adapted_from"] if task["outcome"] == "success" else ""
    recorded = await client.call(
        "record_outcome",
        outcome=task["outcome"],
        plan_id=result["plan_id"],
        evidence=task["evidence"],
        notes=task["notes"],
        used_cases=helped,
    )
    view.recorded(out, recorded)
    return recorded


async def _learn(client: ToolClient, task: dict[str, Any], before: dict[str, Any], out: Console) -> dict[str, Any]:
    """Plan the failed task anew, succeed with a corrected plan, then meet a task like it."""
    view.heading(out, "The same task once more: what failed is now known")
    retried = await client.call("plan_with_memory", task=task["task"], context=task["context"])
    view.planned(out, retried)
    out.print("The agent corrects the plan and carries it out:")
    corrected = [{"id": i, "description": text} for i, text in enumerate(task["corrected_plan"], start=1)]
    view.steps(out, corrected)
    recorded = await client.call(
        "record_outcome",
        outcome="success",
        plan_id=retried["plan_id"],
        evidence="tool_result",
        plan="\n".join(f"{i}. {text}" for i, text in enumerate(task["corrected_plan"], start=1)),
    )
    view.recorded(out, recorded)
    view.heading(out, f"A task like it: {task['again']}")
    again = await client.call("plan_with_memory", task=task["again"], context=task["context"])
    view.planned(out, again)
    _changed(out, before, again)
    return {"task": task["again"], "before": before, "after": again, "recorded": recorded}


def _changed(out: Console, before: dict[str, Any], after: dict[str, Any]) -> None:
    known = {case["case_id"] for case in before["cases"]}
    out.print("\nWhat changed, and why:", style="bold")
    for case in after["cases"]:
        if case["case_id"] not in known:
            role = "leads the slate" if case is after["cases"][0] else "is on the slate"
            out.print(f"  the {case['outcome']} recorded a moment ago {role}: {case['why']}", markup=False)
    values = {case["case_id"]: case["value"] for case in before["cases"]}
    for case in after["cases"]:
        if abs(case["value"] - values.get(case["case_id"], case["value"])) >= 0.01:
            was, now = values[case["case_id"]], case["value"]
            out.print(f"  {case['case_id']} was worth {was:.2f} before these outcomes and is worth {now:.2f} now")
    dropped = known - {case["case_id"] for case in after["cases"]}
    if dropped:
        out.print(f"  {len(dropped)} of the cases shown before gave way to these", markup=False)
