"""The words of tasks and plans as sets, kept by text, so that two of them are compared in a microsecond or so."""

from __future__ import annotations

import re
from functools import lru_cache

from memento_memory.selection.lexical import words

_READ = 4_000  # characters of a text that are looked at
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FILLER = frozenset(
    ["a", "an", "and", "are", "as", "at", "be", "been", "by", "can", "could", "did", "do", "does", "for", "had", "has", "have", "he", "her", "his", "i", "in", "is", "it", "its", "just", "me", "may", "might", "my", "of", "on", "or", "our", "please", "shall", "she", "should", "so", "that", "the", "their", "them", "there", "these", "they", "this", "those", "to", "us", "was", "we", "were", "what", "when", "where", "which", "who", "whom", "whose", "will", "with", "would", "you", "your"]
)
# Words that turn a task into another one even where all others agree.
_DECIDING = frozenset(
    ["not", "no", "never", "none", "without", "except", "excluding", "unless", "only", "either", "neither", "than", "less", "more", "fewer", "most", "least", "fewest", "least", "first", "last", "next", "previous", "before", "after", "above", "below", "over", "under", "between", "any", "some", "same", "other", "different", "distinct", "unique", "each", "every", "all", "ascending", "descending", "order", "ordered", "sort", "sorted", "reverse", "maximum", "minimum", "max", "min", "highest", "lowest", "largest", "smallest", "biggest", "oldest", "youngest", "longest", "shortest", "latest", "earliest", "newest", "greater", "smaller", "larger", "higher", "lower", "older", "younger", "longer", "shorter", "earlier", "later", "average", "mean", "median", "sum", "total", "count", "number", "many", "much", "how", "top", "group", "both"]
)


@lru_cache(maxsize=16_384)
def told(text: str) -> frozenset[str]:
    """The distinct words of a task that tell something, plurals as singulars."""
    return frozenset(_singular(word) for word in words(text[:_READ]) if word not in _FILLER)


@lru_cache(maxsize=16_384)
def deciding(text: str) -> frozenset[str]:
    """The words of a task that decide what is asked: comparisons, counts, orders, negations."""
    return frozenset(words(text[:_READ])) & _DECIDING


@lru_cache(maxsize=16_384)
def named(text: str) -> frozenset[str]:
    """The distinct words that a plan names, plurals as singulars, and names written together taken apart."""
    return frozenset(_singular(word) for word in words(_PARTS.sub(" ", text[:_READ])))


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
