"""Sets of solutions in the notation of a textbook."""

from __future__ import annotations

from typing import Any

import sympy as sp

_NUMBERS = {sp.S.Reals: "all real numbers", sp.S.Complexes: "all complex numbers", sp.S.Integers: "all whole numbers"}


def show_set(found: Any) -> str:
    """A set in words and brackets: (-oo, 2], {1, 2}, pi/6 + 2*pi*n for whole n."""
    match found:
        case sp.Interval():
            left, right = "(" if found.left_open else "[", ")" if found.right_open else "]"
            return f"{left}{found.start}, {found.end}{right}"
        case sp.FiniteSet():
            return f"{{{', '.join(map(str, found))}}}"
        case sp.Union():
            return " or ".join(map(show_set, found.args))
        case sp.ImageSet() if found.base_sets == (sp.S.Integers,):
            (number,) = found.lamda.variables
            return f"{found.lamda.expr.subs(number, sp.Symbol('n'))} for whole n"
        case sp.Complement():
            return f"{show_set(found.args[0])} without {show_set(found.args[1])}"
        case sp.Intersection():
            return " and also in ".join(map(show_set, found.args))
    return _NUMBERS.get(found, str(found))
