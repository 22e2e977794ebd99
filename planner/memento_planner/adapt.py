"""Substitution adaptation: the plan of a solved task rewritten for a new one, without any model.

The two tasks are aligned; every phrase that differs must be found in the plan's steps, where the new phrase takes its
place. This is transformational adaptation by substitution (Carbonell 1983; Wilke and Bergmann 1998). A difference
that the plan does not name decides something the plan hides, so there is then no draft rather than a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from memento_memory.case import Task
from memento_memory.plan import MAX_PLAN_BYTES, Plan
from memento_memory.text import KB, shown
from memento_planner import words
from memento_planner.align import Kind, Token, tokens
from memento_planner.compare import Swap, UnsoundError, check_conflicts, compared, is_value, quoted
from memento_planner.rewrite import Atom, Finder, Match, Pattern, atoms, is_action, is_piece, styled

_MAX_STEP_BYTES = 10 * KB
_MAX_UNPLACED = 120
_MAX_PLACES = 500


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


def adapt(plan: Plan, *, old: Task, new: Task) -> Draft:
    """Rewrite a plan that solved the old task for the new one by exchanging the phrases in which the two differ.

    Steps, their order, their dependencies and their tools stay as they are.
    """
    if (old.text, old.context) == (new.text, new.context):
        return Draft(plan)
    try:
        return _adapted(plan, old, new)
    except UnsoundError as error:
        return Draft(None, (), error.unplaced, str(error))


def _adapted(plan: Plan, old: Task, new: Task) -> Draft:
    swaps, kept, extra = compared(old.text, new.text)
    if extra:
        raise UnsoundError(f"Nothing in the plan covers {quoted(*extra)}, which only the new task asks for.", *extra)
    steps = [_Step(s.description, [t.tool for t in plan.subtasks if t.tool]) for s in plan.subtasks]
    more_swaps, more_kept, unplaced = _environment(old.context, new.context, steps)
    if old.context.strip() and unplaced and not all(map(is_value, swaps)):
        raise UnsoundError(f"The plan was made in another environment than {quoted(*unplaced)}.", *unplaced)
    swaps, kept = swaps + more_swaps, kept + more_kept
    check_conflicts(swaps, kept)
    made = _located(swaps, steps)
    texts = _rewritten(made, kept, steps)
    _check_leftovers(made, texts, plan, kept)
    subtasks = tuple(replace(s, description=text) for s, text in zip(plan.subtasks, texts, strict=True))
    return Draft(Plan(subtasks), tuple((s.old_text, s.new_text) for s in made), tuple(unplaced))


def _environment(old: str, new: str, steps: list[_Step]) -> tuple[list[Swap], list[Token], list[str]]:
    """The exchanges between two environments that the plan names, and what of the new one it does not.

    A plan that does not name its environment may well hold in another, so long as only names and values differ besides:
    with other things come other tables and other tools.
    """
    try:
        swaps, kept, extra = compared(old, new)
    except UnsoundError:
        mentioned = Finder(Pattern.of(t.text, literal=True) for t in tokens(old) if not t.filler)
        if any(next(step.matches(mentioned), None) for step in steps):
            raise
        return [], [], [shown(new, _MAX_UNPLACED)] if new.strip() else []
    named = [swap for swap in swaps if _found(swap, steps)]
    return named, kept, [*extra, *(swap.new_text for swap in swaps if swap not in named)]


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


def _located(swaps: list[Swap], steps: list[_Step]) -> list[Swap]:
    """The exchanges as the plan's steps name them: as a whole, or word by word."""
    made: dict[str, Swap] = {}
    for swap in swaps:
        parts = _found(swap, steps)
        if not parts:
            old, new = quoted(swap.old_text), quoted(swap.new_text)
            raise UnsoundError(f"The new task says {new}, and no step of the plan names {old}.", swap.new_text)
        for part in parts:
            earlier = made.setdefault(words.folded(part.old_text), part)
            if words.folded(earlier.new_text) != words.folded(part.new_text):
                both = f"both {quoted(earlier.new_text)} and {quoted(part.new_text)}"
                raise UnsoundError(f"{quoted(part.old_text)} would have to become {both}.")
    return list(made.values())


def _found(swap: Swap, steps: list[_Step]) -> list[Swap]:
    if _occurs(swap, steps):
        return [swap]
    parts = _parts(swap)
    return parts if parts and all(_occurs(p, steps) for p in parts) else []


def _parts(swap: Swap) -> list[Swap]:
    if len(swap.old) != len(swap.new) or len(swap.old) < 2 or all(t.text[:1].isupper() for t in swap.old):
        return []
    pairs = zip(swap.old, swap.new, strict=True)
    return [Swap((a,), (b,), a.text, b.text) for a, b in pairs if a.key != b.key]


def _occurs(swap: Swap, steps: list[_Step]) -> bool:
    finder = Finder([swap.pattern])
    return any(next(step.matches(finder), None) for step in steps)


def _rewritten(swaps: list[Swap], kept: list[Token], steps: list[_Step]) -> list[str]:
    chosen: dict[Pattern, Swap | None] = {
        Pattern.of(t.text, literal=True): None for t in kept if t.kind is not Kind.WORD
    }
    chosen |= {s.pattern: s for s in swaps}
    finder = Finder(chosen)
    texts: list[str] = []
    total = places = 0
    for step in steps:
        pieces, at = [], 0
        for match in step.matches(finder):
            swap = chosen[match.pattern]
            if swap:
                pieces += [step.text[at : match.start], _put(step, match, swap)]
                at = match.end
                places += 1
                if places > _MAX_PLACES:
                    raise UnsoundError("The plan names what differs in too many places.")
        texts.append("".join([*pieces, step.text[at:]]))
        size = len(texts[-1].encode(errors="replace"))
        total += size
        if size > _MAX_STEP_BYTES or total > MAX_PLAN_BYTES:
            raise UnsoundError("The adapted plan would be too long.")
    return texts


def _put(step: _Step, match: Match, swap: Swap) -> str:
    """The new phrase as it is written at one place."""
    old, new = quoted(swap.old_text), quoted(swap.new_text)
    if is_action(step.text, match):
        raise UnsoundError(f"{old} is what a step of the plan does, and {new} may be done in another way.")
    if swap.leads and swap.old[0].kind is Kind.WORD and step.text[match.start] != swap.old_text[0]:
        raise UnsoundError(f"The new task starts with {new} instead of {old}.")
    written = styled(step.text, match, step.atoms, swap.new_text)
    if written is None or (swap.old[0].kind is Kind.WORD and is_piece(step.text, match)):
        raise UnsoundError(f"It is not clear how {new} is written in the plan's steps.")
    return written


def _check_leftovers(swaps: list[Swap], texts: list[str], plan: Plan, kept: list[Token]) -> None:
    """Refuse a plan that still names, in whole or in part, what was replaced."""
    stays = {a.key for text in (*(s.new_text for s in swaps), *(t.text for t in kept)) for a in atoms(text)}
    gone = {a.key for s in swaps for a in atoms(s.old_text)} - stays - words.FILLER - words.DECISIVE
    for text in (*texts, *(s.tool for s in plan.subtasks)):
        for atom in atoms(text):
            if atom.key in gone:
                raise UnsoundError(f"The plan still needs {quoted(atom.text)}, which is not a part of the new task.")
