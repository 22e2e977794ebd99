"""Units by their names, and the exact number of one in another."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

import pint
import sympy as sp

from memento_toolhub.servers.math.size import RefusedError
from memento_toolhub.servers.math.tokens import MONEY

_CURRENCIES = (
    "|usd|eur|gbp|jpy|chf|cny|inr|aud|cad|nzd|sek|nok|dkk|krw|brl|mxn|rub|zar|dollar|dollars|euro|euros|yen|rupee|rupees|"
    "yuan|renminbi|franc|francs|peso|pesos|ruble|rubles|cents|bitcoin|btc|eth|"
)
_ALSO = {"AU": "au", "floz": "fluid_ounce"}
"""Names that mean something else to pint than to people, or nothing."""
_US = "the one of the US; the British one is imperial_"
_SEVERAL = {
    "ton": "the short one of 2000 lb; others are tonne and long_ton",
    "barrel": "31.5 gallons; one of oil is oil_barrel",
    "month": "a twelfth of 365.25 days; days between dates: daynumber",
    "year": "365.25 days; days between dates: daynumber",
    **{name: _US + name for name in ("gallon", "quart", "pint", "cup", "fluid_ounce")},
}
Unit: TypeAlias = Any
"""A unit of the registry; pint has several types for it."""
_PI = Fraction("3.1415926535897932384626433832795028841971693993751")
_PLAIN_BITS = 120


@cache
def registry() -> pint.UnitRegistry[Any]:
    """All units, whose sizes are exact fractions."""
    return pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)


def unit(name: str) -> Unit | None:
    """The unit of a name such as km, miles or degC, if there is one; only single names are looked up."""
    name = _ALSO.get(name, name)
    try:
        return registry().Unit(name) if registry().parse_unit_name(name) else None
    except (pint.errors.PintError, ValueError, KeyError):
        return None


def require_no_currency(name: str) -> None:
    """Refuse the name of a currency, saying why."""
    if f"|{name.lower()}|" in _CURRENCIES:
        raise RefusedError(f"{name} is a currency; {MONEY}")


def likely(name: str) -> str:
    """A unit of that name in other letters, for an error message; empty where there is none."""
    found = next((other for other in (name.lower(), name.title()) if registry().parse_unit_name(other)), "")
    return f" (is {found} meant?)" if found else ""


def remark(name: str) -> str:
    """Which unit a name is taken for, where people call several by it; else empty."""
    meant = str(unit(name) or "")
    return f"{meant} is {_SEVERAL[meant]}" if meant in _SEVERAL else ""


def is_absolute(measure: Unit) -> bool:
    """Whether it is a scale with a zero of its own, such as degrees Celsius.

    Raises:
        RefusedError: if it is a logarithmic unit or a product with such a scale.
    """
    odd = [name for name in measure._units if not registry()._is_multiplicative(name)]
    if not odd:
        return False
    if len(measure._units) > 1 or measure._units[odd[0]] != 1:
        raise RefusedError(f"{odd[0]} cannot be part of a product; use K, or delta_{odd[0]} for a difference")
    if measure.dimensionality != registry().kelvin.dimensionality:
        raise RefusedError(f"{odd[0]} is a logarithmic unit, which is not supported; use the linear one")
    return True


def factor(have: Unit, want: Unit) -> Any:
    """How many of the wanted unit one of the other is, exactly.

    Raises:
        RefusedError: if they measure different things.
    """
    require_same_kind(have, want)
    return _exact(Fraction(registry().Quantity(Fraction(1), have).to(want).magnitude))


def onto_scale(value: Any, have: Unit, want: Unit) -> Any:
    """A temperature on another scale, exactly."""
    require_same_kind(have, want)
    zero = Fraction(registry().Quantity(Fraction(0), have).to(want).magnitude)
    one = Fraction(registry().Quantity(Fraction(1), have).to(want).magnitude)
    return value * _rational(one - zero) + _rational(zero)


def require_same_kind(have: Unit, want: Unit) -> None:
    """Refuse two units that measure different things."""
    if have.dimensionality != want.dimensionality:
        hint = "; temperatures are degC, degF and K" if {symbol(have), symbol(want)} & {"F", "C"} else ""
        kinds = " and ".join(f"{symbol(unit) or 'it'} is {_kind(unit)}" for unit in (have, want))
        raise RefusedError(f"{kinds}, so one cannot become the other{hint}")


def reduced(measure: Unit) -> tuple[Any, Unit]:
    """The unit with each kind in it only once (km*min/h becomes km), and how many of that one of it is."""
    quantity = registry().Quantity(Fraction(1), measure).to_reduced_units()
    return _exact(Fraction(quantity.magnitude)), quantity.units


def to_base(measure: Unit) -> tuple[Any, Unit]:
    """The SI base units of the same kind, and how many of them one is."""
    quantity = registry().Quantity(Fraction(1), measure).to_base_units()
    return _exact(Fraction(quantity.magnitude)), quantity.units


def _kind(measure: Unit) -> str:
    return _joined(measure.dimensionality) or "a plain number"


def symbol(measure: Unit) -> str:
    """A unit as it is written and read here, such as m/s^2; empty for plain numbers."""
    return _joined({_short(name): power for name, power in measure._units.items()})


def _short(name: str) -> str:
    text = str(registry().get_symbol(name))
    return {"°C": "degC", "°F": "degF", "Δ°C": "delta_degC", "Δ°F": "delta_degF"}.get(text, text)


def _joined(powers: Mapping[str, Any]) -> str:
    above = [_raised(name, power) for name, power in powers.items() if power > 0]
    below = [_raised(name, -power) for name, power in powers.items() if power < 0]
    return "/".join([" ".join(above) or "1", *below]) if powers else ""


def _raised(name: str, power: Any) -> str:
    exponent = Fraction(power)
    return name if exponent == 1 else f"{name}^{exponent}" if exponent.denominator == 1 else f"{name}^({exponent})"


def _rational(number: Fraction) -> Any:
    return sp.Rational(number.numerator, number.denominator)


def _exact(number: Fraction) -> Any:
    """A factor without the decimals of pi that the registry put into it, as with degrees."""
    for power in (0, 1, -1, 2, -2):
        plain = number / _PI**power
        if max(plain.numerator.bit_length(), plain.denominator.bit_length()) <= _PLAIN_BITS:
            return _rational(plain) * sp.pi**power
    return _rational(number)
