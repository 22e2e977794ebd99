"""Substitution adaptation: the plan of a solved task rewritten for a new one, without any model.

The two tasks are aligned; every phrase that differs must be found in the plan's steps, where the new phrase takes its
place. This is transformational adaptation by substitution (Carbonell 1983; Wilke and Bergmann 1998). A difference
that the plan does not name decides something the plan hides, so there is then no draft rather than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from memento_memory.case import Task
from memento_memory.plan import MAX_PLAN_BYTES, Plan
from memento_memory.text import KB, shown
from memento_planner import words
from memento_planner.align import Difference, Kind, Token, align, phrase, tokens
from memento_planner.rewrite import Atom, Finder, Match, Pattern, atoms, is_action, is_piece, styled

_MAX_STEP_BYTES = 10 * KB
_MAX_REPLACEMENTS = 12
_MAX_PHRASE = 60
_SPECIAL = re.compile(r"^\.(?=\w)|['\"`$\\;|&<>\n*?()\[\]{}^,]")


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan adapted to a new task, or the reason why there is none.

    Attributes:
        plan: the adapted plan; None when adapting is not sound.
        replacements: (old phrase, new phrase) for each replacement made in the steps.
        unplaced: words and phrases of the new task that found no place in the plan.
        reason: one sentence saying why there is no draft; "" when there is one.
    """

    plan: Plan | None
    replacements: tuple[tuple[str, str], ...] = ()
    unplaced: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Swap:
    old: tuple[Token, ...]
    new: tuple[Token, ...]
    old_text: str
    new_text: str
    leads: bool = False

    @property
    def pattern(self) -> Pattern:
        literal = self.old[0].kind in (Kind.PATH, Kind.LINK, Kind.NUMBER) and len(self.old) == 1
        return Pattern.of(self.old_text, literal=literal, cased=_is_name(self.old_text))


class _UnsoundError(Exception):
    """Says why a plan cannot be adapted."""

    def __init__(self, reason: str, *unplaced: str) -> None:
        super().__init__(reason)
        self.unplaced = unplaced


def adapt(plan: Plan, *, old: Task, new: Task) -> Draft:
    """Rewrite a plan that solved the old task for the new one by exchanging the phrases in which the two differ.

    Steps, their order, their dependencies and their tools stay as they are.
    """
    if (old.text, old.context) == (new.text, new.context):
        return Draft(plan)
    try:
        return _adapted(plan, old, new)
    except _UnsoundError as error:
        return Draft(None, (), error.unplaced, str(error))


def _adapted(plan: Plan, old: Task, new: Task) -> Draft:
    swaps, kept, extra = _compared(old.text, new.text)
    if extra:
        raise _UnsoundError(f"Nothing in the plan covers {_quoted(*extra)}, which only the new task asks for.", *extra)
    more_swaps, more_kept, unplaced = _compared(old.context, new.context)
    if old.context.strip() and unplaced:
        raise _UnsoundError(f"The plan was not made for {_quoted(*unplaced)} in the context.", *unplaced)
    swaps, kept = swaps + more_swaps, kept + more_kept
    _check_conflicts(swaps, kept)
    steps = [_Step(s.description, [t.tool for t in plan.subtasks if t.tool]) for s in plan.subtasks]
    made = _located(swaps, steps)
    texts = _rewritten(made, kept, steps)
    _check_leftovers(made, texts, plan, kept)
    subtasks = tuple(replace(s, description=text) for s, text in zip(plan.subtasks, texts, strict=True))
    return Draft(Plan(subtasks), tuple((s.old_text, s.new_text) for s in made), tuple(unplaced))


