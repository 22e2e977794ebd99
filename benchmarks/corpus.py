"""The tasks and plans that banks are filled with, and tasks held out to ask about."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memento_memory.case import Task
from memento_memory.text import normalised

HELD_OUT = 2_000
_VERBS = """archive audit benchmark build clean compare compile compress configure convert count debug delete
deploy describe diagnose download encrypt export extract filter format group import index inspect install list
merge migrate monitor move normalise parse patch plot profile publish refactor rename replace report resize
restore rotate sample schedule search sort split summarise synchronise tag test tidy trace translate update
upload validate verify"""
_THINGS = """access logs; address books; api keys; audio files; backups; bank statements; bug reports; calendars;
certificates; chat messages; commit messages; containers; contracts; cookies; coordinates; crash dumps; customer
records; database tables; docker images; duplicate rows; e-mails; environment variables; error messages; exam
results; expense reports; feature flags; fonts; forms; hard links; house prices; html pages; image thumbnails;
invoices; job queues; json documents; kernel modules; language files; lecture notes; licences; log lines; maps;
meeting minutes; metrics; network packets; old snapshots; open issues; orders; passwords; patient records; pdf
pages; photos; playlists; polls; power readings; price lists; pull requests; receipts; release notes; rsa keys;
screenshots; sensor values; sessions; shell aliases; spreadsheets; stack traces; street names; subtitles; survey
answers; symbolic links; temperatures; tickets; time series; timesheets; train times; translations; tweets; unit
tests; user accounts; video clips; virtual machines; vocabulary lists; weather records; web hooks; xml schemas;
yaml files; zip archives"""
_PLACES = """of last month; of the Berlin office; in the staging cluster; on the old laptop; for the annual report; by
customer; by date; with a script; without any downtime; in the home folder; on the build server; from the mobile
app; for the new team; of the second quarter; in the data warehouse; on all replicas; after the migration;
before the release; for the tax office; in the shared drive; of the sales team; by size; by owner; in the test
suite; on the edge nodes"""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Distinct (task, plan steps) pairs in a fixed random order; none of the held-out tasks is among the pairs."""

    name: str
    pairs: tuple[tuple[Task, tuple[str, ...]], ...]
    held_out: tuple[Task, ...]

    def lines(self, first: int, last: int) -> Iterator[str]:
        """Pairs number `first` up to `last` as lines for `import_cases`."""
        for task, steps in self.pairs[first:last]:
            yield json.dumps({"task": task.text, "context": task.context, "plan": list(steps)}, ensure_ascii=False)


def load(data: Path | None, size: int) -> Corpus:
    """Real tasks (tldr-pages and NL2Bash) where they are at hand, made-up ones otherwise.

    Where `size` is more than there is, pairs of tasks are combined into tasks of two steps.

    Raises:
        FileNotFoundError: if there is a data folder without those files.
    """
    shuffled = random.Random(1)
    if data is None:
        pairs, name = _made_up(size + HELD_OUT), "made-up tasks"
    else:
        pairs, name = [*_tldr(data), *_nl2bash(data)], "tldr-pages and NL2Bash"
    pairs = _distinct(pairs)
    shuffled.shuffle(pairs)
    held_out, pairs = [task for task, _ in pairs[:HELD_OUT]], pairs[HELD_OUT:]
    if len(pairs) < size:
        name += f", {size - len(pairs):,} of the largest bank combined from two"
        pairs = _distinct([*pairs, *itertools.islice(_combined(pairs), 2 * (size - len(pairs)))])
    return Corpus(name, tuple(pairs[:size]), tuple(held_out))


Pair = tuple[Task, tuple[str, ...]]


def _tldr(data: Path) -> Iterator[Pair]:
    with gzip.open(data / "tldr" / "pairs_en.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            yield Task(row["task"].strip(), row["page"].split("/")[-1]), (row["cmd"],)


def _nl2bash(data: Path) -> Iterator[Pair]:
    with gzip.open(data / "nl2bash" / "pairs.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            yield Task(row["nl"].strip(), ""), (row["cmd"],)


def _made_up(size: int) -> list[Pair]:
    things, places = ([part.strip() for part in " ".join(text.split()).split(";")] for text in (_THINGS, _PLACES))
    every: list[Pair] = []
    for verb, thing, place in itertools.product(_VERBS.split(), things, places):
        steps = (f"find the {thing} {place}", f"{verb} them", "check the result")
        every.append((Task(f"{verb.capitalize()} the {thing} {place}"), steps))
    return every if len(every) <= size else random.Random(2).sample(every, size)


def _combined(pairs: list[Pair]) -> Iterator[Pair]:
    draw = random.Random(3)
    while True:
        (one, first), (other, second) = draw.sample(pairs, 2)
        text = f"{one.text.rstrip('.')}, then {other.text[:1].lower()}{other.text[1:]}"
        yield Task(text, one.context), (*first, *second)


def _distinct(pairs: list[Pair]) -> list[Pair]:
    found: dict[tuple[str, str], Pair] = {}
    for task, steps in pairs:
        kept = tuple(step.strip() for step in steps if step.strip())
        if task.text and kept:
            found.setdefault((normalised(task.text), normalised(task.context)), (task, kept))
    return list(found.values())
