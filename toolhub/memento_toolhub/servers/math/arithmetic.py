"""The operators: each looks at the size of what it would make before it makes it."""

from __future__ import annotations

from typing import Any

import sympy as sp

from memento_toolhub.servers.math import amounts, powers, rounding
from memento_toolhub.servers.math.amounts import Amount
from memento_toolhub.servers.math.size import MOST_BITS, RefusedError, bits, require_power

_MATRIX_POWER_BITS = 20_000


def is_matrix(value: Any) -> bool:
    """Whether it is a vector or matrix."""
    return isinstance(value, sp.MatrixBase)


def is_plain(value: Any) -> bool:
    """Whether it is a number or expression; to sympy a matrix is an expression too."""
    return isinstance(value, sp.Expr) and not is_matrix(value)


def require_single(*values: Any) -> None:
    """Refuse lists and truth values, with which nothing can be calculated."""
    for value in values:
        if not isinstance(value, Amount | sp.Expr) and not is_matrix(value):
            raise RefusedError(f"a number or matrix is wanted, and this is {value!s:.60}")


def add(left: Any, right: Any) -> Any:
    """The sum."""
    require_single(left, right)
    if isinstance(left, Amount) or isinstance(right, Amount):
        return amounts.add(left, right)
    if is_matrix(left) != is_matrix(right):
        raise RefusedError("a matrix and a number cannot be added; identity(n) makes a matrix of ones on the diagonal")
    _same_shape(left, right)
    _room(left, right)
    return left + right


def subtract(left: Any, right: Any) -> Any:
    """The difference."""
    require_single(left, right)
    if isinstance(left, Amount) or isinstance(right, Amount):
        return amounts.subtract(left, right)
    return add(left, -right)


def multiply(left: Any, right: Any) -> Any:
    """The product; of matrices, the matrix product."""
    require_single(left, right)
    if isinstance(left, Amount) or isinstance(right, Amount):
        if is_matrix(left) or is_matrix(right):
            raise RefusedError("a matrix cannot have a unit here; multiply the numbers")
        return amounts.multiply(left, right)
    if is_matrix(left) and is_matrix(right) and left.cols != right.rows:
        raise RefusedError(f"matrices of {_shape(left)} and {_shape(right)} cannot be multiplied")
    _room(left, right)
    return left * right


def divide(left: Any, right: Any) -> Any:
    """The quotient."""
    require_single(left, right)
    if is_matrix(right):
        raise RefusedError("a matrix cannot divide; multiply by inv(A)")
    if isinstance(right, Amount):
        return multiply(left, amounts.inverse(right))
    if is_zero(right):
        raise RefusedError("division by zero")
    return multiply(left, 1 / right)


def floor_divide(left: Any, right: Any) -> Any:
    """The quotient, rounded down."""
    _require_real(left, right)
    quotient = amounts.plain(divide(left, right))
    return rounding.floor(quotient)


def modulo(left: Any, right: Any) -> Any:
    """What is left of a division, with the sign of the divisor."""
    left, right = amounts.plain(left), amounts.plain(right)
    require_single(left, right)
    _require_real(left, right)
    if is_zero(right):
        raise RefusedError("division by zero")
    if left.is_number and right.is_number and left.is_finite and right.is_finite:  # sp.Mod can take for ever on powers
        return left - right * rounding.floor(left / right)
    return sp.Mod(left, right)


def _require_real(*values: Any) -> None:
    for value in values:
        number = value.value if isinstance(value, Amount) else value
        if is_matrix(number) or number.is_extended_real is False:
            raise RefusedError("a whole quotient or a remainder is of two real numbers")


def negate(value: Any) -> Any:
    """The negative."""
    require_single(value)
    return amounts.negate(value) if isinstance(value, Amount) else -value


def power(base: Any, exponent: Any) -> Any:
    """A power; of a square matrix, by a whole number."""
    exponent = amounts.plain(exponent)
    require_single(base, exponent)
    if is_matrix(exponent):
        raise RefusedError("an exponent has to be a number, not a matrix")
    if isinstance(base, Amount):
        return amounts.power(base, exponent)
    if is_matrix(base):
        return _matrix_power(base, exponent)
    require_power(base, exponent)
    if is_zero(base) and exponent.is_negative:
        raise RefusedError("division by zero (0 to a negative power)")
    return powers.power(base, exponent)


def is_zero(value: Any) -> bool:
    """Whether a number is zero, also where that takes some work to see, as with sin(1)^2 + cos(1)^2 - 1."""
    if value.is_zero is not None:
        return bool(value.is_zero)
    if not value.is_number:
        return False
    rough = value.evalf(15)
    parts = [part for part in rough.atoms(sp.Float) if part]
    return not any(part._prec > 1 for part in parts) and bool(value.equals(0))


def _matrix_power(base: Any, exponent: Any) -> Any:
    if base.rows != base.cols:
        raise RefusedError(f"a power is of a square matrix, and this one is {_shape(base)}")
    if not isinstance(exponent, sp.Integer):
        raise RefusedError("the exponent of a matrix has to be a whole number")
    if abs(int(exponent)) * (bits(base) + base.rows.bit_length()) > _MATRIX_POWER_BITS:
        raise RefusedError("this power of a matrix has entries that are too large")
    if exponent < 0 and base.det() == 0:
        raise RefusedError("the matrix has no inverse: its determinant is 0")
    return base ** int(exponent)


def _same_shape(left: Any, right: Any) -> None:
    if is_matrix(left) and left.shape != right.shape:
        raise RefusedError(f"matrices of {_shape(left)} and {_shape(right)} cannot be added")


def _room(left: Any, right: Any) -> None:
    if bits(left) + bits(right) > MOST_BITS:
        raise RefusedError("the numbers are too large to be worked out exactly")


def _shape(matrix: Any) -> str:
    return f"{matrix.rows} x {matrix.cols}"