def _compared(old: str, new: str) -> tuple[list[_Swap], list[Token], list[str]]:
    """What is exchanged between two texts, the old tokens that stay, and what only the new text has."""
    before, after = tokens(old), tokens(new)
    aligned = align(before, after)
    if aligned is None:
        raise _UnsoundError("The two tasks are too long and too different to be aligned.")
    swaps: list[_Swap] = []
    extra: list[str] = []
    for difference in aligned.differences:
        _check_decisive(difference)
        _check_extent(difference)
        x, y = _trimmed(difference.old), _trimmed(difference.new)
        if x and y:
            _check_opening(difference)
            swaps.append(_Swap(x, y, phrase(old, x), phrase(new, y), leads=x[0] is before[0]))
        elif x:
            raise _UnsoundError(
                f"The new task no longer asks for {_quoted(phrase(old, x))}, which the plan was made for."
            )
        elif y:
            extra.append(phrase(new, y))
    changed = [s for s in swaps if words.folded(s.old_text) != words.folded(s.new_text) or _is_value(s)]
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
        raise _UnsoundError(f"Only one of the tasks asks to see something, the other says {_quoted(told.text)}.")


def _is_value(swap: _Swap) -> bool:
    return all(t.kind is not Kind.WORD for t in (*swap.old, *swap.new)) and swap.old_text != swap.new_text


def _check_decisive(difference: Difference) -> None:
    old, new = ({t.key for t in run if _is_decisive(t)} for run in (difference.old, difference.new))
    if old != new:
        told = next(t for t in (*difference.new, *difference.old) if t.key in old ^ new)
        side = "new" if told in difference.new else "old"
        raise _UnsoundError(
            f"Only the {side} task says {_quoted(told.text)}, which can turn the task into another one."
        )


def _check_extent(difference: Difference) -> None:
    """Refuse to take one for all or all for one."""
    old, new = ({t.key for t in run} for run in (difference.old, difference.new))
    for one, other in ((old, new), (new, old)):
        if one & words.WHOLE and other & words.SINGLE:
            raise _UnsoundError("One of the tasks is about a single thing, the other about all of them.")


def _is_decisive(token: Token) -> bool:
    if token.kind is Kind.OPENING:
        return token.key == "counting"
    return token.kind is Kind.WORD and words.folded(token.text) in words.DECISIVE


def _check_conflicts(swaps: list[_Swap], kept: list[Token]) -> None:
    if len(swaps) > _MAX_REPLACEMENTS:
        raise _UnsoundError(f"The two tasks differ in {len(swaps)} places, too many for one to stand in for the other.")
    stays = {t.key for t in kept}
    for swap in swaps:
        old, new = _quoted(swap.old_text), _quoted(swap.new_text)
        if all(t.key in stays or t.filler for t in swap.old):
            raise _UnsoundError(f"{old} is exchanged in one place of the task and kept in another.")
        if _family(swap.old) != _family(swap.new):
            raise _UnsoundError(f"{old} and {new} are different kinds of things.")
        if set(_SPECIAL.findall(swap.new_text)) != set(_SPECIAL.findall(swap.old_text)):
            raise _UnsoundError(f"{new} is written with other special characters than {old}, which may not be safe.")
        if _structure(swap.new) != _structure(swap.old):
            raise _UnsoundError(f"{new} is built in another way than {old}.")


def _family(run: tuple[Token, ...]) -> set[Kind]:
    names = {Kind.WORD: Kind.NAME, Kind.PATH: Kind.NAME}
    return {names.get(t.kind, t.kind) for t in run if not t.filler}


def _structure(run: tuple[Token, ...]) -> set[str]:
    """The words within a phrase that bind it together, unless it is a name such as Bank of England."""
    bound = {t.key for t in run if t.filler or _is_decisive(t)}
    return set() if all(t.key in bound or not t.text[:1].islower() for t in run) else bound


class _Step:
    """A step's text with its atoms; the tool names in it are out of bounds."""

    def __init__(self, text: str, tools: list[str]) -> None:
        self.text = text
        self.atoms: tuple[Atom, ...] = atoms(text)
        names = Finder(Pattern.of(tool, literal=True, cased=True) for tool in set(tools))
        self.tools = names.matches(text, self.atoms) if tools else []

    def matches(self, finder: Finder) -> Iterator[Match]:
        for match in finder.matches(self.text, self.atoms):
            if not any(t.start < match.end and match.start < t.end for t in self.tools):
                yield match


