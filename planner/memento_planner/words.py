"""What single words are worth when two tasks are compared: filler, words that decide the meaning, inflection."""

from __future__ import annotations

import re
import unicodedata

# Words that may come, go or change without the task becoming another one.
_FILLER = """
    a an the this that these those of in on at for as and is are was were be been being am do does did have has
    had having there here it its it's they them their i me my we us our you your he she his her who whom which
    what whose where when please kindly just also can could would should will may might shall want need like let
    lets so then now different all every each both with
"""
# Words that turn a task into another one and that are never replaced in a plan, where they may mean something else.
_DECISIVE = """
    not no never none nothing neither nor without except excluding unless only but or either to from into onto
    by within before after above below over under up down between among through until since than if else instead
    against via per about out off more less fewer most least fewest first last next previous any some many much
    few several same other another again once twice don't doesn't isn't aren't can't cannot won't didn't
    ascending descending asc desc reverse reversed maximum minimum max min highest lowest largest smallest
    biggest oldest youngest longest shortest latest earliest newest greater smaller larger higher lower older
    younger longer shorter earlier later bigger average mean avg median sum total count number distinct unique
    recursive recursively true false yes how why file files directory directories folder folders link links
    stdin stdout string strings
"""
# Ways of asking to see something, and to have it counted, with which a sentence of a task starts.
_ASKING = """
    show, show me, show us, list, list out, list up, display, give, give me, give us, return, tell me, get, find,
    find out, compute, calculate, determine, identify, what, what is, what are, what was, what were, what's, which,
    which is, which are, who, who is, who are, i want to know, i want to see, i would like to know
"""
_COUNTING = """
    how many, count, count the number of, the number of, number of, the total number of, total number of
"""
_NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve"
_POLITE = {"please", "kindly", "can", "could", "would", "you", "now", "then", "and", "also"}
_LONGEST_OPENING = 6


def _phrases(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(phrase.split()) for phrase in text.split(","))


FILLER = frozenset(_FILLER.split())
DECISIVE = frozenset(_DECISIVE.split())
WHOLE = frozenset({"all", "every", "each"})
SINGLE = frozenset({"a", "an"})
_OPENINGS = {"asking": _phrases(_ASKING), "counting": _phrases(_COUNTING)}
_NUMBERS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split(), start=2)}


def folded(text: str) -> str:
    """The text without differences of case and of Unicode form."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def singular(word: str) -> str:
    """The singular of a regular English plural in lower case; any other word as it is."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    return word[:-1]


def plural(word: str) -> str:
    """The regular English plural of a word."""
    lower = word.lower()
    if re.search(r"[^aeiou]y$", lower):
        return word[:-1] + "ies"
    return word + ("es" if lower.endswith(("ch", "sh", "x", "s", "z")) else "s")


def key(word: str) -> str:
    """The form in which words are compared: `Cities` and `city` are one word, and so are `two` and `2`."""
    plain = folded(word)
    return _NUMBERS.get(plain) or singular(plain)


def opening(words: list[str]) -> tuple[str, int]:
    """How a sentence asks: ("asking" | "counting" | "", number of its folded words that this takes up)."""
    start = 0
    while start < len(words) and words[start] in _POLITE:
        start += 1
    asked = start + _longest(_OPENINGS["asking"], words[start:])
    counted = asked + _longest(_OPENINGS["counting"], words[asked:])
    if counted > asked:
        return "counting", counted
    return ("asking", asked) if asked > start else ("", start)


def _longest(phrases: tuple[tuple[str, ...], ...], words: list[str]) -> int:
    head = tuple(words[:_LONGEST_OPENING])
    return max((len(phrase) for phrase in phrases if head[: len(phrase)] == phrase), default=0)


def as_digits(word: str) -> str:
    """A small number word as digits; any other word as it is."""
    return _NUMBERS.get(folded(word), word)
