"""The measures of the literature for answers: exact match, token F1, partial match, three-way grade, Pass@k."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from enum import StrEnum
from typing import Any

from memento_memory.errors import InputError
from memento_planner.models.chat import ChatModel, Message, Request, Role
from memento_planner.models.structured import complete_json
from memento_planner.prompts import fence, load

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_BLANK = re.compile(r"\s+")
_LIST = re.compile(r"[,;]")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


class Grade(StrEnum):
    """SimpleQA's three ways an answer can be (arXiv 2411.04368)."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    NOT_ATTEMPTED = "not_attempted"


def exact_match(answer: str, truth: str) -> bool:
    """Whether an answer is the true one up to form, as GAIA scores it (arXiv 2311.12983).

    A number is compared as one, whatever its units of money or per cent; a list with commas or semicolons element by
    element, in order; anything else without regard to case, white space and punctuation.
    """
    wanted = _number(truth)
    if wanted is not None:
        given = _number(answer)
        return given is not None and given == wanted
    if _LIST.search(truth):
        given_parts, parts = _LIST.split(answer), _LIST.split(truth)
        return len(given_parts) == len(parts) and all(
            _same_element(a, b) for a, b in zip(given_parts, parts, strict=True)
        )
    return _bare(answer) == _bare(truth)


def _same_element(answer: str, truth: str) -> bool:
    wanted = _number(truth)
    return _number(answer) == wanted if wanted is not None else _squeezed(answer) == _squeezed(truth)


def _number(text: str) -> float | None:
    stripped = text.strip().strip("$€£%").strip()
    plain = stripped.replace(",", "") if _THOUSANDS.fullmatch(stripped) else stripped
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _squeezed(text: str) -> str:
    return _BLANK.sub("", text).casefold()


def _bare(text: str) -> str:
    return _squeezed(text.translate(_PUNCTUATION)) or _squeezed(text)


def token_f1(answer: str, truth: str) -> float:
    """Harmonic mean of the precision and recall of words, in [0, 1], as SQuAD scores it (arXiv 1606.05250).

    Case, punctuation and articles do not count; two texts without words agree.
    """
    given, wanted = _words(answer), _words(truth)
    if not given or not wanted:
        return float(given == wanted)
    common = sum((Counter(given) & Counter(wanted)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.casefold().translate(_PUNCTUATION)).split()


def pass_at_k(tries: int, successes: int, k: int) -> float:
    """The chance that at least one of k tries succeeds, estimated without bias from n tries (arXiv 2107.03374, eq. 1).

    Raises:
        InputError: unless 1 <= k <= tries and 0 <= successes <= tries.
    """
    if not 1 <= k <= tries:
        raise InputError("k", f"is {k}; it has to lie between 1 and the number of tries, {tries}")
    if not 0 <= successes <= tries:
        raise InputError("successes", f"is {successes}; it has to lie between 0 and the number of tries, {tries}")
    return 1.0 - math.comb(tries - successes, k) / math.comb(tries, k)


async def partial_match(model: ChatModel, question: str, answer: str, truth: str) -> bool:
    """Whether a model finds that an answer says what the true one says, in whatever words (PM).

    Raises:
        ModelError: if the model gives no usable verdict.
    """
    verdict = await _asked(model, "partial_match", ("yes", "no"), question, answer, truth)
    return verdict == "yes"


async def three_way_grade(model: ChatModel, question: str, answer: str, truth: str) -> Grade:
    """How a model grades an answer in SimpleQA's three ways.

    Raises:
        ModelError: if the model gives no usable verdict.
    """
    grades = tuple(grade.value for grade in Grade)
    return Grade(await _asked(model, "three_way_grade", grades, question, answer, truth))


async def _asked(
    model: ChatModel, prompt: str, verdicts: tuple[str, ...], question: str, answer: str, truth: str
) -> str:
    schema = {
        "type": "object",
        "properties": {"verdict": {"type": "string", "enum": list(verdicts)}},
        "required": ["verdict"],
    }

    def check(value: Any) -> str:
        verdict = value.get("verdict") if isinstance(value, dict) else None
        if verdict not in verdicts:
            raise InputError("verdict", f"is {verdict!r}; give one of {', '.join(verdicts)}")
        return str(verdict)

    told = "\n\n".join((fence("question", question), fence("true_answer", truth), fence("given_answer", answer)))
    request = Request(load(prompt), (Message(Role.USER, told),), schema=schema, max_tokens=60, temperature=0.0)
    return (await complete_json(model, request, check=check))[0]
