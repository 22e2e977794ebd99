"""The same tasks with and without memory, solved by a real model with real tools on real files.

    python -m benchmarks.solving [--tasks N] [--tokens N] [--model SPEC] [--out DIR]

Each task is solved twice, in a fresh folder: with an empty bank, and with a copy of a bank that holds the right plans
of other tasks of the same kinds. Model, budget, seeds and checks are the same. The result is printed and kept in
benchmarks/results/ as solving.json and .md. Nothing of the user's own is read or written.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import anyio
from benchmarks import machine
from benchmarks.learning.report import Report
from benchmarks.solving.compared import Pair, tell
from benchmarks.solving.tasks import to_remember, to_solve
from benchmarks.solving.workshop import CALLS, CYCLES, attempt, remember

from memento_memory.embedding import DEFAULT_MODEL
from memento_planner.models.create import create
from memento_planner.models.errors import ModelSetupError
from memento_planner.models.local import find_weights
from memento_planner.models.spec import ModelSpec, parse_spec
from memento_planner.run import Crew

_RESULTS = Path(__file__).parent.parent / "results"


def main() -> None:
    """Solve the tasks in both arms, print and keep what came of it."""
    options = _options()
    spec = parse_spec(options.model)
    if spec is None:
        raise SystemExit("--model: name a model, such as local:smollm2")
    report = Report(about=_about(spec, options.tokens))
    for name, value in report.about.items():
        print(f"{name.replace('_', ' ')}: {value}")
    if machine.is_busy():
        print("WARNING: the load average shows a busy machine: trust no seconds of this run.")
    report.part("solving", " ".join(["python -m benchmarks.solving", *sys.argv[1:]]))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="memento-bench-", ignore_cleanup_errors=True) as folder:
        for kind in ("DATA", "STATE", "CONFIG"):
            os.environ[f"XDG_{kind}_HOME"] = str(Path(folder) / kind.lower())
        pairs = anyio.run(_solved, spec, options.tasks, options.tokens, Path(folder))
    report.section("Solving with and without memory", _PROSE.format(known=len(to_remember()), cycles=CYCLES))
    tell(pairs, report)
    report.note_seconds(time.perf_counter() - began)
    report.save(options.out / "solving.json")
    print(f"kept in solving.json and solving.md in {options.out.name}/")


async def _solved(spec: ModelSpec, most: int | None, tokens: int, folder: Path) -> list[Pair]:
    """Every task in both arms, in turn, so that a slow machine slows both."""
    bank = folder / "shown.sqlite3"
    await anyio.to_thread.run_sync(remember, bank, to_remember())
    model = create(spec, os.environ)
    crew = Crew(model, model, model)
    pairs: list[Pair] = []
    try:
        for number, chore in enumerate(to_solve(most)):
            pair = Pair(
                await attempt(chore, crew, None, folder / f"{number}-without", tokens=tokens),
                await attempt(chore, crew, bank, folder / f"{number}-with", tokens=tokens),
            )
            pairs.append(pair)
            marks = ", ".join(
                f"{arm} memory {'right' if one.right else 'wrong'} ({one.solved.seconds:.0f} s)"
                for arm, one in (("without", pair.without), ("with", pair.with_memory))
            )
            print(f"  {chore.task.text}: {marks}", flush=True)
    finally:
        await model.aclose()
    return pairs


_PROSE = (
    "The bank holds the right plans of {known} tasks, as a person would have shown them. The tasks to be solved are of"
    " the same kinds with other names and values, some in the same words and some in others; they and the plans were"
    " written before anything was measured. A task may be planned {cycles} times. Whether it is done is decided by the"
    " files alone, up to white space, and the run is told so after each plan, as with `memento solve --check`. Model,"
    " budget and seeds are the same in both arms."
)


def _about(spec: ModelSpec, tokens: int) -> dict[str, str]:
    """What the figures rest on."""
    host = machine.describe()
    return {
        "model": f"{spec}, as planner, executor and judge{_file(spec)}",
        "embedding model": str(DEFAULT_MODEL),
        "seeds": "temperature 0, seed 1 of the model; 0 of the bootstrap",
        "budget": f"{CYCLES} plans, {tokens:,} tokens, {CALLS} tool calls",
        "host": f"{host['processor']}, {host['cores']} cores, {host['memory_gib']} GiB, {host['system']}",
        "load average before": f"{host['load_average']}",
        "made with": f"Python {host['python']}, memento-cbr {version('memento-cbr')}",
    }


def _file(spec: ModelSpec) -> str:
    if spec.kind != "local":
        return ""
    try:
        file = find_weights(spec.model)
    except ModelSetupError as error:
        raise SystemExit(str(error)) from error
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return f"; {file.name}, sha256 {digest}, xllamacpp {version('xllamacpp')}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.solving", description=__doc__.split("\n\n")[0])
    parser.add_argument("--tasks", type=int, help="fewer tasks, kinds by turns")
    parser.add_argument("--tokens", type=int, default=8_000, help="budget of each task")
    parser.add_argument("--model", default="local:smollm2", help="as for memento solve")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="where results are kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
