"""Figures of lists of numbers, in exact fractions."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Context, Decimal
from fractions import Fraction

from memento_toolhub.servers.math.results import Described, Regression

_MOST_EXACT_CHARS = 60
_ROUND = Context(prec=15)
_METHOD = "by linear interpolation between the ranked values, both ends included (as PERCENTILE.INC, numpy and R do)"


def describe(numbers: list[float], others: list[float]) -> Described:
    """The figures of a list, and how a second one goes with it."""
    values = sorted(map(_fraction, numbers))
    count, total = len(values), sum(values, Fraction(0))
    mean = total / count
    squares = sum(((value - mean) ** 2 for value in values), Fraction(0))
    quartiles = [_quantile(values, Fraction(part, 4)) for part in (1, 2, 3)]
    single: dict[str, Fraction] = {
        "sum": total,
        "mean": mean,
        "median": quartiles[1],
        "minimum": values[0],
        "maximum": values[-1],
        "range": values[-1] - values[0],
        "population_variance": squares / count,
        **({"sample_variance": squares / (count - 1)} if count > 1 else {}),
    }
    roots = {name.replace("variance", "stdev"): value for name, value in single.items() if "variance" in name}
    texts = {name: _text(value) for name, value in single.items()} | {name: _root(v) for name, v in roots.items()}
    decimals = {name: _rounded(value) for name, value in single.items()}
    decimals |= {name: _square_root(value) for name, value in roots.items()}
    decimals |= {f"q{part}": _rounded(value) for part, value in enumerate(quartiles, 1)}
    return Described(
        count=count,
        modes=_modes(values),
        quartiles=list(map(_text, quartiles)),
        quartile_method=_METHOD,
        decimals=decimals,
        paired=_regression(list(map(_fraction, numbers)), list(map(_fraction, others))) if others else None,
        **{"sample_variance": "", "sample_stdev": "", **texts},
    )


def _fraction(number: float) -> Fraction:
    """The decimal that was written: 0.1 is 1/10, not the nearest binary number."""
    return Fraction(Decimal(repr(number)))


def _quantile(values: list[Fraction], part: Fraction) -> Fraction:
    """The quantile of sorted values by linear interpolation (Hyndman and Fan 1996, definition 7)."""
    place = part * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def _modes(values: list[Fraction]) -> list[str]:
    counts = Counter(values)
    most = max(counts.values())
    return (
        [_text(value) for value, times in counts.items() if times == most][:20] if most > 1 or len(values) == 1 else []
    )


def _regression(xs: list[Fraction], ys: list[Fraction]) -> Regression | None:
    count = len(xs)
    if count < 2:
        return None
    mean_x, mean_y = sum(xs, Fraction(0)) / count, sum(ys, Fraction(0)) / count
    xx = sum(((x - mean_x) ** 2 for x in xs), Fraction(0))
    yy = sum(((y - mean_y) ** 2 for y in ys), Fraction(0))
    xy = sum(((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)), Fraction(0))
    slope = xy / xx if xx else None
    correlation = math.copysign(_square_root(xy**2 / (xx * yy)), xy) if xx and yy else None
    return Regression(
        covariance=_text(xy / (count - 1)),
        correlation=correlation,
        slope=_text(slope) if slope is not None else "",
        intercept=_text(mean_y - slope * mean_x) if slope is not None else "",
    )


def _text(value: Fraction) -> str:
    """The fraction, or 15 digits of it where it is long."""
    text = str(value) if value.denominator.bit_length() + abs(value.numerator).bit_length() < 1_000 else ""
    return text if 0 < len(text) <= _MOST_EXACT_CHARS else str(_decimal(value))


def _root(square: Fraction) -> str:
    parts = (math.isqrt(square.numerator), math.isqrt(square.denominator))
    root = Fraction(*parts)
    if root * root == square:
        return _text(root)
    text = f"sqrt({square})" if square.denominator.bit_length() + square.numerator.bit_length() < 150 else ""
    return text or str(_decimal(square).sqrt(_ROUND))


def _decimal(value: Fraction) -> Decimal:
    return _ROUND.divide(Decimal(value.numerator), Decimal(value.denominator))


def _rounded(value: Fraction) -> float:
    return float(_decimal(value))


def _square_root(square: Fraction) -> float:
    return float(Context(prec=30).sqrt(Context(prec=30).divide(Decimal(square.numerator), Decimal(square.denominator))))
