"""Expressions as functions of floating-point numbers, without any code being written or compiled for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import sympy as sp

POINTS = (sp.Rational(37, 100), sp.Rational(-83, 100), sp.Rational(171, 100))
"""Where two expressions are compared."""
_ZERO = 1e-10


def function(expression: Any, variables: list[Any], digits: int = 20) -> Callable[..., Any]:
    """The value of an expression at given values of its variables, as an mpmath number.

    Raises (when called):
        ValueError: if it has no value there.
    """

    def at(*given: Any) -> Any:
        where = {variable: sp.sympify(value) for variable, value in zip(variables, given, strict=True)}
        return number(expression.subs(where), digits)

    return at


def number(value: Any, digits: int = 20) -> Any:
    """A value as an mpmath number.

    Raises:
        ValueError: if it is none.
    """
    rough = value.evalf(digits)
    if not rough.is_number or rough.has(sp.nan, sp.zoo, sp.oo, sp.Integral) or rough.atoms(sp.Symbol):
        raise ValueError(f"{value!s:.60} has no number")
    real, imaginary = rough.as_real_imag()
    if not all(isinstance(part, sp.Float | sp.Rational) for part in (real, imaginary)):
        raise ValueError(f"{value!s:.60} has no number")
    with mpmath.workdps(digits):
        as_real = mpmath.mpmathify(real)
        return as_real if imaginary == 0 else mpmath.mpc(as_real, mpmath.mpmathify(imaginary))


def vanishes(residual: Any) -> bool | None:
    """Whether an expression is zero, as far as a few points show: its variables are set to some numbers.

    None where it has no number at any of them.
    """
    if residual == 0:
        return True
    free = sorted(residual.free_symbols, key=str)
    tried = False
    for point in POINTS:
        where = {symbol: point + index for index, symbol in enumerate(free)}
        try:
            size = abs(number(residual.subs(where), 25))
        except (ValueError, TypeError, ArithmeticError):
            continue  # such as a logarithm of 0; the next point may do
        tried = True
        if size > _ZERO:
            return False
    return True if tried else None
