"""How large a result would be, found out before it is computed."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import sympy as sp

MOST_BITS = 200_000
MOST_DIGITS = int(MOST_BITS * math.log10(2))
MOST_TERMS = 2_000
_MOST_ROOT_BITS = 3_000


class RefusedError(Exception):
    """A step that will not be computed, and why; whoever knows its position makes a CallError of it."""


def bits(value: Any) -> int:
    """Bits of the largest exact number in a value."""
    if isinstance(value, sp.Rational):
        return max(int(value.p).bit_length(), int(value.q).bit_length())
    return max((bits(number) for number in value.atoms(sp.Rational)), default=1)


def require_room(logarithm: Any, shown: str) -> None:
    """Refuse a whole number of more bits than may be written out, given its logarithm to base 2."""
    if logarithm > MOST_BITS:
        with mpmath.workdps(max(60, mpmath.mp.dps)):
            raise _too_large(shown, mpmath.mpf(logarithm) * mpmath.log10(2))


def require_power(base: Any, exponent: Any) -> None:
    """Refuse a power that would be too large, saying how large: base^exponent has exponent * log2(base) bits."""
    if not isinstance(exponent, sp.Rational):
        return
    shown = f"{_short(base)}^{_short(exponent)}"
    if isinstance(base, sp.Rational) and (abs(base.p) == 0 or abs(base) == 1):
        return
    if isinstance(exponent, sp.Integer):
        if abs(int(exponent)) * bits(base) > MOST_BITS and (base.is_number or bits(base) > 1):
            if not isinstance(base, sp.Rational):
                raise RefusedError(f"{shown} is too large to be worked out exactly")
            with mpmath.workdps(60 + len(str(bits(exponent)))):
                require_room(_larger(base) * abs(int(exponent)), shown)
    elif isinstance(base, sp.Rational):
        if bits(base) > _MOST_ROOT_BITS:
            raise RefusedError(f"{shown} is a root of a number of more than {_MOST_ROOT_BITS // 4} digits")
        require_room(float(min(abs(exponent), sp.Integer(10) ** 300)) * bits(base), shown)


def _larger(base: Any) -> Any:
    return max(abs(mpmath.log(abs(int(part)), 2)) for part in (base.p, base.q))


def require_factorial(number: Any, shown: str) -> None:
    """Refuse a factorial that would be too large; by Stirling's formula."""
    if number > 10**6:
        with mpmath.workdps(40):
            raise _too_large(shown, mpmath.loggamma(mpmath.mpf(int(number)) + 1) / mpmath.log(10))
    require_room(float(mpmath.loggamma(int(number) + 1) / mpmath.log(2)), shown)


def require_binomial(number: Any, chosen: Any, shown: str) -> None:
    """Refuse a binomial coefficient that would be too large: at most (e n / k)^k."""
    fewer = max(1, min(int(chosen), abs(int(number) - int(chosen))))
    if fewer > MOST_BITS:
        raise RefusedError(f"{shown} is too large to be written out")
    if fewer * (max(0, bits(number) - fewer.bit_length() + 1) + 2) > MOST_BITS:
        raise RefusedError(f"{shown} may be too large to be written out")


def require_writable(value: Any, shown: str) -> None:
    """Refuse to round a number that has too many digits before its point."""
    rough = sp.re(value).evalf(5) if value.is_number else value
    if isinstance(rough, sp.Float) and rough.is_finite:
        _, mantissa, exponent, length = rough._mpf_
        if mantissa:
            require_room(exponent + length, shown)


def terms(value: Any) -> float:
    """At most how many terms a sum has when it is multiplied out."""
    if isinstance(value, sp.Add):
        return sum(map(terms, value.args))
    if isinstance(value, sp.Mul):
        return math.prod(map(terms, value.args))
    if isinstance(value, sp.Pow) and isinstance(value.exp, sp.Integer):
        inner, power = terms(value.base), abs(int(value.exp))
        if inner <= 1:
            return 1.0
        if power > 100_000 or inner > 100_000:
            return math.inf
        return float(min(math.comb(power + math.ceil(inner) - 1, power), 10**300))
    return max([1.0, *map(terms, value.args)]) if value.args else 1.0


def require_expandable(value: Any) -> None:
    """Refuse what would have too many terms when multiplied out."""
    count = terms(value)
    if count > MOST_TERMS:
        number = f"about {count:,.0f}" if count < 10**15 else "too many"
        raise RefusedError(
            f"multiplied out it has {number} terms, and {MOST_TERMS:,} are the most; ask for less at a time"
        )


def _too_large(shown: str, logarithm: Any) -> RefusedError:
    """The refusal of a number, given its decimal logarithm."""
    most = f"exact numbers here have {MOST_DIGITS:,} digits at most (work with logarithms, or modulo a number)"
    if logarithm > 10**25:
        return RefusedError(f"{shown} has more than 10^25 digits; {most}")
    with mpmath.workdps(60):
        whole = int(mpmath.floor(logarithm))
        leading = mpmath.nstr(mpmath.mpf(10) ** (logarithm - whole), 6)
    return RefusedError(f"{shown} is about {leading}E+{whole}, a number of {whole + 1:,} digits; {most}")


def _short(value: Any) -> str:
    if isinstance(value, sp.Rational) and bits(value) > 200:
        return f"(a number of {int(bits(value) * math.log10(2)) + 1} digits)"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
