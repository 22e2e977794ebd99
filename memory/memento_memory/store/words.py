"""The lexical leg of retrieval: cases found by the words they share with a task, through FTS5."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import apsw

from memento_memory.selection.lexical import BankWords, match_expression, words
from memento_memory.store.query import fetch_all, fetch_number, fetch_one

_LENGTH_SAMPLE = 200


def bank_words(db: apsw.Connection) -> BankWords:
    """What the full-text index knows: the number of cases, their mean length in words, and each word's frequency."""
    known: dict[str, int] = {}

    def frequency(word: str) -> int:
        if word not in known:
            found = fetch_one(db, "SELECT doc FROM case_vocabulary WHERE term = ?", (word,))
            known[word] = int(found[0]) if found else 0
        return known[word]

    cases = fetch_number(db, "SELECT count(*) FROM case_words_docsize")
    return BankWords(cases, _mean_length(db), frequency)


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


def _mean_length(db: apsw.Connection) -> float:
    """Words per case, over a sample: an estimate does, for it only evens out long and short texts."""
    newest = fetch_number(db, "SELECT coalesce(max(key), 0) FROM cases")
    drawn = random.Random(newest).sample(range(1, newest + 1), min(_LENGTH_SAMPLE, newest))
    sql = "SELECT state FROM cases WHERE forgotten_at IS NULL AND key IN (SELECT value FROM json_each(?))"
    lengths = [len(words(state)) for (state,) in fetch_all(db, sql, (json.dumps(drawn),))]
    return sum(lengths) / len(lengths) if lengths else 1.0
