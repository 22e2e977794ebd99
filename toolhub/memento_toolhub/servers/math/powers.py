"""Powers of numbers, in steps that end: sympy alone is lost in 24^0.6180339887, where two primes are multiplied."""

from __future__ import annotations

from typing import Any

import sympy as sp

_FINE = 1_000
"""Exponents with larger denominators are taken apart."""
_SMALL_PRIMES = 1 << 15


def power(base: Any, exponent: Any) -> Any:
    """A power whose size was looked at before."""
    if base == sp.E:
        return exponential(exponent)
    if not isinstance(exponent, sp.Rational) or exponent.q <= _FINE:
        return base**exponent
    known, rest = [], []
    for part in sp.Mul.make_args(base):
        number, times = part.as_base_exp()
        if isinstance(number, sp.Rational) and isinstance(times, sp.Rational) and number > 0:
            known.extend(_by_primes(number, times * exponent))
        else:
            rest.append(part)
    minus = [sp.S.NegativeOne**exponent] if rest and isinstance(rest[0], sp.Rational) else []
    if minus:
        known.extend(_by_primes(-rest.pop(0), exponent))
        if rest:  # what is left may be negative too, and the two signs belong together
            return base**exponent
    return sp.Mul(*known, *minus, *([sp.Mul(*rest) ** exponent] if rest else []))


def exponential(value: Any) -> Any:
    """e to a power; a multiple of a logarithm in it makes a power of a number."""
    return sp.Mul(*map(_exponential, sp.Add.make_args(value)))


def _exponential(value: Any) -> Any:
    times, rest = value.as_coeff_Mul()
    if isinstance(rest, sp.log) and isinstance(rest.args[0], sp.Rational):
        return power(rest.args[0], times)
    return sp.exp(value)


def _by_primes(number: Any, exponent: Any) -> list[Any]:
    """The power of a positive fraction, each prime alone."""
    found = number.factors(limit=_SMALL_PRIMES).items()
    return [sp.Integer(prime) ** (times * exponent) for prime, times in found]
