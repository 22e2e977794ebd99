"""All benchmarks of Memento: each figure beside a baseline measured in the same run, and beside what it should be.

    python benchmarks/run.py [--data DIR] [--only start,warm_calls] [--quick]

The result is printed and kept in benchmarks/results/. Banks of up to 100,000 cases are built once and kept in the
user's cache directory (MEMENTO_BENCH_CACHE sets another), which takes about ten minutes the first time.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import corpus
import machine
import report
from banks import Banks, Remembering, home
from measure import Figure, Setup

from memento_memory.embedding import DEFAULT_MODEL, load, prepare

HERE = Path(__file__).parent
SPEED = ("start", "first_plan", "warm_calls", "dense_search", "recording", "footprint", "relay", "bundled", "peers")
QUALITY = ("retrieval_quality", "adaptation")  # scripts with tables of their own; they need --data
_LARGEST = 100_000


def main() -> None:
    options = _options()
    described = machine.describe()
    _introduce(described)
    chosen = options.only.split(",") if options.only else [*SPEED, *(QUALITY if options.data else ())]
    if unknown := set(chosen) - {*SPEED, *QUALITY}:
        sys.exit(f"--only: {', '.join(sorted(unknown))} is not among {', '.join((*SPEED, *QUALITY))}")
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="memento-bench-") as folder:
        if measured := [name for name in SPEED if name in chosen]:
            setup = _setup(options, Path(folder))
            for name in measured:
                found += _timed(name, setup)
    statuses = {name: _script(name, options) for name in QUALITY if name in chosen}
    if found:
        report.figures(found)
        about = {"tasks": setup.banks.corpus.name, "quick": options.quick, "load_average_at_end": machine.load()}
        print(f"kept in {report.save(HERE / 'results', described, about, found)}")
    if options.quick:
        print("A quick run shows that everything works; its figures are of small banks and few repetitions.")
    if any(statuses.values()):
        sys.exit(f"failed: {', '.join(name for name, status in statuses.items() if status)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with real tasks, see README.md; made-up ones without")
    parser.add_argument("--only", default="", help=f"some of: {', '.join((*SPEED, *QUALITY))}")
    parser.add_argument("--quick", action="store_true", help="small banks and few repetitions, to see that all runs")
    return parser.parse_args()


def _introduce(described: dict[str, object]) -> None:
    for name, value in described.items():
        print(f"{name.replace('_', ' ')}: {value}")
    if machine.is_busy():
        print("\nWARNING: the load average shows a busy machine: trust no absolute time of this run.\n")


def _setup(options: argparse.Namespace, folder: Path) -> Setup:
    tasks = corpus.load(options.data, _LARGEST)
    print(f"tasks: {tasks.name}" + ("" if options.data else " (--data DIR takes real ones)"))
    home().mkdir(parents=True, exist_ok=True)
    banks = Banks(tasks, Remembering(load(prepare(DEFAULT_MODEL, progress=print)), home()))
    return Setup(banks, folder, HERE / ".peers", options.quick)


def _timed(name: str, setup: Setup) -> list[Figure]:
    print(f"\n== {name}", flush=True)
    began = time.perf_counter()
    found: list[Figure] = importlib.import_module(name).run(setup)
    if setup.quick:
        found = [replace(figure, bound=None) for figure in found]  # the targets are for banks of full size
    report.figures(found)
    print(f"   took {time.perf_counter() - began:.0f} s")
    return found


def _script(name: str, options: argparse.Namespace) -> int:
    print(f"\n== {name}", flush=True)
    if options.data is None:
        print("  left out: needs --data DIR")
        return 0
    command = [sys.executable, str(HERE / f"{name}.py"), "--data", str(options.data)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    main()
