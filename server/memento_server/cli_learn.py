"""`memento learn`: train the value model on the log, see what was learned, go back to an earlier version."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memento_server.options import AsJson, Bank, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memento_memory.learning.report import Weight
    from memento_memory.learning.status import Status
    from memento_memory.store.database import Database
    from memento_memory.store.versions import Version

_UNTRUSTED = "similarity ranks for now: it foretold recent outcomes better"
_DOUBTFUL = {
    "rejected": "this version was rejected when it was made, for it was not found to be better",
    "demoted": "this version was taken out of force before, for similarity foretold outcomes better",
}


def learn(
    version: Annotated[int | None, typer.Argument(help="The version to go back to, with --rollback.", min=0)] = None,
    status: Annotated[bool, typer.Option("--status", help="Show the versions and which one is in force.")] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to VERSION, by default the one before; 0 is similarity alone.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what was learned to matter.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with pictures of it all.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Train on few episodes too; the gate judges all the same.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed and log give the same version.", min=0)] = 0,
    bank: Bank = None,
    as_json: AsJson = False,
) -> None:
    """Learn from recorded outcomes which cases help; what was learned is used only where it is better."""
    from memento_memory.errors import InputError

    if version is not None and not rollback:
        raise InputError("version", "says which version to go back to; give it with --rollback")
    asked = {"--status": status, "--explain": explain, "--report": report is not None, "--rollback": rollback}
    given = [option for option, is_given in asked.items() if is_given]
    if force:
        given.append("--force")
    if len(given) > 1:
        raise InputError(given[0], f"cannot be given with {given[1]}; use one after the other")
    with _database(settings_of(bank, "").bank) as database:
        if rollback:
            _roll_back(database, version, as_json)
        elif status:
            _show_status(database, as_json)
        elif explain:
            _explain(database, as_json)
        elif report is not None:
            _write_report(database, report, as_json)
        else:
            _train(database, force, seed, as_json)


def _train(database: Database, force: bool, seed: int, as_json: bool) -> None:
    from memento_memory.learning.learner import learn
    from memento_memory.learning.spawn import lower_priority
    from memento_server import console

    lower_priority()
    with _stages() as tell:
        result = learn(database, seed=seed, force=force, progress=tell)
    if as_json:
        made = {"version": result.version, "promoted": result.promoted, "reason": result.reason}
        console.write_json({**made, "report": result.report})
        return
    out, report = console.stdout(), result.report
    fate = "is in force now" if result.promoted else "is kept, but not used"
    out.print(f"version {result.version} {fate}: {result.reason}", style="bold")
    out.print(f"  learned from {report['learned_from']} episodes, judged on {report['judged_on']} of newer tasks")
    for name, figures in report["figures"].items():
        loss, error = figures["log_loss"], figures["calibration_error"]
        out.print(f"  {name}: log-loss {loss:.3f}, calibration error {error:.3f}", markup=False)
    for rival, gains in report["gate"]["gains"].items():
        ranking = gains["ranking"]
        interval = f"[{ranking['low']:+.3f}, {ranking['high']:+.3f}]"
        out.print(f"  ranking against {rival}: {ranking['value']:+.3f} {interval}", markup=False)


def _show_status(database: Database, as_json: bool) -> None:
    from memento_memory.learning.status import status
    from memento_memory.online import is_trusted
    from memento_server import console

    found = status(database)
    if as_json:
        console.write_json(_status_json(found))
        return
    out = console.stdout()
    out.print(f"in force: {_name(found.in_force)}", style="bold", markup=False)
    if not is_trusted(found.in_force):
        out.print(_UNTRUSTED, style="yellow")
    out.print(f"episodes with known outcomes: {found.known}; {found.wanted} start the next training")
    if found.learner:
        out.print(f"a learner is at work: {found.learner}", markup=False)
    if not found.versions:
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("version", "status", "made", "kind", "why"):
        table.add_column(heading)
    for version in found.versions:
        made = datetime.fromtimestamp(version.created_at).strftime("%Y-%m-%d %H:%M")
        reason = str(version.report.get("gate", {}).get("reason", ""))
        table.add_row(str(version.version), version.status.replace("_", " "), made, _kind(version), reason)
    out.print(table)


def _roll_back(database: Database, version: int | None, as_json: bool) -> None:
    from memento_memory.learning.status import rollback
    from memento_memory.store import versions
    from memento_server import console

    with database.reading() as db:
        found = {each.version: each.status for each in versions.all_(db)}
    target = rollback(database, version)
    warning = _DOUBTFUL.get(found.get(target.version, ""), "")
    if as_json:
        console.write_json({"in_force": target.version, **({"warning": warning} if warning else {})})
        return
    console.stdout().print(f"in force: {_name(target)}", markup=False)
    if warning:
        reason = target.report.get("gate", {}).get("reason", "")
        console.stdout().print(f"{warning}{f': {reason}' if reason else ''}", style="yellow", markup=False)
        console.stdout().print("`memento learn --rollback 0` goes back to similarity", style="yellow")


def _explain(database: Database, as_json: bool) -> None:
    from memento_memory.learning.report import weights
    from memento_memory.online import is_trusted
    from memento_memory.store import versions
    from memento_server import console, verdicts

    with database.reading() as db:
        version = versions.in_force(db)
    told = weights(version)
    trusted = is_trusted(version)
    if as_json:
        known = {"version": version.version, "outcomes": version.layer.updates, "trusted": trusted}
        console.write_json({**known, "weights": [_weight_json(weight) for weight in told]})
        return
    out = console.stdout()
    if not version.layer.updates:
        out.print("nothing was learned yet: similarity ranks until outcomes of plans are recorded")
        return
    out.print(f"what {_name(version)} learned to matter; outcomes so far: {version.layer.updates}", style="bold")
    if not trusted:
        out.print(_UNTRUSTED, style="yellow")
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("log-odds (95 %)", "at first", "a case is worth more, or less, when"):
        table.add_column(heading)
    for weight in told:
        table.add_row(verdicts.log_odds(weight.change), verdicts.signed(weight.prior), weight.more)
    out.print(table)


def _weight_json(weight: Weight) -> dict[str, Any]:
    change = weight.change
    words = {"feature": weight.name, "when": weight.more, "rather_than": weight.less}
    return {**words, "log_odds": change.value, "low": change.low, "high": change.high, "at_first": weight.prior}


def _write_report(database: Database, file: Path, as_json: bool) -> None:
    from memento_memory.learning.report import gather
    from memento_server import console, learning_report

    with database.reading() as db:
        found = gather(db)
    learning_report.write(file, found)
    if as_json:
        console.write_json({"written": str(file)})
    else:
        console.stdout().print(f"written to {file}", markup=False)


def _name(version: Version) -> str:
    return f"version {version.version} ({_kind(version)})" if version.version else "version 0 (similarity)"


def _kind(version: Version) -> str:
    return "trained from the log" if version.report.get("kind") == "trained" else "learned outcome by outcome"


def _status_json(status: Status) -> dict[str, Any]:
    from memento_memory.online import is_trusted

    keys = ("version", "status", "created_at", "report", "watch")
    return {
        "in_force": status.in_force.version,
        "trusted": is_trusted(status.in_force),
        "known": status.known,
        "trained_on": status.trained_on,
        "next_at": status.wanted,
        "learner": status.learner,
        "versions": [
            {**{key: getattr(version, key) for key in keys}, "network": version.network is not None}
            for version in status.versions
        ],
    }


@contextmanager
def _database(path: Path) -> Iterator[Database]:
    from memento_memory.store.database import Database

    database = Database(path)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _stages() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal, silence elsewhere."""
    from memento_server import console

    err = console.stderr()
    if not err.is_terminal:
        yield lambda stage, done, total: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        item = bar.add_task("learning")
        yield lambda stage, done, total: bar.update(item, description=stage, completed=done, total=total)
