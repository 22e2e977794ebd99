"""Solutions of equations as numbers, where none is found exactly: Newton's method and bisection from many places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import mpmath
import sympy as sp

from memento_toolhub.servers.math.numeric import function
from memento_toolhub.servers.math.results import Solution, Solved
from memento_toolhub.servers.math.solving import Problem, solved
from memento_toolhub.servers.math.solving import solve as solve_exactly

_GRID = [sign * size for size in (0.1, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 75, 100) for sign in (-1, 1)]
_STARTS = (1.0, 0.5, -1.0, 2.0, 5.0, -3.0)
_MOST_STARTS = 20
_DIGITS = 30
_SOME = "no exact solution was found; these are numbers, and there may be more"
_NONE = "no solution was found, exactly or as a number; there may be one all the same"


def solve(equations: list[str], unknowns: list[str], real: bool, digits: int) -> Solved:
    """All that can be found exactly and, where that may not be all of one unknown, other real ones as numbers."""
    found = solve_exactly(equations, unknowns, real, digits)
    if found.status != "solved" or found.complete or found.solution_set or len(unknowns) > 1:
        return found
    known = [_value(solution) for solution in found.solutions]
    more = [
        solution
        for solution in search(equations, unknowns, True, digits).solutions
        if all(abs(_value(solution) - other) > 1e-8 * (1 + abs(other)) for other in known)
    ]
    if not more and found.notes:
        return found
    note = f"found as numbers only: {len(more)} of them; there may be more"
    return found.model_copy(update={"solutions": [*found.solutions, *more], "notes": [*found.notes, note]})


def _value(solution: Solution) -> complex:
    """The number that it is of the only unknown; not a number where it holds others."""
    (text,) = solution.decimal.values() or ("nan",)
    return complex(text.replace(" ", "").replace("*I", "j"))


def search(equations: list[str], unknowns: list[str], real: bool, digits: int) -> Solved:
    """Some solutions as numbers; never said to be all."""
    problem = Problem(equations, unknowns)
    others = set().union(*(zero.free_symbols for zero in problem.zeros)) - set(problem.unknowns)
    read_as = problem.read_as
    if others or problem.orders:
        note = f"no exact solution was found, and with {', '.join(sorted(map(str, others)))} in it there are no numbers"
        return Solved(status="not_found", complete=False, read_as=read_as, notes=[note])
    functions = [function(zero, problem.unknowns, _DIGITS) for zero in problem.zeros]
    with mpmath.workdps(_DIGITS):
        single = len(problem.unknowns) == len(functions) == 1
        found = list(_one(functions[0], real) if single else _several(functions, problem))
        values = [dict(zip(problem.unknowns, map(sp.sympify, point), strict=True)) for point in _distinct(found)]
    answer = solved(problem, values, min(digits, 15), complete=False, numeric=True)
    answer.notes.append(_SOME if values else _NONE)
    return answer


def _one(value: Any, real: bool) -> Iterator[tuple[Any, ...]]:
    """Roots of one function: by bisection between changes of sign, then by the secant method."""
    known = sorted((point, sampled) for point in [0.0, *_GRID] if (sampled := _sample(value, point)) is not None)
    for (left, low), (right, high) in itertools.pairwise(known):
        if low == 0:
            yield (mpmath.mpf(left),)
        elif low * high < 0:
            yield from _root(value, (left, right), "anderson")
    starts: list[Any] = list(_STARTS) if real else [*_STARTS, 1 + 1j, -1 + 1j, 3j]
    for start in starts:
        yield from _root(value, (start, start + 0.1), "secant", real)


def _sample(value: Any, point: float) -> Any:
    try:
        sampled = value(point)
    except (ValueError, TypeError, ArithmeticError):
        return None
    return sampled if isinstance(sampled, mpmath.mpf) else None


def _root(value: Any, start: tuple[Any, Any], method: str, real: bool = True) -> Iterator[tuple[Any, ...]]:
    def one_argument(x: Any) -> Any:
        return value(x)  # given several, findroot would take the start for a point in several dimensions

    try:
        root = mpmath.findroot(one_argument, start, solver=method, maxsteps=60)
    except (ValueError, TypeError, ArithmeticError):
        return  # this start leads nowhere; there are others
    if abs(mpmath.im(root)) < 1e-12:
        yield (mpmath.re(root),)
    elif not real:
        yield (root,)


def _several(functions: list[Any], problem: Problem) -> Iterator[tuple[Any, ...]]:
    """Common roots of several functions, by Newton's method."""
    count = len(problem.unknowns)
    if len(functions) < count:
        return
    for start in itertools.islice(itertools.product(_STARTS, repeat=count), _MOST_STARTS):
        try:
            root = mpmath.findroot(lambda *point: [value(*point) for value in functions], start, maxsteps=30)
        except (ValueError, TypeError, ArithmeticError):
            continue  # this start leads nowhere; there are others
        yield tuple(root)


def _distinct(points: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    kept: list[tuple[Any, ...]] = []
    for point in points:
        if all(any(abs(a - b) > 1e-8 * (1 + abs(a)) for a, b in zip(point, other, strict=True)) for other in kept):
            kept.append(point)
    return sorted(kept, key=lambda point: [float(mpmath.re(part)) for part in point])
