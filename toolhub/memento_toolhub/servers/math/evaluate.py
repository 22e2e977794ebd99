"""From a tree to what it stands for: numbers, expressions, matrices and amounts, by allowed names only."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.math import amounts, arithmetic, units
from memento_toolhub.servers.math.amounts import Amount
from memento_toolhub.servers.math.binding import BINDERS, countable, one_by_one
from memento_toolhub.servers.math.functions import FUNCTIONS
from memento_toolhub.servers.math.matrices import MATRIX_FUNCTIONS, from_items, identity
from memento_toolhub.servers.math.size import RefusedError
from memento_toolhub.servers.math.syntax import (
    Call,
    Conversion,
    Items,
    Name,
    Negated,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Relation,
    Sum,
)
from memento_toolhub.servers.math.vocabulary import BINDING, CONSTANTS, FUNCTION_NAMES, SIGNATURES, arity

_CONSTANTS = {"pi": sp.pi, "E": sp.E, "I": sp.I, "oo": sp.oo}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "//": arithmetic.floor_divide,
    "%": arithmetic.modulo,
}
_JOINED = {"sum": (arithmetic.add, sp.S.Zero), "product": (arithmetic.multiply, sp.S.One)}
_KEEP_UNIT = frozenset({"abs", "floor", "ceil", "ceiling", "round"})


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names of an expression may be.

    Attributes:
        field: the parameter the text came from, for errors.
        values: what some names stand for, variables or numbers, whatever else they could be.
        free: whether every name without a meaning is a variable.
        real: whether those variables are real numbers.
        units: whether names may be units.
    """

    field: str = "expression"
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    free: bool = False
    real: bool = False
    units: bool = False


def evaluate(node: Node, scope: Scope) -> Any:
    """What an expression stands for.

    Raises:
        CallError: naming the position and what is wrong there.
    """
    try:
        return _step(node, scope)
    except RefusedError as error:
        raise CallError(f"{scope.field}: at {node.at}: {error}") from error
    except (TypeError, AttributeError, NotImplementedError, ArithmeticError, ValueError) as error:
        detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise CallError(f"{scope.field}: at {node.at}: it cannot be worked out ({detail})") from error


def _step(node: Node, scope: Scope) -> Any:
    match node:
        case Number(value):
            return sp.Rational(value.numerator, value.denominator)
        case Name():
            return _name(node, scope)
        case Negated(inner):
            return arithmetic.negate(evaluate(inner, scope))
        case Percent(inner):
            return arithmetic.divide(evaluate(inner, scope), sp.Integer(100))
        case Sum(terms):
            total = evaluate(terms[0][1], scope)
            for sign, term in terms[1:]:
                value = evaluate(term, scope)
                total = arithmetic.add(total, value) if sign == "+" else arithmetic.subtract(total, value)
            return total
        case Product(factors):
            return _product(factors, scope)
        case Power(base, exponent):
            return arithmetic.power(evaluate(base, scope), evaluate(exponent, scope))
        case Items(items):
            return from_items([evaluate(item, scope) for item in items])
        case Conversion(quantity, unit):
            return amounts.convert(evaluate(quantity, scope), evaluate(unit, scope))
        case Relation(operator):
            raise RefusedError(f"{operator!r} makes it an equation or inequality; use solve for those")
        case Call():
            return _call(node, scope)


def _name(node: Name, scope: Scope) -> Any:
    if node.text in scope.values:
        return scope.values[node.text]
    if node.text in CONSTANTS:
        return _CONSTANTS[CONSTANTS[node.text]]
    if scope.units:
        found = units.unit(node.text)
        if found is not None:
            return amounts.amount(sp.S.One, found)
        units.require_no_currency(node.text)
    if node.text in FUNCTION_NAMES:
        raise RefusedError(f"{node.text} is a function: write {node.text}({SIGNATURES[node.text]})")
    if scope.free:
        return sp.Symbol(node.text, real=True) if scope.real else sp.Symbol(node.text)
    hint = units.likely(node.text) if scope.units else ""
    raise RefusedError(
        f"unknown name {node.text!r}: no constant, function or unit{hint}; variables are for simplify, solve, "
        f"differentiate and integrate; constants: pi, e, i, oo; functions: {', '.join(sorted(FUNCTION_NAMES))}"
    )


