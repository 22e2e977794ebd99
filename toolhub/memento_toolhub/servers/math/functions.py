"""What each function does with plain numbers and expressions; matrices and variables of their own are elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import sympy as sp

from memento_toolhub.servers.math import powers, rounding
from memento_toolhub.servers.math.arithmetic import modulo
from memento_toolhub.servers.math.size import (
    MOST_BITS,
    RefusedError,
    bits,
    require_binomial,
    require_expandable,
    require_factorial,
    require_power,
)

Maker = Callable[..., Any]
_MOST_PRIME_BITS = 4_000
_MOST_FACTORED_BITS = 300
_MOST_GAMMA = 2_000
_MOST_NESTED_GAMMAS = 4


def whole(value: Any, least: int | None = None, most: int | None = None) -> int:
    """A whole number within bounds.

    Raises:
        RefusedError: if it is none, or out of bounds.
    """
    if not isinstance(value, sp.Integer):
        raise RefusedError(f"a whole number is wanted, and this is {value!s:.60}")
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = (
            f"at least {least}" if most is None else f"at most {most:,}" if least is None else f"{least} to {most:,}"
        )
        raise RefusedError(f"a whole number, {bounds}, is wanted")
    return int(value)


def _log(value: Any, base: Any = None) -> Any:
    if value.is_zero:
        raise RefusedError("the logarithm of 0 is not defined")
    if base is None:
        return sp.log(value)
    if base.is_zero or base == 1:
        raise RefusedError(f"{base} cannot be the base of a logarithm")
    if isinstance(value, sp.Rational) and isinstance(base, sp.Rational) and bits(value) < 10_000:
        return _whole_log(value, base) or sp.log(value) / sp.log(base)
    return sp.log(value) / sp.log(base)


def _whole_log(value: Any, base: Any) -> Any:
    """The exponent, where it is a fraction of small parts, as in log(8, 4) = 3/2."""
    if value <= 0 or base <= 0:
        return None
    rough = sp.nsimplify((sp.log(value) / sp.log(base)).evalf(30), rational=True, tolerance=sp.Rational(1, 10**20))
    fits = rough.q <= 12 and abs(rough.p) < 20_000 and bits(base) * abs(rough.p) < MOST_BITS
    return rough if fits and base**rough.p == value**rough.q else None


def _root(value: Any, degree: Any) -> Any:
    count = whole(degree, 1, 1000)
    require_power(value, sp.Rational(1, count))
    return sp.real_root(value, count) if value.is_real and count % 2 else value ** sp.Rational(1, count)


def _round(value: Any, places: Any = sp.S.Zero) -> Any:
    scale = sp.Integer(10) ** whole(places, -1000, 1000)
    return rounding.half_away(value * scale) / scale


def _extreme(make: Maker) -> Maker:
    def extreme(*values: Any) -> Any:
        if any(value.is_extended_real is False for value in values):
            raise RefusedError("complex numbers have no order")
        return make(*values)

    return extreme


def _powmod(base: Any, exponent: Any, modulus: Any) -> Any:
    by = whole(modulus)
    if by == 0:
        raise RefusedError("division by zero")
    try:
        return sp.Integer(pow(whole(base), whole(exponent), by))
    except ValueError as error:
        raise RefusedError(f"{base} has no inverse modulo {modulus}") from error


def _modinv(value: Any, modulus: Any) -> Any:
    return _powmod(value, sp.S.NegativeOne, modulus)


def _wholes(make: Maker) -> Maker:
    def of_wholes(*values: Any) -> Any:
        return sp.Integer(make(*map(whole, values)))

    return of_wholes


def _bounded(make: Maker, least: int, most: int) -> Maker:
    def of_bounded(value: Any) -> Any:
        return sp.sympify(make(whole(value, least, most)))

    return of_bounded


def _factorint(value: Any) -> Any:
    number = whole(value, -(1 << _MOST_FACTORED_BITS), 1 << _MOST_FACTORED_BITS)
    if number in (0, 1, -1):
        return sp.Integer(number)
    powers = [sp.Pow(p, k, evaluate=False) if k > 1 else sp.Integer(p) for p, k in sp.factorint(number).items()]
    return sp.Mul(*powers, evaluate=False) if len(powers) > 1 else powers[0]


def _divisors(value: Any) -> Any:
    number = whole(value, 1, 1 << _MOST_FACTORED_BITS)
    if sp.divisor_count(number) > 10_000:
        raise RefusedError("it has more than 10,000 divisors; see factorint")
    return sp.Tuple(*map(sp.Integer, sp.divisors(number)))


def _factorial(value: Any) -> Any:
    if isinstance(value, sp.Integer):
        if value < 0:
            raise RefusedError("the factorial of a negative whole number is not defined")
        require_factorial(value, "the factorial")
    else:
        _require_near(value)
    return sp.factorial(value)


def _require_near(value: Any) -> None:
    if value.count(sp.gamma) + value.count(sp.factorial) > _MOST_NESTED_GAMMAS:
        raise RefusedError(f"gamma and factorial are worked out {_MOST_NESTED_GAMMAS} deep at most")
    if value.is_number and value.is_finite and abs(value.evalf(5)) > _MOST_GAMMA:
        raise RefusedError(f"gamma and factorial of numbers that are not whole are worked out up to {_MOST_GAMMA:,}")


def _gamma(value: Any) -> Any:
    if isinstance(value, sp.Integer):
        if value <= 0:
            raise RefusedError("gamma is not defined at 0 and negative whole numbers")
        require_factorial(value, "gamma of it")
    else:
        _require_near(value)
    return sp.gamma(value)


def _binomial(number: Any, chosen: Any) -> Any:
    if isinstance(number, sp.Integer) and isinstance(chosen, sp.Integer):
        if 0 <= chosen <= number or number < 0 <= chosen:
            require_binomial(number, chosen, f"binomial({number!s:.30}, {chosen!s:.30})")
    elif isinstance(chosen, sp.Integer) and chosen > 200:
        raise RefusedError("the second number may be 200 at most where the first is no whole number")
    return sp.binomial(number, chosen)


def _perm(number: Any, chosen: Any) -> Any:
    total, taken = whole(number, 0), whole(chosen, 0)
    if taken > total:
        return sp.S.Zero
    if taken * total.bit_length() > MOST_BITS:
        require_factorial(sp.Integer(taken), "it")
        raise RefusedError("it is too large to be written out")
    return sp.ff(total, taken)


def _daynumber(year: Any, month: Any, day: Any) -> Any:
    try:
        return sp.Integer(date(*map(whole, (year, month, day))).toordinal())
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"there is no such date ({error})") from error


def _expand(value: Any) -> Any:
    require_expandable(value)
    return sp.expand(value)


def _factor(value: Any) -> Any:
    require_expandable(value)
    return sp.factor(value)


def _sqrt(value: Any) -> Any:
    require_power(value, sp.Rational(1, 2))
    return sp.sqrt(value)


def _atan2(y: Any, x: Any) -> Any:
    if y.is_zero and x.is_zero:
        raise RefusedError("atan2(0, 0) is not defined")
    return sp.atan2(y, x)


def _zeta(value: Any) -> Any:
    if isinstance(value, sp.Rational) and abs(value) > 500:
        raise RefusedError("zeta is worked out for -500 to 500")
    return sp.zeta(value)


def _beta(first: Any, second: Any) -> Any:
    return _gamma(first) * _gamma(second) / _gamma(first + second)


FUNCTIONS: dict[str, Maker] = {
    "sqrt": _sqrt, "cbrt": lambda x: _root(x, sp.Integer(3)), "root": _root, "exp": powers.exponential,
    "ln": _log, "log": _log, "log2": lambda x: _log(x, sp.Integer(2)), "log10": lambda x: _log(x, sp.Integer(10)),
    "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "cot": sp.cot, "sec": sp.sec, "csc": sp.csc, "asin": sp.asin,
    "acos": sp.acos, "atan": sp.atan, "arcsin": sp.asin, "arccos": sp.acos, "arctan": sp.atan, "atan2": _atan2,
    "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh, "asinh": sp.asinh, "acosh": sp.acosh, "atanh": sp.atanh,
    "deg": lambda x: x * 180 / sp.pi, "rad": lambda x: x * sp.pi / 180,
    "abs": sp.Abs, "sign": sp.sign, "floor": rounding.floor, "ceil": rounding.ceiling,
    "ceiling": rounding.ceiling, "round": _round, "min": _extreme(sp.Min), "max": _extreme(sp.Max),
    "re": sp.re, "im": sp.im, "arg": sp.arg, "conj": sp.conjugate, "conjugate": sp.conjugate,
    "mod": modulo, "powmod": _powmod, "modinv": _modinv, "gcd": _wholes(sp.igcd), "lcm": _wholes(sp.ilcm),
    "isprime": lambda n: sp.sympify(sp.isprime(whole(n, -(1 << _MOST_PRIME_BITS), 1 << _MOST_PRIME_BITS))),
    "prime": _bounded(sp.prime, 1, 1_000_000), "primepi": _bounded(sp.primepi, 0, 10**9),
    "nextprime": _bounded(sp.nextprime, -(1 << 1000), 1 << 1000), "prevprime": _bounded(sp.prevprime, 3, 1 << 1000),
    "factorint": _factorint, "divisors": _divisors, "totient": _bounded(sp.totient, 1, 1 << _MOST_FACTORED_BITS),
    "digit_sum": lambda n: sp.Integer(sum(map(int, str(abs(whole(n)))))),
    "daynumber": _daynumber,
    "factorial": _factorial, "binomial": _binomial, "comb": _binomial, "perm": _perm,
    "fibonacci": _bounded(sp.fibonacci, -250_000, 250_000), "catalan": _bounded(sp.catalan, 0, 50_000),
    "bernoulli": _bounded(sp.bernoulli, 0, 2_000), "harmonic": _bounded(sp.harmonic, 0, 10_000),
    "gamma": _gamma, "erf": sp.erf, "erfc": sp.erfc, "zeta": _zeta, "beta": _beta,
    "expand": _expand, "factor": _factor,
}  # fmt: skip
