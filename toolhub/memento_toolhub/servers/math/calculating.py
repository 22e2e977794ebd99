"""Calculations with numbers, matrices and units, and simpler forms of expressions."""

from __future__ import annotations

from typing import Any

import sympy as sp

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.math import amounts, units
from memento_toolhub.servers.math.amounts import Amount
from memento_toolhub.servers.math.arithmetic import is_matrix, is_plain, is_zero
from memento_toolhub.servers.math.evaluate import Scope, evaluate
from memento_toolhub.servers.math.parser import parse
from memento_toolhub.servers.math.results import Answer, Simplified
from memento_toolhub.servers.math.show import exact, show
from memento_toolhub.servers.math.size import RefusedError, require_expandable, terms
from memento_toolhub.servers.math.syntax import Call, Conversion, Name, Node, Number, walk
from memento_toolhub.servers.math.written import written

_MOST_TIDIED_OPERATIONS = 300
_MOST_TIDIED_ENTRIES = 50
_LONG_FRACTION = 45


def calculate(expression: str, digits: int) -> Answer:
    """The value of an expression without variables."""
    node = parse(expression, units=True)
    value = evaluate(node, Scope(units=True))
    return _answer(value, node, digits, node)


def convert_units(quantity: str, to: str, digits: int) -> Answer:
    """A quantity in another unit."""
    node = parse(quantity, "quantity", units=True)
    if isinstance(node, Conversion):
        raise CallError("quantity: holds a conversion already; give the unit in `to`")
    given = evaluate(node, Scope("quantity", units=True))
    wanted = parse("percent" if to.strip() == "%" else to, "to", units=True)
    want = evaluate(wanted, Scope("to", units=True))
    try:
        return _answer(amounts.convert(given, want), node, digits, node, wanted)
    except RefusedError as error:
        raise CallError(f"to: {error}") from error


def simplify(expression: str, digits: int) -> Simplified:
    """An expression in its simplest form that is found, as a product, and multiplied out."""
    node = parse(expression)
    value = evaluate(node, Scope(free=True))
    try:
        if not is_plain(value):
            answer = _answer(value.applyfunc(sp.simplify) if is_matrix(value) else value, node, digits)
            return Simplified.model_validate(answer.model_dump())
        require_expandable(value)
        simple = sp.simplify(value)
        answer = _answer(simple, node, digits)
        forms = {"factored": exact(sp.factor(value)), "expanded": exact(sp.expand(value))}
    except RefusedError as error:
        raise CallError(f"expression: {error}") from error
    other = {name: text for name, text in forms.items() if text != answer.exact and len(text) <= 5_000}
    return Simplified.model_validate({**answer.model_dump(), **other})


def _answer(value: Any, node: Node, digits: int, *measured: Node) -> Answer:
    """A result; the nodes measured are those whose names may be units."""
    names = {part.text: None for one in measured for part in walk(one) if isinstance(part, Name)}
    notes = [*_notes(node), *filter(None, map(units.remark, names))]
    try:
        value = _tidy(value)
        shown = show(value, digits)
        if isinstance(value, Amount):
            notes.extend(_in_base_units(value))
            if len(shown.exact) > _LONG_FRACTION and shown.unit:
                notes.append("exact is by the tabulated sizes of the units, of which some are measured or rounded")
    except RefusedError as error:
        raise CallError(f"expression: {error}") from error
    return Answer(
        exact=shown.exact, decimal=shown.decimal, unit=shown.unit, read_as=written(node), notes=[*notes, *shown.notes]
    )


def _notes(node: Node) -> list[str]:
    parts = list(walk(node))
    notes = []
    if any(isinstance(part, Number) and part.decimal for part in parts):
        notes.append("decimals were taken exactly as written: 0.1 is 1/10")
    calls = [part for part in parts if isinstance(part, Call)]
    if any(call.name == "log" and len(call.args) == 1 for call in calls):
        notes.append("log is the natural logarithm; log10 and log2 are the others")
    if any(call.name in ("sin", "cos", "tan") and _is_count(call.args[0]) for call in calls):
        notes.append("angles are in radians; 30 degrees are written 30°")
    if any(call.name == "daynumber" for call in calls):
        notes.append("daynumber counts days of the Gregorian calendar; modulo 7 it is the weekday, 0 for Sunday")
    if any(call.name == "factorial" and _is_factorial(call.args[0]) for call in calls):
        notes.append("n!! was taken for (n!)!; a double factorial is product(2k, k, 1, n/2), or of 2k - 1 to (n + 1)/2")
    return notes


def _is_count(node: Node) -> bool:
    return isinstance(node, Number) and not node.decimal and node.value != 0


def _is_factorial(node: Node) -> bool:
    return isinstance(node, Call) and node.name == "factorial"


def _in_base_units(value: Amount) -> list[str]:
    if value.absolute or value.unit.dimensionless:
        return []
    scale, base = units.to_base(value.unit)
    if base == value.unit:
        return []
    shown = show(Amount(value.value * scale, base), 15)
    return [f"in SI base units: {shown.decimal} {shown.unit}"]


def _tidy(value: Any) -> Any:
    """The shorter one of a number and itself multiplied out: (1 + I)^2 is 2*I."""
    if isinstance(value, Amount):
        return Amount(_tidy(value.value), value.unit, value.absolute)
    if is_matrix(value):
        return value.applyfunc(_tidy) if len(value) <= _MOST_TIDIED_ENTRIES else value
    if not is_plain(value) or value.free_symbols or value.is_Rational or value.is_infinite:
        return value
    if value.count_ops() > _MOST_TIDIED_OPERATIONS or value.has(sp.zoo, sp.nan, sp.Integral, sp.Sum):
        return value
    if is_zero(value):
        return sp.S.Zero
    if terms(value) > _MOST_TIDIED_OPERATIONS:
        return value
    unevaluated = isinstance(value, sp.Mul) and all(_is_prime_power(part) for part in value.args)
    longer = value if unevaluated else sp.expand(value)
    return longer if longer.count_ops() < value.count_ops() else value


def _is_prime_power(value: Any) -> bool:
    return isinstance(value, sp.Integer) or (isinstance(value, sp.Pow) and all(map(_is_prime_power, value.args)))
