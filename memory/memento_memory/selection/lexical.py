"""The lexical leg: which words to ask the full-text index for, and how alike two texts are by their words.

FTS5 only finds candidates. They are scored here, because FTS5's own bm25() gives words in more than half of
the cases no weight at all, which leaves a bank of few or of templated cases without a usable similarity.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOKENIZER = "unicode61 remove_diacritics 2"  # the FTS5 tokenizer that words() follows
_MAX_TERMS = 48
_SATURATION, _LENGTH_PENALTY = 1.2, 0.75  # k1 and b of BM25, the values FTS5 uses
_LEAST_WEIGHT = 0.5  # of a word that every case has: agreeing on it is little, but not nothing
_CURVE = 0.6  # lifts shares of matched weight onto the scale of sentence-embedding cosines

_WORD = re.compile(r"[^\W_]+")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_DIACRITICS = re.compile("[\u0300-\u0331]")


@dataclass(frozen=True, slots=True)
class BankWords:
    """What the full-text index knows about the words of a bank."""

    cases: int
    mean_length: float  # words per case
    frequency: Callable[[str], int]  # in how many cases a word occurs, 0 for an unknown one
    about: Callable[[str], int] | None = None  # the same as it was a little ago, which takes less time


def words(text: str) -> list[str]:
    """Split a text into folded words, in order, as FTS5's TOKENIZER does."""
    if not text.isascii():
        text = _DIACRITICS.sub("", _NOT_ASCII.sub(_without_accent, text))
    return _WORD.findall(text.lower().replace("ς", "σ"))


def _without_accent(found: re.Match[str]) -> str:
    """The bare letter of an accented Latin one; FTS5 leaves other scripts, й, ή and 한 among them, as they are."""
    bare = unicodedata.normalize("NFD", found[0])[0]
    return bare if bare.isascii() else found[0]


def match_expression(text: str, frequency: Callable[[str], int], *, max_postings: int = 5_000) -> str | None:
    """Turn any text into a safe FTS5 query for its rarest words, joined by OR.

    The time FTS5 takes grows with the number of index entries it reads, so the commonest words are left out
    once the others have used up the allowance. The rarest word always stays.

    Args:
        text: the task, in free form.
        frequency: in how many cases a word occurs; unknown words are left out.
        max_postings: how many index entries the words may have together.

    Returns:
        The MATCH expression, or None when no word of the text occurs in the bank.
    """
    counted = sorted((count, word) for word in set(words(text)) if (count := frequency(word)) > 0)
    kept: list[str] = []
    postings = 0
    for count, word in counted[:_MAX_TERMS]:
        postings += count
        if kept and postings > max_postings:
            break
        kept.append(f'"{word}"')
    return " OR ".join(kept) or None


class Wording:
    """The distinctive wording of a task, and how much of it other texts repeat.

    BM25 (Robertson & Zaragoza 2009, with the positive inverse frequency of Lucene), divided by the score the
    task would have against itself. So 1 is the same words, 0 none in common, whatever the bank.
    """

    def __init__(self, text: str, bank: BankWords) -> None:
        asked = words(text)
        self._weights = {word: _weight(bank.frequency(word), bank.cases) for word in asked}
        self._bank = bank
        self._mean_length = bank.mean_length
        self._own = _bm25(asked, self._weights, bank.mean_length)

    def rarity(self, word: str) -> float:
        """Inverse document frequency of a folded word among the bank's tasks, above 0."""
        known = self._weights.get(word)
        return _weight((self._bank.about or self._bank.frequency)(word), self._bank.cases) if known is None else known

    def similarity(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Similarities in [0, 1] of n texts, shape (n,)."""
        if self._own == 0:
            return np.zeros(len(texts))
        scores = np.array([_bm25(words(text), self._weights, self._mean_length) for text in texts], dtype=np.float64)
        return np.asarray(np.minimum(scores / self._own, 1.0) ** _CURVE)


def lexical_similarity(query: str, texts: Sequence[str], bank: BankWords) -> NDArray[np.float64]:
    """Score how much of the query's distinctive wording each of n texts repeats, in [0, 1], shape (n,)."""
    return Wording(query, bank).similarity(texts)


def _weight(frequency: int, cases: int) -> float:
    """Inverse document frequency; a word not in the bank weighs as one that is in it once."""
    found = max(1, min(frequency, cases))
    return max(_LEAST_WEIGHT, math.log1p((max(cases, 1) - found + 0.5) / (found + 0.5)))


def _bm25(text: Sequence[str], weights: dict[str, float], mean_length: float) -> float:
    length = _SATURATION * (1 - _LENGTH_PENALTY + _LENGTH_PENALTY * len(text) / max(mean_length, 1.0))
    counts: dict[str, int] = {}
    for word in text:  # a Counter takes three times as long for the few words of a task
        if word in weights:
            counts[word] = counts.get(word, 0) + 1
    return sum(weights[word] * n * (_SATURATION + 1) / (n + length) for word, n in counts.items())
