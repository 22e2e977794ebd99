"""How often an adapted plan is offered, and how often it is right, on real tasks.

Plans of SQL, shell commands and text-world actions are adapted to other real tasks by `adapt` and by two baselines:
copying the plan, and substituting without any check of soundness. SQL is executed and its rows are compared with those
of the reference; commands and actions are compared with the reference ones. All groups of tasks (databases, commands,
pages, kinds) are split in two halves; the rules were chosen on the first, and figures are of the second unless
`--half tuning` is given.

    python benchmarks/adaptation.py --data DIR [--half reporting|tuning] [--only sql,scienceworld,nl2bash,tldr]
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sqlite3
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import Any

from memento_memory.case import Task
from memento_memory.plan import Plan, Subtask
from memento_planner.adapt import adapt
from memento_planner.align import align, phrase, tokens
from memento_planner.rewrite import Finder, Pattern, atoms, styled

Rows = list[dict[str, Any]]
Adapter = Callable[[Plan, Task, Task], Plan | None]
_STEPS = 3_000_000  # SQLite instructions after which a query counts as wrong
_WORD = re.compile(r"\w+")


def main() -> None:
    options = _options()
    parts = {"sql": sql, "scienceworld": scienceworld, "nl2bash": nl2bash, "tldr": tldr}
    for name in options.only.split(","):
        print(f"\n== {name}, {options.half} half")
        parts[name](options.data, options.half)


def sql(data: Path, half: str) -> None:
    """Nearest success of the same database, and every pair; right when the rows are those of the reference."""
    tasks = {t["id"]: t for t in _read(data, "intercode-sql/tasks") if _half(t["db"]) == half}
    cases = {c["case"]: c for c in _read(data, "intercode-sql/cases")}
    bases = _databases(data)
    candidates: dict[int, list[tuple[float, Rows]]] = defaultdict(list)
    for row in _read(data, "intercode-sql/reuse"):
        case = cases[row["case"]]
        query = tasks.get(row["query"])
        if query and case["reward"] == 1 and case["task"] != row["query"] and case["task"] in tasks:
            other = tasks[case["task"]]
            if other["db"] == query["db"]:
                near = _overlap(query["query"], other["query"])
                candidates[row["query"]].append((near, [query, other, case, row]))
    runs = {id_: sorted(found, key=lambda f: (-f[0], f[1][2]["case"])) for id_, found in candidates.items()}
    memo: dict[tuple[str, str], Any] = {}

    def rows(db: str, statement: str) -> Any:
        if (db, statement) not in memo:
            memo[db, statement] = _rows(bases[db], statement)
        return memo[db, statement]

    def right(plan: Plan, query: dict[str, Any]) -> bool:
        got, wanted = rows(query["db"], plan.subtasks[0].description), rows(query["db"], query["gold"])
        if got is None or wanted is None:
            return False
        return bool(got == wanted) if "order by" in query["gold"].lower() else Counter(got) == Counter(wanted)

    def judged(choice: list[Any], adapter: Adapter) -> bool | None:
        query, other, case, _ = choice
        tasks_ = [Task(t["query"], f"{t['db']} database") for t in (other, query)]
        plan = adapter(Plan((Subtask(1, case["sql"]),)), tasks_[0], tasks_[1])
        return None if plan is None else right(plan, query)

    nearest = [found[0][1] for found in runs.values()]
    every = [choice for found in runs.values() for _, choice in found]
    print(f"{len(runs)} tasks of {len({t['db'] for t in tasks.values()})} databases, {len(every)} pairs")
    for title, choices in (("nearest success", nearest), ("every pair", every)):
        _report(title, [_of(partial(judged, c)) for c in choices])
    fixed = [bool(choice[3]["success"]) for choice in nearest]
    print(f"  fixed rule of the reuse table, nearest success: right {sum(fixed) / len(fixed):.3f}")
    firsts = {}
    for name, adapter in ADAPTERS.items():
        verdicts = ((judged(c, adapter) for _, c in found[:10]) for found in runs.values())
        firsts[name] = [next((v for v in verdict if v is not None), None) for verdict in verdicts]
    _report(
        "first draft among the ten nearest",
        [dict(zip(firsts, v, strict=True)) for v in zip(*firsts.values(), strict=True)],
    )


def scienceworld(data: Path, half: str) -> None:
    """Pairs of the same kind; right when the actions are those of the reference."""
    gold = {(g["task"], g["var"]): g for g in _read(data, "scienceworld/gold")}
    outcomes: list[dict[str, bool | None]] = []
    scores: dict[str, list[float]] = defaultdict(list)
    alike: dict[str, list[float]] = defaultdict(list)
    for row in _read(data, "scienceworld/reuse"):
        q, c = gold.get(tuple(row["q"])), gold.get(tuple(row["c"]))
        if not q or not c or row["q"] == row["c"] or q["task"] != c["task"] or _half(q["task"]) != half:
            continue
        plan = Plan(tuple(Subtask(i, text) for i, text in enumerate(c["gold"], start=1)))
        made = {name: a(plan, Task(c["desc"]), Task(q["desc"])) for name, a in ADAPTERS.items()}
        outcomes.append(
            {k: None if v is None else [s.description for s in v.subtasks] == q["gold"] for k, v in made.items()}
        )
        group = "offered" if made["adapt"] else "refused"
        scores[group].append(row["score"])
        for name, draft in made.items():
            if draft and made["adapt"]:
                texts = [s.description for s in draft.subtasks]
                alike[name].append(SequenceMatcher(None, texts, q["gold"], autojunk=False).ratio())
    _report("pairs of the same kind", outcomes)
    for group, values in scores.items():
        print(
            f"  reuse score of the pairs {group}: mean {sum(values) / len(values):.1f}, full {_share(values, 100):.3f}"
        )
    for name, values in alike.items():
        print(f"  {name}: similarity to the reference actions where adapt offers {sum(values) / len(values):.3f}")


def nl2bash(data: Path, half: str) -> None:
    """The nearest other task; right when the command is the reference one, quotation marks and spaces aside."""
    pairs = [p for p in _read(data, "nl2bash/pairs") if _half(p["cmd"]) == half]
    _commands([(Task(p["nl"]), p["cmd"]) for p in pairs])


def tldr(data: Path, half: str) -> None:
    """The nearest other task, with the page's name as the context."""
    pairs = [p for p in _read(data, "tldr/pairs_en") if _half(p["page"]) == half]
    _commands([(Task(p["task"], p["page"].split("/", 1)[1]), p["cmd"]) for p in pairs])


