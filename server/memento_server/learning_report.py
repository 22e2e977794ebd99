"""The learning report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from memento_memory.errors import InputError
from memento_memory.learning.report import Block, Helper, LearningReport
from memento_memory.text import shown
from memento_server import verdicts
from memento_server.charts import Mark, Row, curve, forest, reliability

_TASK_CHARS = 200


def write(file: Path, report: LearningReport) -> None:
    """Write the page to a file.

    Raises:
        InputError: if the file cannot be written.
    """
    try:
        file.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise InputError("file", f"{file} cannot be written ({error.strerror}); choose another place") from error


def page(report: LearningReport) -> str:
    """The page."""
    template = files("memento_server").joinpath("learning_report.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        basis=escape(verdicts.basis(report.findings)) + ".",
        says=_says(report),
        curve=_curve(report.blocks),
        policies=_policies(report),
        calibration=_calibration(report),
        weights=_weights(report),
        most=_helpers(report.most, "Nothing yet."),
        least=_helpers(report.least, "Nothing yet."),
        versions=_versions(report),
    )


def _says(report: LearningReport) -> str:
    found = report.findings
    told = [verdicts.of_memory(found)]
    told += [verdicts.of_policy(answer, found.counts.all_greedy) for answer in found.answers]
    if report.calibration_error is not None:
        told.append(f"Foretold chances are off by {report.calibration_error:.2f} on average (0.05 or less is good).")
    told.append(verdicts.missing_outcomes(found))
    return "".join(f"<p>{escape(words)}</p>" for words in told if words)


def _curve(blocks: Sequence[Block]) -> str:
    if not blocks:
        return "<p>There is too little to draw yet: ten recorded outcomes make the first point.</p>"
    sides: list[tuple[str, list[Mark]]] = [("with memory", []), ("held out from memory", [])]
    rows = []
    for block in blocks:
        place = f"episodes {block.first} to {block.last}"
        for (name, marks), estimate in zip(sides, (block.shown, block.held_out), strict=True):
            if estimate is not None:
                said = f"{place}, {name}: {verdicts.interval(estimate)}"
                marks.append(Mark((block.first + block.last) / 2, estimate, said))
        days = f"{_day(block.since)} to {_day(block.until)}"
        rows.append((place, days, verdicts.interval(block.shown), verdicts.interval(block.held_out)))
    title = "Mean reward over the recorded episodes, with memory and held out from it"
    table = _table(("episodes", "recorded", "with memory", "held out"), rows)
    return curve(title, sides, float(blocks[-1].last)) + _folded(table)


def _policies(report: LearningReport) -> str:
    found = report.findings
    entries = [("as logged", "what was shown", found.logged)]
    entries += [(answer.name, answer.words, answer.earned) for answer in found.answers]
    entries.append(("no memory", "nothing is ever shown", found.without_memory))
    drawn, rows = [], []
    for name, words, each in entries:
        said = verdicts.interval(each.best) or "cannot be told from this log"
        drawn.append(Row(name, each.best, f"{name}: {said}" if each.best else said))
        rows.append((name, words, said, verdicts.interval(each.snips), verdicts.counts_as(each)))
    heads = ("policy", "what it shows", "doubly robust", "SNIPS", "tasks it counts as")
    title = "Mean reward that each way of choosing cases would have earned"
    return forest(title, drawn, 0.0, 1.0) + _folded(_table(heads, rows))


def _calibration(report: LearningReport) -> str:
    if not report.bins:
        return "<p>There is too little to draw yet: ten recorded outcomes make the first point.</p>"
    marks, rows = [], []
    for each in report.bins:
        found = verdicts.interval(each.found)
        marks.append(Mark(each.foretold, each.found, f"foretold {each.foretold:.2f}, found {found}"))
        rows.append((f"{each.foretold:.2f}", found, str(each.count)))
    chart = reliability("Success found against success foretold", marks)
    return chart + _folded(_table(("foretold", "found", "episodes"), rows))


def _weights(report: LearningReport) -> str:
    told = report.weights
    if not told:
        return "<p>Nothing yet.</p>"
    drawn, rows = [], []
    for each in told:
        change = verdicts.log_odds(each.change)
        drawn.append(Row(each.more, each.change, f"{each.more}: {change}"))
        rows.append((each.more, each.less, change, verdicts.signed(each.prior)))
    reach = math.ceil(2 * max(max(abs(each.change.low), abs(each.change.high)) for each in told)) / 2
    title = "What a usual difference in each feature adds to the log-odds of success"
    table = _table(("when", "rather than", "log-odds", "before any outcome"), rows)
    return forest(title, drawn, -reach, reach, zero=0.0) + _folded(table)


def _helpers(helpers: Sequence[Helper], nothing: str) -> str:
    if not helpers:
        return f"<p>{escape(nothing)}</p>"
    rows = [(shown(each.task, _TASK_CHARS), each.id, str(each.shown), verdicts.signed(each.effect)) for each in helpers]
    return _table(("task of the case", "case", "shown", "reward against none"), rows)


def _versions(report: LearningReport) -> str:
    if not report.trained:
        return "<p>Version 0, the prior, is in force: nothing was learned yet.</p>"
    rows = [(str(number), status.replace("_", " "), _day(at)) for number, status, at in report.trained]
    return _table(("version", "what became of it", "made"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _folded(table: str) -> str:
    return f"<details><summary>The figures</summary>{table}</details>"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d")
