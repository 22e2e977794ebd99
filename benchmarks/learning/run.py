"""What learned selection earns, beside every simpler way of choosing, on a folder of tasks, plans and outcomes.

    python -m benchmarks.learning.run --data DIR [PART ...] [--docs docs/LEARNING.md] [--list]

Figures are printed as they are found, and kept in benchmarks/results/ as learning-DIGEST.json and .md, where the digest
is that of the data; running some parts again replaces only those. Parts whose files the folder lacks are left out, so
any folder of this schema will do, such as one with intercode-sql/ alone. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import platform
import sys
import time
import traceback
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.learning.report import MissingDataError, Report

PARTS = {
    "reuse": "choosing among candidates whose outcomes are known: folds by database and by task",
    "stream": "online, from an empty bank, learning only from what was shown",
    "iterations": "the same tasks again and again, with real recorded attempts",
    "harm": "whether memory with abstention stays as good as the model alone",
    "scienceworld": "plans of a text world, run in its simulator",
    "reference": "the data that the reference implementation trains on",
    "curation": "a bounded bank on a stream that repeats and drifts",
    "cost": "milliseconds, seconds and bytes",
}
_RESULTS = Path(__file__).parent.parent / "results"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run the chosen parts, or all, and keep what they found."""
    options = _options()
    if options.list:
        for name, words in PARTS.items():
            print(f"{name:14s} {words}")
        return
    if unknown := set(options.parts) - set(PARTS):
        sys.exit(f"{', '.join(sorted(unknown))}: not among {', '.join(PARTS)}")
    if options.data is None or not any(options.data.glob("*/*.jsonl.gz")):
        sys.exit(
            "These benchmarks need real tasks: --data DIR, a folder with intercode-sql/tasks.jsonl.gz and its"
            " neighbours. See benchmarks/README.md for the schema."
        )
    digest = fingerprint(options.data)
    path = options.out / f"learning-{digest}.json"
    report = Report.read(path)
    report.about = about(options.data, digest)
    failed = []
    for name in options.parts or PARTS:
        if not run_part(name, options.data, report):
            failed.append(name)
        report.parts = {part: report.parts[part] for part in PARTS if part in report.parts}
        report.save(path)
    report.summary()
    if options.docs is not None:
        report.put_into(options.docs)
    print(f"kept in {path.name} and {path.with_suffix('.md').name} in {options.out.name}/")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run_part(name: str, data: Path, report: Report) -> bool:
    """Run one part; returns whether it went well or was left out for a reason that is said."""
    print(f"\n== {name}: {PARTS[name]}", flush=True)
    if find_spec(f"benchmarks.learning.{name}") is None:
        print("  left out: not in this version")
        return True
    began = time.perf_counter()
    report.part(name, f"make bench-learning DATA=DIR PARTS={name}")
    try:
        importlib.import_module(f"benchmarks.learning.{name}").run(data, report)
    except MissingDataError as missing:
        print(f"  left out: {missing}")
        report.drop(name)
        return True
    except Exception:  # the other parts are worth having all the same; the exit status tells
        traceback.print_exc()
        report.drop(name)
        return False
    report.note_seconds(time.perf_counter() - began)
    return True


def fingerprint(data: Path) -> str:
    """Eight hexadecimal digits that change with any file of the data."""
    whole = hashlib.sha256()
    for path in sorted(data.glob("*/*.gz")):
        whole.update(path.relative_to(data).as_posix().encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:8]


def about(data: Path, digest: str) -> dict[str, str]:
    """What the figures of this run rest on."""
    from memento_memory.embedding import DEFAULT_MODEL

    sets = sorted({path.parent.name for path in data.glob("*/*.gz")})
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch", "onnxruntime"))
    return {
        "data": f"{', '.join(sets)} (digest {digest})",
        "embedding model": str(DEFAULT_MODEL),
        "made with": f"Python {platform.python_version()}, {libraries}",
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--data", type=Path, help="a folder with real tasks and their outcomes")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="where results are kept")
    parser.add_argument("--docs", type=Path, help="a Markdown file to write the figures into, between its marks")
    parser.add_argument("--list", action="store_true", help="say what parts there are")
    return parser.parse_args()


if __name__ == "__main__":
    for _name in _THREADS:
        os.environ.setdefault(_name, "1")
    main()
