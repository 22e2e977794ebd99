"""Calculations give true facts, exactly and in decimals."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundled.math.asking import calculate, exact
from memento_toolhub.servers.kit.call_error import CallError


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.1 + 0.2", "3/10"),
        ("0x1F + 0b101 + 0o17", "51"),
        ("2^10 - 1", "1023"),
        ("2**3**2", "512"),
        ("-2^2", "-4"),
        ("2^-2", "1/4"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("mod(17, 5)", "2"),
        ("17 mod 5", "2"),
        ("2(3 + 4)", "14"),
        ("(1 + 2)(3 + 4)", "21"),
        ("2pi", "2*pi"),
        ("5² × 3 ÷ 5 − 1", "14"),
        ("√16 + √(2 + 7)", "7"),
        ("sqrt(8)", "2*sqrt(2)"),
        ("cbrt(-27)", "-3"),
        ("root(32, 5)", "2"),
        ("5!", "120"),
        ("3!!", "720"),
        ("|3 - 5| + |-2|", "4"),
        ("15% of 80", "12"),
        ("80 * 15%", "12"),
        ("25% + 25%", "1/2"),
        ("17 % 5", "2"),
        ("0.1 % 0.03", "1/100"),
        ("1 % 10^-17", "0"),
        ("7 % (2^0.0000000000000000000000000000000001)", "7 - 6*2**(1/10000000000000000000000000000000000)"),
        ("sin(30°)", "1/2"),
        ("cos(pi)", "-1"),
        ("atan2(1, 1)", "pi/4"),
        ("ln(e^3)", "3"),
        ("log(8, 2)", "3"),
        ("log(8, 4)", "3/2"),
        ("log10(1000)", "3"),
        ("log2(1/8)", "-3"),
        ("e^(i pi) + 1", "0"),
        ("(1 + 2i)(3 - i)", "5 + 5*I"),
        ("i^2", "-1"),
        ("abs(3 + 4j)", "5"),
        ("conj(2 - 3i)", "2 + 3*I"),
        ("round(2.5)", "3"),
        ("round(-2.675, 2)", "-67/25"),
        ("floor(-1.5) + ceil(1.2)", "0"),
        ("min(3, 1, 2) + max(3, 1, 2)", "4"),
        ("gcd(12, 18, 27)", "3"),
        ("lcm(4, 6, 10)", "60"),
        ("binomial(49, 6)", "13983816"),
        ("perm(5, 2)", "20"),
        ("fibonacci(50)", "12586269025"),
        ("isprime(2^61 - 1)", "True"),
        ("prime(100)", "541"),
        ("factorint(360)", "2**3*3**2*5"),
        ("divisors(12)", "[1, 2, 3, 4, 6, 12]"),
        ("totient(36)", "12"),
        ("digit_sum(2^100)", "115"),
        ("daynumber(2024, 3, 1) - daynumber(2023, 12, 25)", "67"),
        ("daynumber(2023, 12, 24) mod 7", "0"),
        ("2024 - 03 - 01", "2020"),
        ("floor(7 exp(-10^-15))", "6"),
        ("ceil(sqrt(49 - 10^-20))", "7"),
        ("floor(sqrt(49 - 10^-20))", "6"),
        ("floor(sqrt(2)^2)", "2"),
        ("floor(pi * 10^30)", "3141592653589793238462643383279"),
        ("powmod(3, 200, 13)", "9"),
        ("modinv(3, 11)", "4"),
        ("7^(10^9) % 1000", "1"),
        ("mod(2^100000000, 7)", "2"),
        ("zeta(2)", "pi**2/6"),
        ("gamma(1/2)", "sqrt(pi)"),
        ("sum(k^2, k, 1, 100)", "338350"),
        ("sum(i, i, 1, 10)", "55"),
        ("sum(1/n^2, n, 1, oo)", "pi**2/6"),
        ("sum(k, k, 1, 10^6)", "500000500000"),
        ("product(k, k, 1, 6)", "720"),
        ("limit(sin(x)/x, x, 0)", "1"),
        ("limit((1 + 1/n)^n, n, oo)", "E"),
        ("(1 + sqrt(2))(1 - sqrt(2))", "-1"),
        ("det([[1, 2], [3, 4]])", "-2"),
        ("inv([[1, 2], [3, 4]])", "[[-2, 1], [3/2, -1/2]]"),
        ("[[1, 2], [3, 4]] * [[0, 1], [1, 0]]", "[[2, 1], [4, 3]]"),
        ("[[1, 1], [1, 0]]^10", "[[89, 55], [55, 34]]"),
        ("2[[1, 2]] + [[1, 1]]", "[[3, 5]]"),
        ("transpose([[1, 2], [3, 4]])", "[[1, 3], [2, 4]]"),
        ("rank([[1, 2], [2, 4]])", "1"),
        ("trace([[1, 2], [2, 4]])", "5"),
        ("eigenvals([[2, 0], [0, 3]])", "[2, 3]"),
        ("rref([[1, 2, 3], [4, 5, 6]])", "[[1, 0, -1], [0, 1, 2]]"),
        ("dot([1, 2, 3], [4, 5, 6])", "32"),
        ("cross([1, 0, 0], [0, 1, 0])", "[[0], [0], [1]]"),
        ("norm([3, 4])", "5"),
    ],
)
def test_an_expression_has_its_exact_value(expression: str, value: str) -> None:
    assert exact(expression) == value


@pytest.mark.parametrize(
    ("expression", "digits", "decimal"),
    [
        ("1/3", 5, "0.33333"),
        ("1/4", 50, "0.25"),
        ("24^0.6180339887", 15, "7.12881687928524"),
        ("1/24^0.6180339887", 5, "0.14028"),
        ("(-24)^0.6180339887 * 0", 15, "0"),
        ("(24 pi)^0.6180339887", 5, "14.463"),
        ("exp(0.6180339887 ln(24) + 1)", 5, "19.378"),
        ("72^(1/7)^0.6180339887", 5, "3.6136"),
        ("1.05^0.2739726027", 10, "1.013456908"),
        ("pi", 50, "3.1415926535897932384626433832795028841971693993751"),
        ("sqrt(2)", 15, "1.41421356237310"),
        ("2^100", 5, "1.2677E+30"),
        ("10^-20", 3, "1E-20"),
        ("(1 + i)/3", 3, "0.333 + 0.333*I"),
        ("exp(10^6)", 5, "3.0332E+434294"),
        ("sum(1/k^3, k, 1, oo)", 10, "1.202056903"),
    ],
)
def test_decimals_are_rounded_to_the_digits_asked_for(expression: str, digits: int, decimal: str) -> None:
    assert calculate(expression, digits).decimal == decimal


@pytest.mark.parametrize(
    ("expression", "value", "unit"),
    [
        ("3 km / 20 min", "3/20", "km/min"),
        ("3 km / 20 min to m/s", "5/2", "m/s"),
        ("60 km/h * 20 min", "20", "km"),
        ("5 ft + 3 in", "21/4", "ft"),
        ("100 W * 3 h to kWh", "3/10", "kWh"),
        ("sqrt(16 m^2)", "4", "m"),
        ("max(1 m, 150 cm)", "3/2", "m"),
        ("30 degC - 20 degC", "10", "K"),
        ("-40 degC to degF", "-40", "degF"),
        ("50 cm / 1 m", "1/2", ""),
        ("sin(90 degree)", "1", ""),
        ("36 km per h to m/s", "10", "m/s"),
        ("2 * 3 kg", "6", "kg"),
    ],
)
def test_quantities_keep_their_units(expression: str, value: str, unit: str) -> None:
    answer = calculate(expression)
    assert (answer.exact, answer.unit) == (value, unit)


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("", "is empty"),
        ("2 +", "ends at 3"),
        ("foo + 1", "at 0: unknown name 'foo'"),
        ("1 + bar(2)", "unknown function 'bar' at 4; functions: abs"),
        ("sin", "write sin(x)"),
        ("sin(1, 2)", "2 were given"),
        ("1/0", "division by zero"),
        ("0^-1", "division by zero"),
        ("1/(sin(1)^2 + cos(1)^2 - 1)", "division by zero"),
        ("log(0)", "not defined"),
        ("(-1)!", "not defined"),
        ("oo - oo", "not defined"),
        ("200 + 15%", "of what?"),
        ("1/2 pi", "a/(b*c) or (a/b)*c"),
        ("2 3", "operator is missing before 3 at 2"),
        ("1,234", "thousands separators"),
        ("x = 2", "use solve"),
        ("5 $", "currency"),
        ("10 EUR", "currency"),
        ("1 m + 1 s", "one cannot become the other"),
        ("1 m + 1", "cannot be added"),
        ("20 degC + 5 K", "convert it to K first"),
        ("log(2 m)", "plain number"),
        ("[[1, 2], [3]]", "the rows have 2, 1 entries"),
        ("inv([[1, 2], [2, 4]])", "determinant is 0"),
        ("[[1, 2]] + 1", "cannot be added"),
        ("[1, 2] * [1, 2]", "cannot be multiplied"),
        ("limit(1/x, x, 0)", "differs by side"),
        ("gcd(1/2, 3)", "whole number is wanted"),
        ("[[1, 2], [3, 4]] // 2", "two real numbers"),
        ("5 % (2 i)", "two real numbers"),
        ("k^2 to km", "one cannot become the other"),
        ("2024-03-01 - 2023-12-25", "looks like a date"),
        ("12/25/2022 + 1", "looks like a date"),
        ("daynumber(2023, 2, 29)", "no such date"),
        ("mean([1, 2])", "the tool statistics"),
        ("nCr(5, 2)", "write comb(n, k)"),
        ("C(5, 2)", "comb(n, k)"),
    ],
)
def test_a_mistake_is_named(expression: str, part: str) -> None:
    with pytest.raises(CallError) as error:
        calculate(expression)
    assert part in str(error.value)
    assert str(error.value).startswith("expression: ")


def test_how_an_expression_was_understood_is_said() -> None:
    assert calculate("2(3+4)^2").read_as == "2*(3 + 4)^2"
    assert calculate("3 km / 20 min").read_as == "(3*km)/(20*min)"


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("sin(30)", "30°"),
        ("5!!", "(n!)!"),
        ("1 ton / 1 kg", "tonne"),
        ("10 barrels to L", "oil_barrel"),
        ("3 months to days", "365.25"),
        ("2 gal to L", "imperial_gallon"),
    ],
)
def test_what_people_may_mean_otherwise_is_said(expression: str, part: str) -> None:
    assert part in " ".join(calculate(expression).notes)


@pytest.mark.parametrize("expression", ["sin(30°)", "sin(0.5)", "sin(0)", "5!", "1 tonne / 1 kg"])
def test_nothing_is_said_where_nothing_else_can_be_meant(expression: str) -> None:
    assert not [note for note in calculate(expression).notes if not note.startswith("decimals")]


def test_that_decimals_are_exact_is_said() -> None:
    assert "decimals were taken exactly as written: 0.1 is 1/10" in calculate("0.1 + 0.2").notes
    assert calculate("1 + 2").notes == []


_WHOLES = st.integers(-(10**20), 10**20)


@given(_WHOLES, _WHOLES, _WHOLES.filter(bool))
def test_arithmetic_is_that_of_fractions(a: int, b: int, c: int) -> None:
    assert Fraction(exact(f"({a}) - ({b})/({c})")) == Fraction(a) - Fraction(b, c)
    assert int(exact(f"({a}) // ({c})")) == a // c
    assert int(exact(f"({a}) % ({c})")) == a % c


@given(st.fractions(0, 10**6, max_denominator=100).filter(bool), st.decimals(-3, 3, places=10))
@settings(max_examples=40)
def test_a_power_with_a_long_exponent_is_that_of_floats(base: Fraction, exponent: Decimal) -> None:
    power, wanted = f"({base})^({exponent:f})", float(base) ** float(exponent)
    assert math.isclose(float(calculate(power).decimal), wanted, rel_tol=1e-9)
    assert math.isclose(float(calculate(f"1/{power} + 12*{power}").decimal), 1 / wanted + 12 * wanted, rel_tol=1e-9)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_decimal_is_read_as_it_is_written(number: object) -> None:
    assert Fraction(exact(str(number))) == Fraction(str(number))


@given(st.integers(-1000, 1000), st.integers(0, 200), st.integers(1, 1000))
def test_the_remainder_of_a_power_needs_no_power(base: int, exponent: int, modulus: int) -> None:
    assert int(exact(f"({base})^{exponent} % {modulus}")) == pow(base, exponent, modulus)
