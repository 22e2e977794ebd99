"""`memento evaluate`: what other ways of choosing cases would have earned, and whether memory helps here at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memento_server.options import AsJson, Bank, Namespace, settings_of

if TYPE_CHECKING:
    from rich.console import Console

    from memento_memory.learning.offpolicy import Findings
    from memento_memory.selection.evaluation import Estimate, Evaluation

_WIDTH = 25  # characters of a bar that spans rewards from 0 to 1


def evaluate(
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", help="greedy, similarity, softmax:ALPHA or version:N; repeat for more."),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures.")] = None,
    bank: Bank = None,
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Estimate from the log what other ways of choosing cases would have earned, and whether memory helps."""
    from memento_memory.learning.report import gather
    from memento_memory.learning.targets import GREEDY, SIMILARITY, named
    from memento_memory.store import versions
    from memento_server import console, learning_report
    from memento_server.session import open_bank

    asked = list(dict.fromkeys([*(policy or [GREEDY, "softmax:0.1"]), SIMILARITY]))
    wanted = settings_of(bank, namespace).namespace if namespace else ""
    with open_bank(settings_of(bank, "")) as opened, opened.database.reading() as db:
        targets = [named(name, lambda number: versions.of(db, number)) for name in asked]
        report = gather(db, targets, namespace=wanted)
    if html is not None:
        learning_report.write(html, report)
        console.stderr().print(f"written to {html}", markup=False)
    if as_json:
        console.write_json(as_document(report.findings))
    else:
        show(console.stdout(), report.findings)


def show(out: Console, findings: Findings) -> None:
    """In words and a picture."""
    from memento_server import verdicts

    _say(out, f"{verdicts.basis(findings)}.")
    out.print()
    _bars(out, findings)
    out.print()
    told = [words for answer in findings.answers if (words := verdicts.of_policy(answer, findings.counts.all_greedy))]
    for words in [*told, verdicts.of_memory(findings), verdicts.missing_outcomes(findings)]:
        if words:
            _say(out, words)


def as_document(findings: Findings) -> dict[str, Any]:
    """Everything as JSON."""
    from memento_server import verdicts

    counts = findings.counts
    return {
        "episodes": {name: getattr(counts, name) for name in counts.__dataclass_fields__},
        "tasks": findings.tasks,
        "logged": _evaluation(findings.logged),
        "policies": [
            {
                "policy": answer.name,
                "meaning": answer.words,
                "earned": _evaluation(answer.earned),
                "against_similarity": None if answer.gain is None else _evaluation(answer.gain),
                "episodes_needed": answer.needed,
                "only_while_exploring": answer.exploring,
                "words": verdicts.of_policy(answer, findings.counts.all_greedy),
            }
            for answer in findings.answers
        ],
        "memory": {
            "with": _evaluation(findings.with_memory),
            "without": _evaluation(findings.without_memory),
            "difference": _evaluation(findings.memory),
            "words": verdicts.of_memory(findings),
        },
    }


def _bars(out: Console, findings: Findings) -> None:
    """Mean rewards on one scale: a line a policy, its interval drawn, its value marked."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name, right in (("policy", False), ("0     mean reward     1", False), ("earns", False), ("counts as", True)):
        table.add_column(name, no_wrap=True, justify="right" if right else "left")
    rows = [("as logged", findings.logged), *((answer.name, answer.earned) for answer in findings.answers)]
    if findings.holdout:
        rows.append(("no memory", findings.without_memory))
    for name, found in rows:
        table.add_row(escape(name), *_bar(found))
    out.print(table)


def _bar(found: Evaluation) -> tuple[str, str, str]:
    from memento_server import verdicts

    if found.best is None:
        return f"[dim]{'·' * _WIDTH}[/]", "[yellow]cannot be told[/]", verdicts.counts_as(found)
    return drawn(found.best), verdicts.interval(found.best), verdicts.counts_as(found)


def drawn(estimate: Estimate) -> str:
    """An interval in [0, 1] as characters."""
    low, at, high = (
        min(max(round(x * (_WIDTH - 1)), 0), _WIDTH - 1) for x in (estimate.low, estimate.value, estimate.high)
    )
    line = ["━" if low <= i <= high else "·" for i in range(_WIDTH)]
    line[at] = "●"
    return "".join(line)


def _say(out: Console, words: str) -> None:
    out.print(words, markup=False)


def _evaluation(found: Evaluation) -> dict[str, Any]:
    overlap = found.overlap
    return {
        "ips": _estimate(found.ips),
        "snips": _estimate(found.snips),
        "doubly_robust": _estimate(found.dr),
        "probability_above_0": found.above,
        "effective_tasks": overlap.effective,
        "tasks": overlap.tasks,
        "episodes": overlap.episodes,
        "mean_weight": overlap.mean_weight,
        "largest_weight": overlap.largest,
        "refusal": found.refusal or None,
        "lacks": found.lack.value if found.lack else None,
    }


def _estimate(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else {"value": estimate.value, "low": estimate.low, "high": estimate.high}
