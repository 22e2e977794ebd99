"""The words of tasks and plans as sets, kept, so that two of them are compared in a microsecond or so."""

from __future__ import annotations

import re
from functools import lru_cache

from memento_memory.case import Task
from memento_memory.plan import Plan
from memento_memory.selection.lexical import words

_READ = 4_000  # characters of a text that are looked at
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FILLER = """
    a an and are as at be been by can could did do does for had has have he her his i in is it its just me may might
    my of on or our please shall she should so that the their them there these they this those to us was we were what
    when where which who whom whose will with would you your
"""
_FILLERS = frozenset(_FILLER.split())


@lru_cache(maxsize=16_384)
def told(task: Task) -> frozenset[str]:
    """The distinct words of a task's state that tell something, plurals as singulars."""
    return frozenset(_singular(word) for word in words(task.state[:_READ]) if word not in _FILLERS)


@lru_cache(maxsize=16_384)
def named(plan: Plan) -> frozenset[str]:
    """The distinct words that a plan names, plurals as singulars, and names written together taken apart."""
    return frozenset(_singular(word) for word in words(_PARTS.sub(" ", plan.text()[:_READ])))


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
