"""The lexical leg of retrieval: cases found by the words they share with a task, through FTS5."""

from __future__ import annotations

import json
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import apsw

from memento_memory.selection.lexical import BankWords, match_expression
from memento_memory.store.query import fetch_all, fetch_one

_FEWEST_POSTINGS, _CASES_A_POSTING = 400, 50  # how much FTS5 may read; what embeddings find is scored by words anyway
_COMMON = 50  # cases that have a word
_KEPT = 50_000  # words
_HELD: WeakKeyDictionary[apsw.Connection, tuple[int, dict[str, int], dict[str, int]]] = WeakKeyDictionary()


def bank_words(db: apsw.Connection) -> BankWords:
    """What the full-text index knows: the number of cases, their mean length in words, and each word's frequency."""
    cases, total = _totals(db)
    common, rough = _kept_words(db, cases)
    known: dict[str, int] = {}

    def frequency(word: str) -> int:
        count = common.get(word) or known.get(word)
        if count is None:
            found = fetch_one(db, "SELECT doc FROM case_vocabulary WHERE term = ?", (word,))
            count = known[word] = rough[word] = int(found[0]) if found else 0
            if count >= _COMMON:
                common[word] = count
        return count

    def about(word: str) -> int:
        count = rough.get(word)
        return frequency(word) if count is None else count

    return BankWords(cases, total / cases if cases else 1.0, frequency, about)


def _kept_words(db: apsw.Connection, cases: int) -> tuple[dict[str, int], dict[str, int]]:
    """Frequencies of common words, and rough ones of all, kept until the bank has changed by one part in fifty.

    FTS5 counts a word's cases anew each time it is asked, a millisecond for one that tens of thousands have. Rare words
    are quick, and one case more is much for them, so they are asked for where it matters.
    """
    held = _HELD.get(db)
    if held is None or abs(cases - held[0]) * 50 > held[0] or len(held[2]) > _KEPT:
        held = _HELD[db] = (cases, {}, {})
    return held[1], held[2]


def nearest(db: apsw.Connection, state: str, namespaces: Sequence[str], limit: int, bank: BankWords) -> list[int]:
    """Row keys of the cases that share the most telling words with a state, best first."""
    most = _FEWEST_POSTINGS + bank.cases // _CASES_A_POSTING
    expression = match_expression(state, bank.frequency, max_postings=most)
    if expression is None:
        return []
    sql = (
        "SELECT cases.key FROM case_words JOIN cases ON cases.key = case_words.rowid"
        " WHERE case_words MATCH ? AND namespace IN (SELECT value FROM json_each(?)) ORDER BY rank LIMIT ?"
    )
    return [key for (key,) in fetch_all(db, sql, (expression, json.dumps(list(namespaces)), limit))]


def _totals(db: apsw.Connection) -> tuple[int, int]:
    """How many texts are indexed, and how many words they have: FTS5 keeps both, and counting anew takes milliseconds.

    They are the first two numbers of the index's averages record (`%_data` row 1, see sqlite.org/fts5.html), written as
    SQLite's varints.
    """
    found = fetch_one(db, "SELECT block FROM case_words_data WHERE id = 1")
    numbers, number = [], 0
    for byte in found[0] if found else b"":
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    return (numbers[0], numbers[1]) if len(numbers) > 1 else (0, 0)
