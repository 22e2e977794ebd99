"""Text that speaks to the model that will read it instead of saying what was done.

Cases are shown to models as data. A case whose task, plan or notes tell the reader to drop its instructions, to take
another role or to keep something from its user is suspicious, wherever it came from. The patterns are whole phrases,
for single words such as "ignore", "system" or "prompt" are part of ordinary tasks.
"""

from __future__ import annotations

import importlib.resources
import re
import unicodedata
from functools import lru_cache

from memento_memory.case import Case
from memento_memory.text import cut, harmless

_START = r"(?<![^\W\u0900-\uffff])"  # of a word, in writing that puts spaces between words
_MODEL = r"(?:ais?|llms?|(?:ai )?assistants?|(?:large )?language models?|ai agents?|chatbots?|claude|(?:chat)?gpt)"


@lru_cache(1)
def _rules() -> tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]:
    """Stems, of which one must be in a text for its phrase to be looked for (much quicker to find out), and phrases."""
    text = (importlib.resources.files("memento_memory.curation") / "injection_phrases.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("# ")]
    return tuple(
        (tuple(stems.split(", ")), re.compile(f"{_START}(?:{phrase.replace('{model}', _MODEL)})"))
        for stems, phrase in zip(lines[::2], lines[1::2], strict=True)
    )


# Letters of the tag block are not drawn, but models read them; flags of regions are the one proper use.
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{2,6}\U000e007f")
_HIDDEN = re.compile("[\U000e0020-\U000e007f]{4,}|[\u200b-\u200f\u202a-\u202e\u2060-\u2064]{12,}")
_MARKUP = re.compile(r"[*_~`\"“”„«»]")
_SHOWN = 80


def instruction_in(text: str) -> str:
    """The words of a text that instruct its reader, at most 80 characters of them, or ""."""
    if not text.isascii() and _HIDDEN.search(_FLAG.sub("", text)):
        return "text in characters that are not shown"
    folded = unicodedata.normalize("NFKC", harmless(text)).casefold().replace("’", "'")
    plain = " ".join(_MARKUP.sub("", folded).split())
    for stems, phrase in _rules():
        if any(stem in plain for stem in stems) and (found := phrase.search(plain)):
            return cut(found[0], _SHOWN)
    return ""


def suspicion(case: Case) -> str:
    """Why a case is to be quarantined for what its texts say, in plain words, or ""."""
    steps = "\n".join(f"{step.description} {step.tool}" for step in case.plan.subtasks)
    for name, text in (
        ("task", case.task.text),
        ("context", case.task.context),
        ("plan", steps),
        ("notes", case.result.notes),
    ):
        if found := instruction_in(text):
            return f"its {name} carries instructions to the reader: {found!r}"
    return ""
