"""Export and import of cases as JSON lines: our own versioned schema, the two of the reference implementation, and
plain (task, plan) pairs.

A file of ours begins with a header line {"format": "memento-cases", "version": 1}; each further line is one case.
Import is idempotent: a case whose content (namespace, task, plan) is in the bank is skipped, a forgotten one stays so.
A case whose texts instruct the reader goes into quarantine.
"""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from memento_memory import keeping
from memento_memory.bank import CaseBank
from memento_memory.case import Case, Evidence, Outcome, Result
from memento_memory.curation.injection import suspicion
from memento_memory.errors import InputError, MementoError
from memento_memory.limits import check_namespace, check_notes, check_tags, check_task
from memento_memory.plan import parse_plan
from memento_memory.retention import new_id
from memento_memory.store import cases
from memento_memory.text import check

FORMAT = "memento-cases"
VERSION = 1
_BATCH = 500
_TASK_NAMES = ("task", "question", "query", "nl", "instruction", "prompt", "desc")
_PLAN_NAMES = ("plan", "steps", "cmd", "command", "gold", "sql", "solution", "answer")
_CONTEXT_NAMES = ("context", "db", "page")
_MAX_NAME_BYTES = 200
_ID = re.compile(r"[\w-]{1,64}")
_LABELS = {"positive": Outcome.SUCCESS, "negative": Outcome.FAILURE}


@dataclass(slots=True)
class ImportReport:
    """What an import did: how many lines came in, how many of these are in quarantine, and why the others did not."""

    imported: int = 0
    quarantined: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def skip(self, reason: str, line: int, detail: str) -> None:
        """Count a line that was left out; the first of each reason is kept as an example."""
        self.skipped[reason] += 1
        self.examples.setdefault(reason, f"line {line}: {detail}")

    @property
    def total_skipped(self) -> int:
        return sum(self.skipped.values())


def export_cases(bank: CaseBank, write: Callable[[str], object], *, namespaces: tuple[str, ...] = ()) -> int:
    """Write all active cases as JSON lines, streaming; return how many."""
    write(json.dumps({"format": FORMAT, "version": VERSION}) + "\n")
    count = 0
    for page in bank.pages(namespaces=namespaces):
        for case in page:
            write(json.dumps(_to_json(case), ensure_ascii=False) + "\n")
            count += 1
    return count


