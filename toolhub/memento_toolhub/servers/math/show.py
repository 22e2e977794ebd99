"""Values as text: exactly, and as decimals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from memento_toolhub.servers.math import units
from memento_toolhub.servers.math.amounts import Amount
from memento_toolhub.servers.math.arithmetic import is_matrix, is_plain
from memento_toolhub.servers.math.size import RefusedError, bits

_MOST_DECIMALS = 10_000
_LOOKS_EXACT = 6
_UNDEFINED = (sp.zoo, sp.nan)


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as text.

    Attributes:
        exact: without rounding, in the notation that is also read.
        decimal: rounded; empty where it has variables in it.
        unit: of both; empty for plain numbers.
        notes: what a reader should know.
    """

    exact: str
    decimal: str
    unit: str = ""
    notes: list[str] = field(default_factory=list)


def show(value: Any, digits: int) -> Shown:
    """A value, its decimals rounded to so many digits.

    Raises:
        RefusedError: if it is not defined.
    """
    if isinstance(value, Amount):
        shown = show(value.value, digits)
        return Shown(shown.exact, shown.decimal, units.symbol(value.unit), shown.notes)
    notes: list[str] = []
    entries = max(1, len(list(value))) if is_matrix(value) or isinstance(value, sp.Tuple) else 1
    if entries * digits > _MOST_DECIMALS:
        digits = max(5, _MOST_DECIMALS // entries)
        notes.append(f"decimals are rounded to {digits} digits because there are {entries} entries")
    return Shown(exact(value), decimal(value, digits), notes=notes)


def exact(value: Any) -> str:
    """A value without rounding; matrices as lists of rows.

    Raises:
        RefusedError: if it is not defined, as 0/0.
    """
    if is_matrix(value):
        return _listed(value, exact)
    if isinstance(value, sp.Tuple):
        return f"[{', '.join(map(exact, value))}]"
    if value.has(*_UNDEFINED):
        raise RefusedError("the result is not defined")
    return str(value)


def decimal(value: Any, digits: int) -> str:
    """A value rounded to so many significant digits, E for the power of ten; empty where it has variables in it."""
    if is_matrix(value):
        return _listed(value, lambda entry: decimal(entry, digits)) if not value.free_symbols else ""
    if isinstance(value, sp.Tuple):
        return f"[{', '.join(decimal(item, digits) for item in value)}]" if not value.free_symbols else ""
    if not is_plain(value) or value.free_symbols:
        return ""
    if isinstance(value, sp.Integer) and bits(value) * math.log10(2) < digits:
        return str(value)
    if not value.is_finite and value.has(sp.oo, -sp.oo):
        return str(value)
    return _evaluated(value, digits)


def _evaluated(value: Any, digits: int) -> str:
    rough = value.evalf(digits, maxn=max(1_000, digits * 4))
    real, imaginary = rough.as_real_imag()
    if not all(isinstance(part, sp.Float | sp.Integer | sp.Rational) for part in (real, imaginary)):
        return ""
    parts = [_float(part, digits, keep_zeros=not value.is_Rational) for part in (real, imaginary)]
    if imaginary == 0 or _is_noise(imaginary):
        return parts[0]
    if real == 0 or _is_noise(real):
        return f"{parts[1]}*I"
    return f"{parts[0]} {'-' if parts[1].startswith('-') else '+'} {parts[1].lstrip('-')}*I"


def _is_noise(part: Any) -> bool:
    """Whether no digit of it is certain: it could not be told from zero."""
    return isinstance(part, sp.Float) and part._prec <= 1


def _float(part: Any, digits: int, *, keep_zeros: bool) -> str:
    if part == 0 or _is_noise(part):
        return "0"
    text = str(sp.Float(part, digits))
    mantissa, e, power = text.partition("e")
    if "." in mantissa:
        short = mantissa.rstrip("0").rstrip(".")
        mantissa = short if not keep_zeros or len(mantissa) - len(short) >= _LOOKS_EXACT else mantissa.rstrip(".")
    return f"{mantissa}E{power}" if e else mantissa


def _listed(matrix: Any, write: Any) -> str:
    rows = [f"[{', '.join(write(entry) for entry in matrix.row(index))}]" for index in range(matrix.rows)]
    return f"[{', '.join(rows)}]"