def _product(factors: tuple[tuple[str, Node], ...], scope: Scope) -> Any:
    first, rest = factors[0][1], factors[1:]
    if isinstance(first, Power) and rest and rest[0][0] == "%":
        total = _power_modulo(first, rest[0][1], scope)
        rest = rest[1:]
    else:
        total = evaluate(first, scope)
    for operator, factor in rest:
        total = _OPERATORS[operator](total, evaluate(factor, scope))
    return total


def _power_modulo(node: Power, modulus: Node, scope: Scope) -> Any:
    """The remainder of a power, which may itself be far too large to be written."""
    base, exponent, by = (evaluate(part, scope) for part in (node.base, node.exponent, modulus))
    if all(isinstance(part, sp.Integer) for part in (base, exponent, by)) and exponent >= 0:
        return FUNCTIONS["powmod"](base, exponent, by)
    return arithmetic.modulo(arithmetic.power(base, exponent), by)


def _call(node: Call, scope: Scope) -> Any:
    least, most = arity(node.name)
    if not least <= len(node.args) <= most:
        raise RefusedError(f"{node.name} is written {node.name}({SIGNATURES[node.name]}); {len(node.args)} were given")
    if node.name in BINDING:
        return _bind(node, scope)
    if node.name == "mod" and isinstance(node.args[0], Power):
        return _power_modulo(node.args[0], node.args[1], scope)
    values = [evaluate(arg, scope) for arg in node.args]
    if node.name == "identity":
        return identity(values[0])
    if node.name in MATRIX_FUNCTIONS:
        if not all(map(arithmetic.is_matrix, values)):
            raise RefusedError(f"{node.name} takes a matrix, as in {node.name}([[1, 2], [3, 4]])")
        return MATRIX_FUNCTIONS[node.name](*values)
    arithmetic.require_single(*values)
    if any(map(arithmetic.is_matrix, values)):
        raise RefusedError(f"{node.name} takes numbers, not matrices")
    return _apply(node.name, values)


def _apply(name: str, values: list[Any]) -> Any:
    first = values[0]
    if not isinstance(first, Amount) or first.unit.dimensionless:
        return FUNCTIONS[name](*map(amounts.plain, values))
    if name in _KEEP_UNIT:
        return replace(first, value=FUNCTIONS[name](first.value, *map(amounts.plain, values[1:])))
    if name in ("min", "max"):
        same = [amounts.convert(value, Amount(sp.S.One, first.unit, first.absolute)) for value in values]
        return replace(first, value=FUNCTIONS[name](*(one.value for one in same)))
    if name in ("sqrt", "cbrt"):
        return amounts.power(first, sp.Rational(1, 2 if name == "sqrt" else 3))
    raise RefusedError(f"{name} takes a plain number, and this is in {units.symbol(first.unit)}")


def _bind(node: Call, scope: Scope) -> Any:
    body, variable, *rest = node.args
    if not isinstance(variable, Name):
        raise RefusedError(f"the second argument of {node.name} is its variable, as in sum(k^2, k, 1, 10)")

    def at(value: Any) -> Any:
        return evaluate(body, replace(scope, values={**scope.values, variable.text: value}))

    limits = [amounts.plain(evaluate(arg, scope)) for arg in rest]
    if node.name in _JOINED and countable(*limits):
        return one_by_one(*_JOINED[node.name], at, *limits)
    symbol = sp.Symbol(variable.text)
    general = at(symbol)
    if not arithmetic.is_plain(general):
        raise RefusedError(f"{node.name} takes a plain expression, without units and matrices")
    return BINDERS[node.name](general, symbol, *limits)
