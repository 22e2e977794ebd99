"""Rounding that is right for numbers however near to a whole one; sympy's own takes 7*exp(-10^-15) for 7."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from memento_toolhub.servers.math.size import RefusedError, require_writable

_SPARE_DIGITS = 20
_MOST_DIGITS = 2_000


def floor(value: Any) -> Any:
    """The largest whole number that is not larger.

    Raises:
        RefusedError: if it is no real number, has too many digits, or is too near to a whole number to tell.
    """
    if not value.is_number:
        return sp.floor(value)
    if value.is_infinite or isinstance(value, sp.Rational):
        return value if value.is_infinite else sp.Integer(value.p // value.q)
    require_writable(value, "the number")
    real, imaginary = value.evalf(15).as_real_imag()
    if imaginary != 0 or not isinstance(real, sp.Float):
        raise RefusedError("a real number is wanted to be rounded")
    digits = max(0, int((real._mpf_[2] + real._mpf_[3]) * math.log10(2))) + _SPARE_DIGITS
    near = sp.Integer(int(value.evalf(digits)))
    return near - 1 if _is_negative(value - near) else near


def ceiling(value: Any) -> Any:
    """The smallest whole number that is not smaller."""
    return -floor(-value)


def half_away(value: Any) -> Any:
    """The nearest whole number; of two, the one farther from zero."""
    return floor(value + sp.S.Half) if value.is_extended_nonnegative else -floor(-value + sp.S.Half)


def _is_negative(difference: Any) -> bool:
    """Whether what is left of a number beside a whole one is below zero."""
    if difference.is_zero:
        return False
    left = difference.evalf(5, maxn=_MOST_DIGITS)
    if isinstance(left, sp.Float) and left._prec > 1 and left != 0:
        return bool(left < 0)
    if difference.equals(0):
        return False
    raise RefusedError("it is too near to a whole number to be rounded")
