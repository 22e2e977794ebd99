"""`memento explain`: why these cases were shown for a plan, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from memento_server.options import AsJson, Bank, settings_of

if TYPE_CHECKING:
    from rich.console import Console

    from memento_memory.case import Episode
    from memento_memory.decision import Decision

_NOT_SHOWN = 3
_UNPLANNED = "was reported without a plan from memory, so no case was chosen for it"
_UNDECIDED = "was planned before decisions were logged, so why its cases were shown is not known"
_ARMS = {
    "greedy": "the most valuable cases were taken",
    "drawn": "the cases were drawn, to learn from cases that are not the most valuable",
    "held_out": "nothing was shown on purpose, to measure whether memory helps",
}


def explain(
    plan_id: Annotated[str, typer.Argument(help="Id of the episode, from plan.")],
    bank: Bank = None,
    as_json: AsJson = False,
) -> None:
    """Say why these cases were shown for a plan, and what spoke for and against each."""
    from memento_memory.errors import InputError
    from memento_server import console
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, "")) as opened:
        episode, decision = opened.episode(plan_id), opened.decision(plan_id)
    if decision is None:
        raise InputError("plan_id", f"{plan_id} {_UNDECIDED if episode.slate.shown else _UNPLANNED}")
    told = explanation(episode, decision)
    if as_json:
        console.write_json(told)
    else:
        _say(console.stdout(), told)


def explanation(episode: Episode, decision: Decision) -> dict[str, Any]:
    """What was chosen, how, and what each candidate's value was made of when it was."""
    candidates = decision.candidates
    order = [i for i in (-candidates.value).argsort(kind="stable").tolist() if i not in decision.drawn]
    result = episode.result
    return {
        "plan_id": episode.plan_id,
        "task": episode.task.text,
        "how": _ARMS[decision.arm.value],
        "arm": decision.arm.value,
        "version": decision.version,
        "log_propensity": decision.log_propensity,
        "value_without_a_case": round(decision.void_value, 4),
        "considered": len(candidates.case_ids),
        "shown": [_case(decision, i, n < decision.forced) for n, i in enumerate(decision.drawn)],
        "warnings": [shown.case.id for shown in episode.slate.shown if shown.case.id not in candidates.case_ids],
        "best_not_shown": [_case(decision, i, False) for i in order[:_NOT_SHOWN]],
        "outcome": result.outcome.value if result else None,
    }


def _case(decision: Decision, i: int, repeat: bool) -> dict[str, Any]:
    from memento_memory.selection.value import contributions

    candidates = decision.candidates
    return {
        "case_id": candidates.case_ids[i],
        "value": round(float(candidates.value[i]), 4),
        "similarity": round(float(candidates.similarity[i]), 4),
        "same_task": repeat,
        "because": [
            {"what": words, "logit": round(by, 3)}
            for words, by in contributions(candidates.pair, candidates.weights, i)
        ],
    }


def _say(out: Console, told: dict[str, Any]) -> None:
    from rich.markup import escape

    from memento_memory.text import shown

    out.print(f"[bold]{told['plan_id']}[/bold] {escape(shown(told['task'], 200))}")
    model = f"version {told['version']} of the value model" if told["version"] else "similarity, nothing learned yet"
    out.print(f"Of {told['considered']} candidates, {told['how']} (by {model}).")
    out.print(f"Without any case, success was expected with a chance of {told['value_without_a_case']:.2f}.")
    if not told["shown"]:
        out.print("No case was shown to follow." if told["warnings"] else "No case was shown.", style="yellow")
    if told["warnings"]:
        out.print(f"As warnings, by similarity alone: {', '.join(told['warnings'])}")
    for case in told["shown"]:
        _say_case(out, case)
    if told["best_not_shown"]:
        out.print("Not shown:", style="bold")
    for case in told["best_not_shown"]:
        _say_case(out, case)
    if told["outcome"]:
        out.print(f"It ended in {told['outcome']}.")


def _say_case(out: Console, case: dict[str, Any]) -> None:
    same = ", the very same task" if case["same_task"] else ""
    out.print(f"  [dim]{case['case_id']}[/dim] value {case['value']:.2f}, similarity {case['similarity']:.2f}{same}")
    for reason in case["because"][:4]:
        sign, colour = ("+", "green") if reason["logit"] > 0 else ("−", "red")
        out.print(f"      [{colour}]{sign}{abs(reason['logit']):.2f}[/] {reason['what']}")
