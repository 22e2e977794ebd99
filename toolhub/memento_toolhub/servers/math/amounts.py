"""Numbers with a unit, and what can be done with them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from memento_toolhub.servers.math import powers, units
from memento_toolhub.servers.math.size import RefusedError, require_power

_MOST_POWER = 100


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of a unit; `absolute` where it is a point on a scale, such as 20 °C."""

    value: Any
    unit: units.Unit
    absolute: bool = False


def amount(value: Any, measure: units.Unit) -> Amount:
    """So many of a unit."""
    return Amount(value, measure, units.is_absolute(measure))


def plain(given: Any) -> Any:
    """The number that a value without dimension is: 50 cm/m is 1/2, and 180 degrees are pi."""
    if not isinstance(given, Amount):
        return given
    if not given.unit.dimensionless:
        raise RefusedError(f"a plain number is wanted, and this is in {units.symbol(given.unit)}")
    return given.value * units.to_base(given.unit)[0]


def multiply(left: Any, right: Any) -> Any:
    """The product of two values of which one at least has a unit."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Amount) and one.absolute:
            if one.value == 1 and not isinstance(other, Amount):
                return Amount(other, one.unit, absolute=True)
            raise _absolute(one)
    if not isinstance(left, Amount):
        return Amount(left * right.value, right.unit)
    if not isinstance(right, Amount):
        return Amount(left.value * right, left.unit)
    scale, unit = units.reduced(left.unit * right.unit)
    value = left.value * right.value * scale
    return value if unit == units.registry().dimensionless else Amount(value, unit)


def inverse(given: Amount) -> Amount:
    """One by it."""
    if given.absolute:
        raise _absolute(given)
    if given.value.is_zero:
        raise RefusedError("division by zero")
    return Amount(1 / given.value, given.unit**-1)


def add(left: Any, right: Any) -> Any:
    """The sum, in the unit of the left one."""
    if not isinstance(left, Amount) or not isinstance(right, Amount):
        if all(not isinstance(one, Amount) or one.unit.dimensionless for one in (left, right)):
            return plain(left) + plain(right)
        odd = left if isinstance(left, Amount) else right
        raise RefusedError(f"a plain number and one in {units.symbol(odd.unit)} cannot be added")
    if left.absolute or right.absolute:
        raise _absolute(left if left.absolute else right)
    return Amount(left.value + right.value * units.factor(right.unit, left.unit), left.unit)


def subtract(left: Any, right: Any) -> Any:
    """The difference; of two temperatures, in kelvin."""
    if isinstance(left, Amount) and isinstance(right, Amount) and left.absolute and right.absolute:
        kelvin = units.registry().kelvin
        apart = units.onto_scale(left.value, left.unit, kelvin) - units.onto_scale(right.value, right.unit, kelvin)
        return Amount(apart, kelvin)
    moved = isinstance(right, Amount) and right.absolute
    return add(left, right if moved else negate(right) if isinstance(right, Amount) else -right)


def negate(given: Amount) -> Amount:
    """The negative; of -40 °C, the point on the scale."""
    return Amount(-given.value, given.unit, given.absolute)


def power(base: Amount, exponent: Any) -> Any:
    """A power, with a number of no unit as exponent."""
    if base.absolute:
        raise _absolute(base)
    if not isinstance(exponent, sp.Rational) or abs(exponent) > _MOST_POWER:
        raise RefusedError(f"the exponent of {units.symbol(base.unit)} has to be a number, {_MOST_POWER} at most")
    require_power(base.value, exponent)
    if base.value.is_zero and exponent < 0:
        raise RefusedError("division by zero")
    raised = Fraction(int(exponent.p), int(exponent.q))
    return Amount(powers.power(base.value, exponent), base.unit ** (int(raised) if raised.denominator == 1 else raised))


def convert(given: Any, want: Any) -> Amount:
    """The same amount in another unit."""
    if not isinstance(want, Amount) or want.value != 1:
        raise RefusedError("to: write the unit alone, such as km/h")
    if not isinstance(given, Amount):
        given = Amount(given, units.registry().dimensionless)
    if given.absolute or want.absolute:
        return Amount(units.onto_scale(given.value, given.unit, want.unit), want.unit, want.absolute)
    return Amount(given.value * units.factor(given.unit, want.unit), want.unit)


def _absolute(given: Amount) -> RefusedError:
    return RefusedError(
        f"a temperature in {units.symbol(given.unit)} is a point on a scale and cannot be added or multiplied; "
        f"convert it to K first (20 degC to K), or write a difference as delta_{units.symbol(given.unit)}"
    )