def import_cases(
    bank: CaseBank,
    lines: Iterable[str],
    *,
    namespace: str = "default",
    tags: tuple[str, ...] = (),
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Read cases from JSON lines, or from one JSON list, in any of the schemas known here.

    Lines that cannot be used are skipped and reported; the rest goes in, in batches that are each on disk before the
    next is read.

    Args:
        namespace: where cases go that name none.
        tags: added to every case.
        progress: called with the number of lines read, after each batch.

    Raises:
        InputError: if the header names another format or a newer version.
    """
    report = ImportReport()
    batch: list[tuple[int, Case]] = []
    number = 0
    for number, item in _items(lines, report):
        if _is_header(item):
            _check_header(item)
            continue
        try:
            batch.append((number, _case(item, namespace, tags)))
        except MementoError as error:
            report.skip(getattr(error, "field", "line"), number, str(error))
        if len(batch) >= _BATCH:
            _write(bank, batch, report)
            batch.clear()
            if progress:
                progress(number)
    _write(bank, batch, report)
    if progress:
        progress(number)
    return report


def read_case(line: str) -> Case | None:
    """The case in one line, or None when there is none that could be imported."""
    try:
        item = json.loads(line)
        return None if not isinstance(item, dict) or _is_header(item) else _case(item, "default", ())
    except (ValueError, RecursionError, MementoError):
        return None


def open_lines(path: Path) -> IO[str]:
    """Open a JSONL file for reading, gzip'd or not.

    Raises:
        InputError: if there is no such file.
    """
    if not path.is_file():
        raise InputError("file", f"there is no file {path}; give the path of a JSONL file")
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    opener = gzip.open if is_gzip else open
    return cast("IO[str]", opener(path, "rt", encoding="utf-8", errors="replace"))


def _intact(lines: Iterable[str]) -> Iterator[str]:
    try:
        yield from lines
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            "file", f"cannot be read to its end ({error}); what was imported up to there stays, get the file again"
        ) from error


def _items(lines: Iterable[str], report: ImportReport) -> Iterator[tuple[int, Mapping[str, Any]]]:
    number = 0
    for number, line in enumerate(_intact(lines), start=1):
        text = line.strip().removeprefix("\ufeff")
        if not text:
            continue
        try:
            item = json.loads(text)
        except (ValueError, RecursionError) as error:
            report.skip("not JSON", number, f"{error}; one JSON object a line is expected")
            continue
        for entry in item if isinstance(item, list) else [item]:
            if isinstance(entry, dict):
                yield number, entry
            else:
                report.skip("not an object", number, "one JSON object a line is expected")


def _is_header(item: Mapping[str, Any]) -> bool:
    return "format" in item and item.keys().isdisjoint(("case", *_TASK_NAMES))


def _check_header(item: Mapping[str, Any]) -> None:
    if item["format"] != FORMAT:
        raise InputError("format", f"is {item['format']!r}; this reads {FORMAT!r}, or lines with a task and a plan")
    version = item.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError("version", f"is {version!r}, this Memento reads up to {VERSION}; upgrade it to read this file")


def _to_json(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "namespace": case.namespace,
        "task": case.task.text,
        "context": case.task.context,
        "plan": case.plan.to_json(),
        "outcome": case.result.outcome.value,
        "reward": case.result.reward,
        "evidence": case.result.evidence.value,
        "notes": case.result.notes,
        "tags": list(case.tags),
        "host": case.host,
        "model": case.model,
        "successes": case.successes,
        "failures": case.failures,
        "created_at": case.created_at,
    }


def _case(item: Mapping[str, Any], namespace: str, tags: tuple[str, ...]) -> Case:
    if "case" in item and "task" not in item:  # the reference implementation's {case, plan, case_label}
        item = {**item, "task": item["case"]}
    task = check_task(_text(item, _TASK_NAMES, "task"), _text(item, _CONTEXT_NAMES, "context", default=""))
    plan = parse_plan(_first(item, _PLAN_NAMES, "plan"))
    result = _result(item)
    own_id, own_tags = item.get("id"), item.get("tags") or []
    if not isinstance(own_tags, list):
        raise InputError("tags", "is not a list of words; give tags as text")
    successes, failures = result.counts
    is_known = result.outcome is not Outcome.UNKNOWN
    now = time.time()
    return Case(
        id=own_id if isinstance(own_id, str) and _ID.fullmatch(own_id) else "",
        namespace=check_namespace(item.get("namespace") or namespace),
        task=task,
        plan=plan,
        result=result,
        tags=check_tags((*own_tags, *tags)),
        host=check("host", _text(item, ("host",), "host", default=""), limit=_MAX_NAME_BYTES),
        model=check("model", _text(item, ("model",), "model", default=""), limit=_MAX_NAME_BYTES),
        successes=_number(item, "successes", successes) if is_known else 0.0,
        failures=_number(item, "failures", failures) if is_known else 0.0,
        created_at=_number(item, "created_at", now),
        updated_at=now,
    )


def _result(item: Mapping[str, Any]) -> Result:
    reward, label = item.get("reward"), item.get("case_label")
    if reward is not None and (isinstance(reward, bool) or not isinstance(reward, int | float) or not 0 <= reward <= 1):
        raise InputError("reward", f"is {reward!r:.40}, not a number in [0, 1]")
    if label is not None and label not in tuple(_LABELS):
        raise InputError("case_label", f"is {label!r:.40}; 'positive' and 'negative' are known")
    if "outcome" in item:
        outcome = _choice(item["outcome"], Outcome, "outcome")
    elif label is not None:
        outcome = _LABELS[label]
    elif reward is not None:
        outcome = Outcome.SUCCESS if reward >= 0.5 else Outcome.FAILURE
    else:
        outcome = Outcome.SUCCESS  # a bare (task, plan) pair says: this is how it is done
    evidence = _choice(item.get("evidence") or Evidence.SELF_REPORT.value, Evidence, "evidence")
    notes = check_notes(_text(item, ("notes",), "notes", default=""))
    return Result.graded(outcome, None if reward is None else float(reward), evidence, notes)


def _choice(value: Any, kind: Any, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise InputError(name, f"is {value!r:.40}; one of {', '.join(kind)} is expected") from None


def _first(item: Mapping[str, Any], names: tuple[str, ...], name: str) -> Any:
    for candidate in names:
        if item.get(candidate) not in (None, "", []):
            return item[candidate]
    raise InputError(name, f"is missing; a line needs a {name}, under one of: {', '.join(names)}")


def _text(item: Mapping[str, Any], names: tuple[str, ...], name: str, default: str | None = None) -> str:
    for candidate in names:
        value = item.get(candidate)
        if isinstance(value, str) and value.strip():
            return value
    if default is None:
        raise InputError(name, f"is missing; a line needs a {name}, under one of: {', '.join(names)}")
    return default


def _number(item: Mapping[str, Any], name: str, default: float) -> float:
    value = item.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e12 else default


def _write(bank: CaseBank, batch: list[tuple[int, Case]], report: ImportReport) -> None:
    if not batch:
        return
    with bank.database.writing() as db:
        taken = cases.keys_of(db, [case.id for _, case in batch])
        for number, case in batch:
            content = case.content_hash
            if cases.by_content(db, content):
                report.skip("already in the bank", number, case.task.text[:80])
            elif cases.by_content(db, content, forgotten=True):
                report.skip("forgotten here", number, case.task.text[:80])
            else:
                named = case if case.id and case.id not in taken else case.named(new_id("c"))
                taken[named.id] = cases.insert(db, named)
                report.imported += 1
                if words := suspicion(named):
                    keeping.quarantine(db, named.id, words, named.updated_at)
                    report.quarantined += 1
