"""Conversions are exact and go back; statistics agree with Python's."""

from __future__ import annotations

import math
import statistics
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundled.math.asking import convert
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.math.results import Described
from memento_toolhub.servers.math.work import perform


def describe(numbers: list[float], paired: list[float] | None = None) -> Described:
    described: Described = perform("describe", numbers, paired or [])
    return described


@pytest.mark.parametrize(
    ("quantity", "to", "value"),
    [
        ("72 km/h", "m/s", "20"),
        ("5 ft + 3 in", "cm", "8001/50"),
        ("1 mile", "km", "25146/15625"),
        ("25 degC", "degF", "77"),
        ("25 °C", "K", "5963/20"),
        ("-40 degF", "degC", "-40"),
        ("0 K", "degC", "-5463/20"),
        ("180 degree", "radian", "pi"),
        ("1 gallon", "L", "473176473/125000000"),
        ("1 hectare", "m^2", "10000"),
        ("1 kWh", "MJ", "18/5"),
        ("2 days", "s", "172800"),
        ("1 GiB", "byte", "1073741824"),
        ("9.81 m/s^2", "cm/s²", "981"),
        ("1/2", "percent", "50"),
        ("1 atm", "Pa", "101325"),
        ("60 rpm", "degree/s", "360"),
        ("2 AU", "km", "1495978707/5"),
        ("1 cup", "fl oz", "8"),
        ("1 ppm", "%", "1/10000"),
    ],
)
def test_a_conversion_is_exact(quantity: str, to: str, value: str) -> None:
    assert convert(quantity, to).exact == value


@pytest.mark.parametrize(
    ("quantity", "to", "part"),
    [
        ("5 kg", "m", "one cannot become the other"),
        ("20 F", "C", "temperatures are degC, degF and K"),
        ("1 KM", "m", "is km meant?"),
        ("5 eur", "usd", "rates"),
        ("5 ft 3 in", "cm", "for 5 ft 3 in write +"),
        ("5 ft", "3 m", "write the unit alone"),
        ("5 ft to m", "cm", "give the unit in `to`"),
        ("3 dB", "1", "logarithmic"),
        ("1 degC m", "K m", "cannot be"),
    ],
)
def test_what_cannot_be_converted_is_said(quantity: str, to: str, part: str) -> None:
    with pytest.raises(CallError) as error:
        convert(quantity, to)
    assert part in str(error.value)


_SAME_KIND = [("km", "mile"), ("kg", "lb"), ("L", "gallon"), ("J", "kWh"), ("degC", "degF"), ("m/s", "mph")]


@given(st.fractions(-(10**6), 10**6, max_denominator=10**6), st.sampled_from(_SAME_KIND))
def test_a_conversion_goes_back(number: Fraction, units: tuple[str, str]) -> None:
    there = convert(f"({number}) * 1 {units[0]}", units[1])
    back = convert(f"({there.exact}) * 1 {units[1]}", units[0])
    assert Fraction(back.exact) == number


_NUMBERS = st.lists(st.integers(-(10**9), 10**9).map(lambda n: n / 1000), min_size=2, max_size=30)


@given(_NUMBERS)
def test_statistics_agree_with_fractions_and_with_python(numbers: list[float]) -> None:
    exact = [Fraction(Decimal(repr(number))) for number in numbers]
    found = describe(numbers)
    assert found.count == len(numbers)
    assert Fraction(found.mean) == statistics.mean(exact)
    assert Fraction(found.median) == statistics.median(exact)
    assert Fraction(found.sample_variance) == statistics.variance(exact)
    assert Fraction(found.population_variance) == statistics.pvariance(exact)
    assert list(map(Fraction, found.quartiles)) == statistics.quantiles(exact, method="inclusive")
    assert math.isclose(found.decimals["sample_stdev"], statistics.stdev(numbers), rel_tol=1e-6, abs_tol=1e-6)
    assert Fraction(found.range) == max(exact) - min(exact)
    if found.modes:
        assert sorted(map(Fraction, found.modes)) == sorted(statistics.multimode(exact))[:20]


@given(_NUMBERS, st.integers(-50, 50), st.integers(-50, 50))
def test_a_line_is_found_again(xs: list[float], slope: int, intercept: int) -> None:
    ys = [float(slope * Fraction(Decimal(repr(x))) + intercept) for x in xs]
    paired = describe(xs, ys).paired
    assert paired is not None
    if len(set(xs)) == 1:
        assert paired.slope == ""
        assert paired.correlation is None
    else:
        assert math.isclose(float(Fraction(paired.slope)), slope, abs_tol=1e-4)
        if slope and max(abs(a - b) for a, b in pairwise(sorted(xs))) > 1:
            assert paired.correlation is not None
            assert math.isclose(paired.correlation, math.copysign(1, slope), abs_tol=1e-6)


def test_a_standard_deviation_is_exact_where_it_can_be() -> None:
    found = describe([2, 4, 4, 4, 5, 5, 7, 9])
    assert (found.mean, found.population_stdev, found.sample_stdev) == ("5", "2", "sqrt(32/7)")
    assert found.modes == ["4"]


def test_a_single_number_has_no_sample_variance() -> None:
    found = describe([5])
    assert (found.sample_variance, found.sample_stdev, found.population_variance) == ("", "", "0")


def test_extreme_numbers_are_described_too() -> None:
    found = describe([1e300, -1e-300, 1e308])
    assert found.minimum == "-1E-300"
    assert found.decimals["mean"] == pytest.approx(1e308 / 3, rel=1e-6)
