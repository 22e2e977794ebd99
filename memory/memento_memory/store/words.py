"""The lexical leg of retrieval: cases found by the words they share with a task, through FTS5."""

from __future__ import annotations

import json
from collections.abc import Sequence

import apsw

from memento_memory.selection.lexical import BankWords, match_expression
from memento_memory.store.query import fetch_all, fetch_one


def bank_words(db: apsw.Connection) -> BankWords:
    """What the full-text index knows: the number of cases, their mean length in words, and each word's frequency."""
    known: dict[str, int] = {}

    def frequency(word: str) -> int:
        if word not in known:
            found = fetch_one(db, "SELECT doc FROM case_vocabulary WHERE term = ?", (word,))
            known[word] = int(found[0]) if found else 0
        return known[word]

    cases, total = _totals(db)
    return BankWords(cases, total / cases if cases else 1.0, frequency)


def nearest(db: apsw.Connection, state: str, namespaces: Sequence[str], limit: int, bank: BankWords) -> list[int]:
    """Row keys of the cases that share the most telling words with a state, best first."""
    expression = match_expression(state, bank.frequency)
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
