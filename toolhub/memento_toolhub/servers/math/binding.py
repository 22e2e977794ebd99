"""Sums, products and limits: functions with a variable of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from memento_toolhub.servers.math.size import RefusedError

_MOST_STEPS = 2_000


def countable(first: Any, last: Any) -> bool:
    """Whether the whole numbers from first to last are few enough to be gone through."""
    return isinstance(first, sp.Integer) and isinstance(last, sp.Integer) and last - first < _MOST_STEPS


def one_by_one(join: Callable[[Any, Any], Any], empty: Any, each: Callable[[Any], Any], first: Any, last: Any) -> Any:
    """The terms for every whole number from first to last, both included, joined."""
    result = empty
    for step in range(int(first), int(last) + 1):
        value = each(sp.Integer(step))
        result = value if step == first else join(result, value)
    return result


def total(term: Any, variable: Any, first: Any, last: Any) -> Any:
    """The sum of a term for every whole number from first to last, in closed form."""
    return _closed(sp.summation(term, (variable, first, last)), "sum")


def product(factor: Any, variable: Any, first: Any, last: Any) -> Any:
    """The product of a factor for every whole number from first to last, in closed form."""
    if isinstance(first, sp.Integer) and isinstance(last, sp.Integer):
        raise RefusedError(f"a product may have {_MOST_STEPS} factors at most")
    return _closed(sp.product(factor, (variable, first, last)), "product")


def limit(value: Any, variable: Any, to: Any) -> Any:
    """What a value comes near to; from both sides, which have to agree, except at infinity."""
    if to in (sp.oo, -sp.oo):
        return _closed(sp.limit(value, variable, to), "limit")
    above, below = (sp.limit(value, variable, to, side) for side in "+-")
    if above != below and not (above - below).equals(0):
        raise RefusedError(f"the limit differs by side: {above} from above, {below} from below")
    return _closed(above, "limit")


BINDERS: dict[str, Callable[..., Any]] = {"sum": total, "product": product, "limit": limit}


def _closed(value: Any, name: str) -> Any:
    if value.has(sp.Sum, sp.Product, sp.Limit) and not value.is_number:
        raise RefusedError(f"no closed form of this {name} was found")
    return value
