"""How often retrieval finds a case with the right plan: each leg alone, two simple fusions, and ours.

Every task is looked up in the bank of the others. The dense weight is estimated from other cases of the bank
than those reported, by their plans alone. Real FTS5, real embeddings, the 64 best of each leg as candidates.

    python benchmarks/retrieval_quality.py --data DIR [--only nl2bash,tldr,sql,scienceworld,questions]
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import random
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_memory.embedding import Embedder, Ready, load, prepare
from memento_memory.selection.fusion import Probe, estimate_dense_weight, fuse, plan_agreement
from memento_memory.selection.lexical import TOKENIZER, BankWords, lexical_similarity, match_expression, words
from memento_memory.text import normalised
from memento_memory.transfer import import_cases

Ranking = Sequence[int]
_CANDIDATES = 64


@dataclass(frozen=True, slots=True)
class Labelled:
    """Tasks with their plans; two tasks are relevant to each other when they have the same label."""

    name: str
    texts: list[str]
    plans: list[str]
    labels: list[str]


class Bank:
    """Both legs over one set of tasks."""

    def __init__(self, tasks: Labelled, vectors: NDArray[np.float32]) -> None:
        self.texts, self.plans, self.vectors = tasks.texts, tasks.plans, vectors
        self.index = apsw.Connection(":memory:")
        self.index.execute(f"CREATE VIRTUAL TABLE tasks USING fts5 (text, tokenize = '{TOKENIZER}')")
        self.index.execute("CREATE VIRTUAL TABLE vocabulary USING fts5vocab (tasks, row)")
        with self.index:
            self.index.executemany("INSERT INTO tasks (rowid, text) VALUES (?, ?)", list(enumerate(self.texts)))
        counts = list(self.index.execute("SELECT term, doc, cnt FROM vocabulary"))
        known = {str(term): int(cases) for term, cases, _ in counts}
        mean = sum(int(total) for *_, total in counts) / len(self.texts)
        self.words = BankWords(len(self.texts), mean, lambda word: known.get(word, 0))

    def dense(self, query: int) -> list[int]:
        best = np.argsort(-self._cosine(query), kind="stable")[: len(self.texts) - 1]
        return [int(case) for case in best[:_CANDIDATES]]

    def bm25(self, query: int, expression: str | None = None) -> list[int]:
        asked = expression or " OR ".join(f'"{word}"' for word in dict.fromkeys(words(self.texts[query])))
        statement = "SELECT rowid FROM tasks WHERE tasks MATCH ? ORDER BY rank LIMIT ?"
        rows = self.index.execute(statement, (asked, _CANDIDATES + 1)) if asked else ()
        return [int(row) for (row,) in rows if row != query][:_CANDIDATES]

    def candidates(self, query: int) -> tuple[list[int], Probe]:
        text = self.texts[query]
        expression = match_expression(text, self.words.frequency)
        found = sorted({*self.dense(query), *(self.bm25(query, expression) if expression else ())})
        scores = Probe(
            self._cosine(query)[found],
            lexical_similarity(text, [self.texts[i] for i in found], self.words),
            plan_agreement(self.plans[query], [self.plans[i] for i in found]),
        )
        return found, scores

    def _cosine(self, query: int) -> NDArray[np.float64]:
        cosine = np.asarray(self.vectors @ self.vectors[query], dtype=np.float64)
        cosine[query] = -np.inf
        return cosine


def rankings(bank: Bank, query: int, dense_weight: float) -> dict[str, Ranking]:
    """The orders in which the methods would show the cases."""
    dense, lexical = bank.dense(query), bank.bm25(query)
    found, scores = bank.candidates(query)
    reciprocal: Counter[int] = Counter()
    for order in (dense, lexical):
        for place, case in enumerate(order):
            reciprocal[case] += 1 / (61 + place)  # type: ignore[assignment]

    def by(similarity: NDArray[np.float64]) -> Ranking:
        return [found[i] for i in np.argsort(-similarity, kind="stable")]

    return {
        "dense alone": dense,
        "BM25 alone": lexical,
        "reciprocal rank": [case for case, _ in reciprocal.most_common()],
        "fixed weight": by(fuse(scores.cosine, scores.lexical)),
        "ours": by(fuse(scores.cosine, scores.lexical, dense_weight=dense_weight)),
    }


@contextlib.contextmanager
def filled_bank(tasks: Labelled, embedder: Embedder) -> Iterator[CaseBank]:
    """A real case bank with these tasks, its fusion weight found as ever."""
    with tempfile.TemporaryDirectory() as folder:
        bank = CaseBank(Path(folder) / "bank.sqlite3", Ready(embedder))
        lines = (json.dumps({"task": t, "plan": [p]}) for t, p in zip(tasks.texts, tasks.plans, strict=True))
        import_cases(bank, lines)
        bank.embed_pending()
        yield bank
        bank.close()


def retrieved(bank: CaseBank, tasks: Labelled, places: dict[str, int], query: int) -> Ranking:
    """The order in which a search of the bank lists the other tasks."""
    slate = bank.retrieve(Task(tasks.texts[query].strip()), k=_CANDIDATES + 1, browse=True)
    order = (places.get(normalised(shown.case.task.text), -1) for shown in slate.shown)
    return [case for case in order if case not in (query, -1)]


def measure(tasks: Labelled, embedder: Embedder, probes: int, most: int) -> None:
    vectors = embedder.embed(tasks.texts)
    bank, shuffled = Bank(tasks, vectors), random.Random(0).sample(range(len(tasks.texts)), len(tasks.texts))
    sizes = Counter(tasks.labels)
    asked = [i for i in shuffled if sizes[tasks.labels[i]] > 1]
    probes = min(probes, len(shuffled) // 2)
    weight = estimate_dense_weight([bank.candidates(i)[1] for i in shuffled[:probes]])
    held_out = set(shuffled[probes:])
    asked = [i for i in asked if i in held_out][:most]
    scores: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    places = {normalised(text): place for place, text in enumerate(tasks.texts)}
    real = contextlib.ExitStack()
    cases = real.enter_context(filled_bank(tasks, embedder))
    for query in asked:
        orders = rankings(bank, query, weight) | {"CaseBank.retrieve": retrieved(cases, tasks, places, query)}
        for method, ranking in orders.items():
            right = [tasks.labels[case] == tasks.labels[query] for case in ranking]
            first = right.index(True) + 1 if True in right else 0
            recall = sum(right[:4]) / (sizes[tasks.labels[query]] - 1)
            scores[method].append((float(first == 1), recall, 1 / first if first else 0.0))
    real.close()
    print(f"\n{tasks.name}: {len(asked)} queries of {len(tasks.texts)}, dense weight {weight:.2f}")
    means = {method: np.mean(rows, axis=0) for method, rows in scores.items()}
    better = np.maximum(means["dense alone"], means["BM25 alone"])
    print(f"  {'':16}  hit@1 recall@4  MRR    against the better leg")
    for method, mean in means.items():
        columns = "  ".join(f"{value:.3f}" for value in mean)
        print(f"  {method:16}  {columns}   {' '.join(f'{value:+.3f}' for value in mean - better)}")


def nl2bash(data: Path) -> Iterator[Labelled]:
    first: dict[str, str] = {}
    for row in _read(data, "nl2bash/pairs"):
        first.setdefault(row["nl"], row["cmd"])
    sizes = Counter(first.values())
    alone = [text for text, plan in first.items() if sizes[plan] == 1]
    kept = [text for text, plan in first.items() if sizes[plan] > 1] + random.Random(0).sample(alone, 2_500)
    plans = [first[text] for text in kept]
    yield Labelled("nl2bash, same command", kept, plans, plans)
    pipes = [" ".join(p.split()[0] for p in re.split(r"[|;&]+", plan) if p.split()) for plan in plans]
    yield Labelled("nl2bash, same utilities", kept, plans, pipes)


def tldr(data: Path) -> Iterator[Labelled]:
    rows = {row["task"]: row for row in _read(data, "tldr/pairs_en")}
    pages = sorted({row["page"] for row in rows.values()})
    chosen = set(random.Random(0).sample(pages, 900))
    kept = [row for row in rows.values() if row["page"] in chosen]
    yield Labelled("tldr, same page", *_columns(kept, "task", "cmd", "page"))


def sql(data: Path) -> Iterator[Labelled]:
    rows = list({(r["db"], r["query"]): r for r in _read(data, "intercode-sql/tasks")}.values())
    labels = [row["db"] + row["gold"].lower() for row in rows]
    plans = [row["gold"] for row in rows]
    questions = [row["query"] for row in rows]
    placed = [f"{row['db']} database: {row['query']}" for row in rows]
    yield Labelled("SQL with database name, same query (paraphrases)", placed, plans, labels)
    yield Labelled("SQL question alone, same query (paraphrases)", questions, plans, labels)


def scienceworld(data: Path) -> Iterator[Labelled]:
    for name, text in (("description", "{desc}"), ("description and room", "{desc}\n{start_obs}")):
        rows = list({text.format(**row): row for row in _read(data, "scienceworld/gold")}.values())
        plans = [" ; ".join(row["gold"]) for row in rows]
        labels = [row["task"] for row in rows]
        yield Labelled(f"ScienceWorld {name}, same kind", [text.format(**r) for r in rows], plans, labels)


def questions(data: Path) -> Iterator[Labelled]:
    rows = {row["case"]: row for row in _read(data, "memento/memory")}
    labels = [_question_template(text) for text in rows]
    yield Labelled("questions, same template", list(rows), [row["plan"] for row in rows.values()], labels)


def _question_template(text: str) -> str:
    """The first three words and the last, every run of names replaced by a blank."""
    parts = [w if i == 0 or w[:1].islower() else "_" for i, w in enumerate(text.replace("'s", " 's").split())]
    blanked = re.sub(r"(_ ?)+", "_ ", " ".join(parts)).lower().replace("?", "").split()
    return " ".join(blanked[:3] + blanked[-1:])


def _columns(rows: list[dict[str, Any]], *names: str) -> list[list[str]]:
    return [[str(row[name]) for row in rows] for name in names]


def _read(data: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


PARTS: dict[str, Callable[[Path], Iterator[Labelled]]] = {
    "nl2bash": nl2bash,
    "tldr": tldr,
    "sql": sql,
    "scienceworld": scienceworld,
    "questions": questions,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure hybrid retrieval on real tasks.")
    parser.add_argument("--data", type=Path, required=True, help=f"folder with data for {', '.join(PARTS)}")
    parser.add_argument("--only", default=",".join(PARTS), help="comma-separated parts")
    parser.add_argument("--probes", type=int, default=400, help="cases the dense weight is estimated from")
    parser.add_argument("--most", type=int, default=3_000, help="queries per set")
    options = parser.parse_args()
    if not (options.data / "nl2bash" / "pairs.jsonl.gz").exists():
        sys.exit(f"No data in {options.data}: it needs nl2bash/pairs.jsonl.gz and its neighbours; give --data DIR.")
    embedder = load(prepare())
    for part in options.only.split(","):
        for tasks in PARTS[part](options.data):
            measure(tasks, embedder, options.probes, options.most)


if __name__ == "__main__":
    main()