def _commands(pairs: list[tuple[Task, str]]) -> None:
    """Judge the nearest other task, and the nearest whose command is another one."""
    answers: dict[str, set[str]] = defaultdict(set)
    for task, command in pairs:
        answers[f"{task.context}\n{task.text.lower()}"].add(_plain(command))

    def judged(case: tuple[Task, str], query: Task, wanted: set[str], adapter: Adapter) -> bool | None:
        made = adapter(Plan((Subtask(1, case[1]),)), case[0], query)
        return None if made is None else _plain(made.subtasks[0].description) in wanted

    nearest: list[dict[str, bool | None]] = []
    other: list[dict[str, bool | None]] = []
    for i, best in _nearest([f"{t.context} {t.text}" for t, _ in pairs]):
        query, wanted = pairs[i][0], answers[f"{pairs[i][0].context}\n{pairs[i][0].text.lower()}"]
        for found, chosen in ((nearest, best[:1]), (other, [j for j in best if _plain(pairs[j][1]) not in wanted][:1])):
            for j in chosen:
                found.append(_of(partial(judged, pairs[j], query, wanted)))
    _report("nearest other task", nearest)
    _report("nearest task with another command", other)


def _by_adapt(plan: Plan, old: Task, new: Task) -> Plan | None:
    return adapt(plan, old=old, new=new).plan


def _copied(plan: Plan, old: Task, new: Task) -> Plan | None:
    return plan


