"""Curation: a bounded bank on a stream that repeats and drifts, and what quarantine finds and falsely suspects."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.learning.curation_stream import (
    Drift,
    Evict,
    World,
    at_random,
    clairvoyant,
    first_in,
    least_frequent,
    least_recent,
    least_useful,
    load,
    stream,
)
from benchmarks.learning.curation_stream import (
    run as run_stream,
)
from benchmarks.learning.report import Report
from benchmarks.learning.tables import Table
from numpy.typing import NDArray

from memento_memory.curation.injection import instruction_in
from memento_memory.curation.outliers import contradiction
from memento_memory.selection.fusion import plan_agreement

STEPS = 10_000
SEEDS = (101, 102, 103, 104)
FIFTH = 5
_NEIGHBOURS = 32
_RESAMPLES = 2_000

Floats = NDArray[np.float64]


def run(data: Path, out: Report) -> None:
    """Measure both."""
    world = load(data)
    _bounded(world, out)
    _other_streams(world, out)
    _outliers(world.table, out)
    _injections(data, out)


def _bounded(world: World, out: Report) -> None:
    out.section(
        "A bounded bank",
        f"{STEPS:,} steps over {len(world.tasks)} SQL tasks, {len(SEEDS)} streams; tasks are as unequal as Zipf's law"
        " with exponent 1 (databases 1.2), and every 300 steps another database becomes the most popular. A tenth of"
        " the steps are done without memory. The bound is a fifth of what the unbounded bank ends with. The"
        " clairvoyant knows the stream, drops failures first and then what is asked for last; it is no upper bound, as"
        " it keeps no warnings. Intervals: bootstrap over tasks.",
    )
    names = ("unbounded", "usefulness", "LRU", "LFU", "FIFO", "random", "clairvoyant")
    won = {name: np.zeros((len(SEEDS), len(world.table.tasks))) for name in names}
    late = dict.fromkeys(names, 0.0)
    sizes = []
    for place, seed in enumerate(SEEDS):
        asked = stream(world, STEPS, Drift(), seed)
        free, memory = run_stream(world, asked, None, first_in, seed)
        bound = len(memory.kept) // FIFTH
        sizes.append(len(memory.kept))
        for name, policy in _policies(asked).items():
            success = free if policy is None else run_stream(world, asked, bound, policy, seed)[0]
            won[name][place] = np.bincount(asked, weights=success, minlength=won[name].shape[1])
            late[name] += success[STEPS // 2 :].mean() / len(SEEDS)
    total = {name: counts.sum(0) for name, counts in won.items()}
    steps = STEPS * len(SEEDS)
    rows = []
    for name in names:
        share, low, high = _share(total[name], total["unbounded"])
        rows.append((name, total[name].sum() / steps, late[name], f"{share:.3f} [{low:.3f}, {high:.3f}]"))
    out.table(
        f"Success with a fifth of the cases (unbounded: {min(sizes):,} to {max(sizes):,})",
        ("evicted first", "all steps", "second half", "share of unbounded"),
        rows,
    )
    share, low, high = _share(total["usefulness"], total["unbounded"])
    out.target("a fifth of the bank: share of the unbounded bank's success", share, at_least=0.98, within=(low, high))
    for name in ("LRU", "FIFO", "random"):
        gain, low, high = _gain(total["usefulness"], total[name], steps)
        out.target(f"a fifth of the bank: success over {name}", gain, within=(low, high), above=0.0)


def _policies(asked: Sequence[int]) -> dict[str, Evict | None]:
    return {
        "unbounded": None,
        "usefulness": least_useful,
        "LRU": least_recent,
        "LFU": least_frequent,
        "FIFO": first_in,
        "random": at_random,
        "clairvoyant": clairvoyant(asked),
    }


def _share(counts: Floats, of: Floats) -> tuple[float, float, float]:
    drawn = np.random.default_rng(0).integers(0, len(counts), (_RESAMPLES, len(counts)))
    low, high = np.percentile(counts[drawn].sum(1) / of[drawn].sum(1), [2.5, 97.5])
    return float(counts.sum() / of.sum()), float(low), float(high)


def _gain(counts: Floats, over: Floats, steps: int) -> tuple[float, float, float]:
    drawn = np.random.default_rng(0).integers(0, len(counts), (_RESAMPLES, len(counts)))
    apart = (counts - over) / steps
    low, high = np.percentile(apart[drawn].sum(1), [2.5, 97.5])
    return float(apart.sum()), float(low), float(high)


def _other_streams(world: World, out: Report) -> None:
    rows = []
    for name, steps, drift, part in (
        ("half of the bank", STEPS, Drift(), 2),
        ("a tenth", STEPS, Drift(), 10),
        ("a twentieth", STEPS, Drift(), 20),
        ("a fifth, half as long a stream", STEPS // 2, Drift(), FIFTH),
        ("a fifth, tasks more equal (0.7)", STEPS, Drift(tasks=0.7), FIFTH),
        ("a fifth, tasks less equal (1.3)", STEPS, Drift(tasks=1.3), FIFTH),
        ("a fifth, drift three times as fast", STEPS, Drift(every=100), FIFTH),
        ("a fifth, no drift", STEPS, Drift(every=STEPS), FIFTH),
    ):
        rows.append((name, *_compared(world, steps, drift, part)))
    out.table(
        f"Share of the unbounded bank's success, other bounds and streams (stream {SEEDS[0]})",
        ("", "usefulness", "LRU", "LFU", "clairvoyant"),
        rows,
    )


def _compared(world: World, steps: int, drift: Drift, part: int) -> list[float]:
    asked = stream(world, steps, drift, SEEDS[0])
    free, memory = run_stream(world, asked, None, first_in, SEEDS[0])
    bound = len(memory.kept) // part
    policies = (least_useful, least_recent, least_frequent, clairvoyant(asked))
    return [float(run_stream(world, asked, bound, policy, SEEDS[0])[0].sum() / free.sum()) for policy in policies]


def _outliers(table: Table, out: Report) -> None:
    honest = table.reward >= 1
    rows = []
    for name, flipped in (("as recorded", 0.0), ("a tenth of the outcomes reversed", 0.1)):
        wrong = np.random.default_rng(0).random(len(honest)) < flipped
        found = _contradicted(table, honest ^ wrong)
        hit = int((found & wrong).sum())
        rows.append((name, int(wrong.sum()), int(found.sum()), hit, int((found & ~wrong).sum()) / int((~wrong).sum())))
    out.section(
        "Quarantine",
        "A case is suspicious when at least three cases of like tasks with like plans contradict its outcome, or when"
        " its text instructs the reader.",
    )
    out.table(
        f"Contradicted by their neighbours, of {len(honest):,} SQL cases",
        ("", "reversed", "suspected", "of these reversed", "share of the others suspected"),
        rows,
    )


def _contradicted(table: Table, success: NDArray[np.bool_]) -> NDArray[np.bool_]:
    vectors = table.vectors[table.owner]
    plans = [case.plan.text() for case in table.cases]
    found = np.zeros(len(success), np.bool_)
    for case in range(len(success)):
        cosine = (vectors @ vectors[case]).astype(np.float64)
        cosine[case] = -1
        near = np.argsort(-cosine, kind="stable")[:_NEIGHBOURS]
        alike = plan_agreement(plans[case], [plans[other] for other in near])
        won, theirs = float(success[case]), success[near].astype(np.float64)
        found[case] = contradiction(won, 1 - won, cosine[near], alike, theirs, 1 - theirs) is not None
    return found


def _injections(data: Path, out: Report) -> None:
    rows: list[tuple[str, int, int]] = []
    for path in sorted(data.glob("*/*.jsonl.gz")):
        if path.stem.startswith("reuse"):
            continue
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts = [_text(json.loads(line)) for line in lines]
        rows.append(
            (f"{path.parent.name}/{path.name.split('.')[0]}", len(texts), sum(map(bool, map(instruction_in, texts))))
        )
    out.table("Ordinary tasks and plans taken for instructions to the reader", ("texts", "number", "suspected"), rows)
    total = sum(number for _, number, _ in rows)
    out.target(f"share of {total:,} ordinary texts suspected", sum(hits for *_, hits in rows) / total, at_most=0.0001)


def _text(row: dict[str, object]) -> str:
    parts = (value if isinstance(value, list) else [value] for value in row.values() if isinstance(value, str | list))
    return "\n".join(str(item) for part in parts for item in part)
