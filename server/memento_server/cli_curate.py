"""`memento curate`, `pin`, `unpin` and `confirm`: keep the bank in order, and have the last word on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memento_server.options import AsJson, Bank, Namespace, settings_of

if TYPE_CHECKING:
    from rich.console import Console

    from memento_memory.case import Case
    from memento_memory.curation.bounds import Bounds
    from memento_memory.curation.curate import Action
    from memento_server.settings import Settings

CaseId = Annotated[str, typer.Argument(help="Id of the case.")]


def curate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    max_cases: Annotated[
        int | None, typer.Option(help="Most cases in a namespace. (Or MEMENTO_MAX_CASES.)", min=1)
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(help="Most bytes of cases in a namespace. (Or MEMENTO_MAX_BYTES.)", min=1)
    ] = None,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Merge what is the same, quarantine what is suspicious, evict what is least useful; say what and why."""
    from memento_memory.curation.curate import curate as curate_bank
    from memento_memory.store import cases
    from memento_server import console
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    namespaces = (settings.namespace,) if namespace else ()
    with open_bank(settings) as opened:
        actions = curate_bank(
            opened.database,
            now=time.time(),
            bounds=_bounds(settings, max_cases, max_bytes),
            namespaces=namespaces,
            everything=True,
            dry_run=dry_run,
        )
        with opened.database.reading() as db:
            waiting = [case for _, case in cases.quarantined(db, namespaces)]
    if as_json:
        console.write_json({"dry_run": dry_run, **actions_json(actions, waiting)})
    else:
        show_actions(console.stdout(), actions, waiting, settings.retention_days, dry_run=dry_run)


def pin(case_id: CaseId, bank: Bank = None) -> None:
    """Keep a case from eviction."""
    _pin(bank, case_id, pinned=True)


def unpin(case_id: CaseId, bank: Bank = None) -> None:
    """Let a pinned case be evicted like any other."""
    _pin(bank, case_id, pinned=False)


def confirm(case_id: CaseId, bank: Bank = None) -> None:
    """Say that a quarantined case is in order: it comes back and is not suspected again."""
    from memento_memory.errors import InputError
    from memento_server import console
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, ""), with_model=True) as opened:
        if opened.case(case_id).quarantined_at is None:
            raise InputError("case_id", f"{case_id} is not in quarantine; `memento curate --dry-run` shows what is")
        case = opened.restore(case_id)
    console.stdout().print(f"confirmed {case.id}; it is found again")


def _pin(bank: Path | None, case_id: str, *, pinned: bool) -> None:
    from memento_memory.store import cases
    from memento_server import console
    from memento_server.session import open_bank

    with open_bank(settings_of(bank, "")) as opened, opened.database.writing() as db:
        key, case = cases.named(db, case_id)
        cases.pin(db, key, pinned)
    if pinned:
        console.stdout().print(f"pinned {case.id}; `memento unpin {case.id}` undoes it")
    else:
        console.stdout().print(f"unpinned {case.id}")


def _bounds(settings: Settings, cases: int | None, size: int | None) -> Bounds:
    from memento_memory.curation.bounds import Bounds

    choosing = settings.choosing
    return Bounds(cases or choosing.max_cases or None, size or choosing.max_bytes or None)


def actions_json(actions: Sequence[Action], waiting: Sequence[Case]) -> dict[str, Any]:
    """What was done or would be, and what waits to be confirmed."""
    return {
        "actions": [
            {
                "action": action.kind.value,
                "case_id": action.case_id,
                "namespace": action.namespace,
                "task": action.task,
                "reason": action.reason,
                **({"into": action.into[0]} if action.into[0] else {}),
            }
            for action in actions
        ],
        "quarantined": [
            {"case_id": case.id, "namespace": case.namespace, "task": case.task.text, "reason": case.forgotten_reason}
            for case in waiting
        ],
    }


def show_actions(
    console: Console, actions: Sequence[Action], waiting: Sequence[Case], retention_days: float, *, dry_run: bool
) -> None:
    """The same for people: one line for what and one for why."""
    from rich.markup import escape

    from memento_memory.curation.curate import Kind
    from memento_memory.text import shown

    colours = {Kind.QUARANTINE: "yellow", Kind.MERGE: "cyan", Kind.EVICT: "red"}
    for action in actions:
        task = " ".join(shown(action.task, 120).split())
        console.print(f"[{colours[action.kind]}]{action.kind.value:<10}[/] [dim]{action.case_id}[/dim] {escape(task)}")
        console.print(f"           {escape(shown(action.reason, 300))}", style="dim")
    counts = ", ".join(f"{sum(a.kind is kind for a in actions)} {_DONE[kind.value]}" for kind in Kind)
    console.print(f"{counts}{' (tried only: nothing was changed)' if dry_run else ''}" if actions else "nothing to do")
    if actions and not dry_run:
        undone = f"`memento cases restore ID` undoes a merge or an eviction within {retention_days:g} days"
        console.print(undone, style="dim")
    if waiting:
        console.print(f"in quarantine: {len(waiting)}; `memento confirm ID` brings one back", style="yellow")
        for case in waiting:
            console.print(f"  [dim]{case.id}[/dim] {escape(shown(case.forgotten_reason, 300))}")


_DONE = {"quarantine": "quarantined", "merge": "merged", "evict": "evicted"}