def _unchecked(plan: Plan, old: Task, new: Task) -> Plan | None:
    """Every differing phrase that the plan names is exchanged, and nothing is checked."""
    new_texts: dict[Pattern, str] = {}
    for a, b in ((old.text, new.text), (old.context, new.context)):
        aligned = align(tokens(a), tokens(b))
        for d in aligned.differences if aligned else ():
            if d.old and d.new:
                new_texts[Pattern.of(phrase(a, d.old))] = phrase(b, d.new)
                if len(d.old) == len(d.new):
                    new_texts |= {Pattern.of(x.text): y.text for x, y in zip(d.old, d.new, strict=True)}
    finder = Finder(new_texts)
    steps = []
    for step in plan.subtasks:
        text, parts = step.description, atoms(step.description)
        for match in reversed(finder.matches(text, parts)):
            put = styled(step.description, match, parts, new_texts[match.pattern])
            text = text[: match.start] + (put or new_texts[match.pattern]) + text[match.end :]
        steps.append(Subtask(step.id, text, step.depends_on, step.tool))
    return Plan(tuple(steps))


ADAPTERS: dict[str, Adapter] = {"adapt": _by_adapt, "copied": _copied, "unchecked": _unchecked}


def _of(made: Callable[[Adapter], Any]) -> dict[str, Any]:
    return {name: made(adapter) for name, adapter in ADAPTERS.items()}


def _report(title: str, outcomes: list[dict[str, bool | None]]) -> None:
    print(f"{title}: {len(outcomes)}")
    for name in ADAPTERS:
        offered = [o[name] for o in outcomes if o[name] is not None]
        right = sum(map(bool, offered))
        missed = sum(1 for o in outcomes if o[name] is None and o["unchecked"])
        print(
            f"  {name:10s} offered {len(offered):6d} ({len(offered) / max(len(outcomes), 1):.3f})  right {right:5d}"
            f"  precision {right / max(len(offered), 1):.3f}  refused though unchecked is right {missed}"
        )


def _share(values: list[float], wanted: float) -> float:
    return sum(v == wanted for v in values) / len(values)


def _overlap(a: str, b: str) -> float:
    x, y = set(_WORD.findall(a.lower())), set(_WORD.findall(b.lower()))
    return len(x & y) / max(len(x | y), 1)


def _nearest(texts: list[str], *, best: int = 10, common: int = 400) -> Iterator[tuple[int, list[int]]]:
    """For each text the others with the largest Jaccard overlap of words, found through its rarer words."""
    sets = [set(_WORD.findall(t.lower())) for t in texts]
    index: dict[str, list[int]] = defaultdict(list)
    for i, words in enumerate(sets):
        for word in words:
            index[word].append(i)
    for i, words in enumerate(sets):
        shared = Counter(j for w in sorted(words) if len(index[w]) <= common for j in index[w])
        near = [(len(words & sets[j]) / len(words | sets[j]), j) for j, _ in shared.most_common(200) if j != i]
        yield i, [j for _, j in sorted(near, key=lambda x: (-x[0], x[1]))[:best]]


def _plain(command: str) -> str:
    return " ".join(command.replace("'", '"').split()).replace('"', "")


def _half(group: str) -> str:
    return ("tuning", "reporting")[zlib.crc32(group.encode()) % 2]


def _read(data: Path, name: str) -> Rows:
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _databases(data: Path) -> dict[str, sqlite3.Connection]:
    text = gzip.decompress((data / "intercode-sql/databases.sqlite.sql.gz").read_bytes()).decode()
    found = {}
    for part in re.split(r"^-- database: ", text, flags=re.MULTILINE)[1:]:
        name, script = part.split("\n", 1)
        found[name.strip()] = sqlite3.connect(":memory:")
        found[name.strip()].executescript(script)
    return found


def _rows(base: sqlite3.Connection, statement: str) -> list[Any] | None:
    """The rows of a query, or None when it does not run or takes too long."""
    base.set_progress_handler(lambda: 1, _STEPS)
    try:
        return base.execute(statement).fetchmany(100_000)
    except (sqlite3.Error, sqlite3.Warning):
        return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure plan adaptation on real tasks.")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with intercode-sql, scienceworld, nl2bash and tldr"
    )
    parser.add_argument("--half", choices=("reporting", "tuning"), default="reporting")
    parser.add_argument("--only", default="sql,scienceworld,nl2bash,tldr", help="comma-separated parts")
    options = parser.parse_args()
    if not (options.data / "intercode-sql" / "tasks.jsonl.gz").exists():
        sys.exit(
            f"No data in {options.data}: it needs intercode-sql/tasks.jsonl.gz and its neighbours; give --data DIR."
        )
    return options


if __name__ == "__main__":
    main()
