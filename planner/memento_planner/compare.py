"""What differs between two tasks, as exchanges of one phrase for another, and whether these can be sound."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memento_memory.text import shown
from memento_planner import words
from memento_planner.align import Difference, Kind, Token, align, phrase, tokens
from memento_planner.rewrite import Pattern

_MAX_REPLACEMENTS = 12
_MAX_PHRASE = 60
_SPECIAL = re.compile(r"^\.(?=\w)|['\"`$\\;|&<>\n*?()\[\]{}^,]")


@dataclass(frozen=True, slots=True)
class Swap:
    old: tuple[Token, ...]
    new: tuple[Token, ...]
    old_text: str
    new_text: str
    leads: bool = False

    @property
    def pattern(self) -> Pattern:
        literal = self.old[0].kind in (Kind.PATH, Kind.LINK, Kind.NUMBER) and len(self.old) == 1
        return Pattern.of(self.old_text, literal=literal, cased=_is_name(self.old_text))


class UnsoundError(Exception):
    """Says why a plan cannot be adapted."""

    def __init__(self, reason: str, *unplaced: str) -> None:
        super().__init__(reason)
        self.unplaced = unplaced


def compared(old: str, new: str) -> tuple[list[Swap], list[Token], list[str]]:
    """What is exchanged between two texts, the old tokens that stay, and what only the new text has."""
    before, after = tokens(old), tokens(new)
    aligned = align(before, after)
    if aligned is None:
        raise UnsoundError("The two tasks are too long and too different to be aligned.")
    swaps: list[Swap] = []
    extra: list[str] = []
    for difference in aligned.differences:
        _check_decisive(difference)
        _check_extent(difference)
        x, y = _trimmed(difference.old), _trimmed(difference.new)
        if x and y:
            _check_opening(difference)
            swaps.append(Swap(x, y, phrase(old, x), phrase(new, y), leads=x[0] is before[0]))
        elif x:
            raise UnsoundError(
                f"The new task no longer asks for {quoted(phrase(old, x))}, which the plan was made for."
            )
        elif y:
            extra.append(phrase(new, y))
    changed = [s for s in swaps if words.folded(s.old_text) != words.folded(s.new_text) or is_value(s)]
    return changed, [t for t in aligned.kept if not t.filler], extra


def _trimmed(run: tuple[Token, ...]) -> tuple[Token, ...]:
    """The run without the filler and the opening words at its ends."""
    solid = [i for i, t in enumerate(run) if not (t.filler or t.key == "asking")]
    return run[solid[0] : solid[-1] + 1] if solid else ()


def _check_opening(difference: Difference) -> None:
    """Refuse to take a thing that is asked for and something that is done for one another."""
    asked = [any(t.key == "asking" for t in run) for run in (difference.old, difference.new)]
    if asked[0] != asked[1]:
        told = _trimmed(difference.old if asked[1] else difference.new)[0]
        raise UnsoundError(f"Only one of the tasks asks to see something, the other says {quoted(told.text)}.")


def is_value(swap: Swap) -> bool:
    """Whether both phrases are names or values: quoted, numbers, paths, links, identifiers."""
    return all(t.kind is not Kind.WORD for t in (*swap.old, *swap.new)) and swap.old_text != swap.new_text


def _check_decisive(difference: Difference) -> None:
    old, new = ({t.key for t in run if _is_decisive(t)} for run in (difference.old, difference.new))
    if old != new:
        told = next(t for t in (*difference.new, *difference.old) if t.key in old ^ new)
        side = "new" if told in difference.new else "old"
        raise UnsoundError(f"Only the {side} task says {quoted(told.text)}, which can turn the task into another one.")


def _check_extent(difference: Difference) -> None:
    """Refuse to take one for all or all for one."""
    old, new = ({t.key for t in run} for run in (difference.old, difference.new))
    for one, other in ((old, new), (new, old)):
        if one & words.WHOLE and other & words.SINGLE:
            raise UnsoundError("One of the tasks is about a single thing, the other about all of them.")


def _is_decisive(token: Token) -> bool:
    if token.kind is Kind.OPENING:
        return token.key == "counting"
    return token.kind is Kind.WORD and words.folded(token.text) in words.DECISIVE


def check_conflicts(swaps: list[Swap], kept: list[Token]) -> None:
    if len(swaps) > _MAX_REPLACEMENTS:
        raise UnsoundError(f"The two tasks differ in {len(swaps)} places, too many for one to stand in for the other.")
    stays = {t.key for t in kept}
    for swap in swaps:
        old, new = quoted(swap.old_text), quoted(swap.new_text)
        if all(t.key in stays or t.filler for t in swap.old):
            raise UnsoundError(f"{old} is exchanged in one place of the task and kept in another.")
        if _family(swap, swap.old) != _family(swap, swap.new):
            raise UnsoundError(f"{old} and {new} are different kinds of things.")
        if set(_SPECIAL.findall(swap.new_text)) != set(_SPECIAL.findall(swap.old_text)):
            raise UnsoundError(f"{new} is written with other special characters than {old}, which may not be safe.")
        if _structure(swap.new) != _structure(swap.old):
            raise UnsoundError(f"{new} is built in another way than {old}.")


def _family(swap: Swap, run: tuple[Token, ...]) -> set[str]:
    """What a phrase consists of: numbers, links, names of things, or common words."""
    named = {Kind.NUMBER: "number", Kind.LINK: "link"}
    plain = {t: t.kind is Kind.WORD and t.text.islower() for t in run if not t.filler}
    if swap.leads and run[0].kind is Kind.WORD:
        plain = dict.fromkeys(plain, False)  # the first word has a capital letter in any case
    return {named.get(t.kind, "word" if is_plain else "name") for t, is_plain in plain.items()}


def _structure(run: tuple[Token, ...]) -> set[str]:
    """The words within a phrase that bind it together, unless it is a name such as Bank of England."""
    bound = {t.key for t in run if t.filler or _is_decisive(t)}
    return set() if all(t.key in bound or not t.text[:1].islower() for t in run) else bound


def _is_name(text: str) -> bool:
    """Whether a phrase is only a name by its capitals, as May, US or Will are."""
    return text != text.lower() and words.folded(text) in words.FILLER | words.DECISIVE


def quoted(*phrases: str) -> str:
    return ", ".join("“" + " ".join(shown(p, _MAX_PHRASE).split()) + "”" for p in phrases)