def _located(swaps: list[_Swap], steps: list[_Step]) -> list[_Swap]:
    """The exchanges as the plan's steps name them: as a whole, or word by word."""
    made: dict[str, _Swap] = {}
    for swap in swaps:
        for part in _found(swap, steps) or _nowhere(swap):
            earlier = made.setdefault(words.folded(part.old_text), part)
            if words.folded(earlier.new_text) != words.folded(part.new_text):
                raise _UnsoundError(
                    f"{_quoted(part.old_text)} would have to become both {_quoted(earlier.new_text)} and {_quoted(part.new_text)}."
                )
    return list(made.values())


def _found(swap: _Swap, steps: list[_Step]) -> list[_Swap]:
    if _occurs(swap, steps):
        return [swap]
    parts = _parts(swap)
    return parts if parts and all(_occurs(p, steps) for p in parts) else []


def _parts(swap: _Swap) -> list[_Swap]:
    if len(swap.old) != len(swap.new) or len(swap.old) < 2 or all(t.text[:1].isupper() for t in swap.old):
        return []
    pairs = zip(swap.old, swap.new, strict=True)
    return [_Swap((a,), (b,), a.text, b.text) for a, b in pairs if a.key != b.key]


def _nowhere(swap: _Swap) -> list[_Swap]:
    raise _UnsoundError(
        f"The new task says {_quoted(swap.new_text)} instead of {_quoted(swap.old_text)}, which no step of the plan names.",
        swap.new_text,
    )


def _occurs(swap: _Swap, steps: list[_Step]) -> bool:
    finder = Finder([swap.pattern])
    return any(next(step.matches(finder), None) for step in steps)


def _rewritten(swaps: list[_Swap], kept: list[Token], steps: list[_Step]) -> list[str]:
    chosen: dict[Pattern, _Swap | None] = {
        Pattern.of(t.text, literal=True): None for t in kept if t.kind is not Kind.WORD
    }
    chosen |= {s.pattern: s for s in swaps}
    finder = Finder(chosen)
    texts: list[str] = []
    total = 0
    for step in steps:
        pieces, at = [], 0
        for match in step.matches(finder):
            swap = chosen[match.pattern]
            if swap:
                pieces += [step.text[at : match.start], _put(step, match, swap)]
                at = match.end
        texts.append("".join([*pieces, step.text[at:]]))
        size = len(texts[-1].encode(errors="replace"))
        total += size
        if size > _MAX_STEP_BYTES or total > MAX_PLAN_BYTES:
            raise _UnsoundError("The adapted plan would be too long.")
    return texts


def _put(step: _Step, match: Match, swap: _Swap) -> str:
    """The new phrase as it is written at one place."""
    if is_action(step.text, match):
        raise _UnsoundError(
            f"{_quoted(swap.old_text)} is what a step of the plan does, and {_quoted(swap.new_text)} is done in another way."
        )
    if swap.leads and swap.old[0].kind is Kind.WORD and step.text[match.start] != swap.old_text[0]:
        raise _UnsoundError(f"The new task starts with {_quoted(swap.new_text)} instead of {_quoted(swap.old_text)}.")
    new = styled(step.text, match, step.atoms, swap.new_text)
    if new is None or (swap.old[0].kind is Kind.WORD and is_piece(step.text, match)):
        raise _UnsoundError(f"It is not clear how {_quoted(swap.new_text)} is written in the plan's steps.")
    return new


def _check_leftovers(swaps: list[_Swap], texts: list[str], plan: Plan, kept: list[Token]) -> None:
    """Refuse a plan that still names, in whole or in part, what was replaced."""
    stays = {a.key for text in (*(s.new_text for s in swaps), *(t.text for t in kept)) for a in atoms(text)}
    gone = {a.key for s in swaps for a in atoms(s.old_text)} - stays - words.FILLER - words.DECISIVE
    for text in (*texts, *(s.tool for s in plan.subtasks)):
        for atom in atoms(text):
            if atom.key in gone:
                raise _UnsoundError(f"The plan still needs {_quoted(atom.text)}, which is not a part of the new task.")


def _is_name(text: str) -> bool:
    """Whether a phrase is only a name by its capitals, as May, US or Will are."""
    return text != text.lower() and words.folded(text) in words.FILLER | words.DECISIVE


def _quoted(*phrases: str) -> str:
    return ", ".join("“" + " ".join(shown(p, _MAX_PHRASE).split()) + "”" for p in phrases)
