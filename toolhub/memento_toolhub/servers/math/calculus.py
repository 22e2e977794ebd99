"""Derivatives and integrals."""

from __future__ import annotations

import re
from typing import Any

import mpmath
import sympy as sp

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.math.arithmetic import is_plain
from memento_toolhub.servers.math.evaluate import Scope, evaluate
from memento_toolhub.servers.math.numeric import function, number, vanishes
from memento_toolhub.servers.math.parser import parse
from memento_toolhub.servers.math.results import Answer, Integrated
from memento_toolhub.servers.math.show import exact, show
from memento_toolhub.servers.math.size import RefusedError
from memento_toolhub.servers.math.vocabulary import FUNCTION_NAMES
from memento_toolhub.servers.math.written import written

_MOST_SIMPLIFIED = 120
_ODD_PART = 0.4142135
_NAME = re.compile("[A-Za-z\u0370-\u03ff][A-Za-z0-9\u0370-\u03ff]*(_[A-Za-z0-9]+)*")


def symbol(name: str, field: str, *, real: bool = False) -> Any:
    """The variable of a name.

    Raises:
        CallError: if that cannot be the name of a variable.
    """
    if not _NAME.fullmatch(name) or len(name) > 40 or name in FUNCTION_NAMES:
        raise CallError(f"{field}: {name[:40]!r} cannot be a variable; use a name such as x, t or v_0")
    return sp.Symbol(name, real=True) if real else sp.Symbol(name)


def differentiate(expression: str, variable: str, order: int, digits: int) -> Answer:
    """A derivative, where all variables are real."""
    about = symbol(variable, "variable", real=True)
    node = parse(expression)
    value = _single(evaluate(node, Scope(values={variable: about}, free=True, real=True)))
    derivative = value
    for _ in range(order):
        derivative = _shorter(derivative.diff(about))
    if derivative.has(sp.Derivative, sp.Subs):
        raise CallError(f"expression: no formula for the derivative was found (only {derivative!s:.200})")
    notes = _absent(about, value)
    try:
        shown = show(derivative, digits)
    except RefusedError as error:
        raise CallError(f"expression: {error}") from error
    return Answer(exact=shown.exact, decimal=shown.decimal, read_as=written(node), notes=notes)


def integrate(expression: str, variable: str, lower: str, upper: str, digits: int) -> Integrated | None:
    """An integral in closed form; None where none was found."""
    about, value, limits, read_as = _asked(expression, variable, lower, upper)
    found = sp.integrate(value, (about, *limits) if limits else about)
    if found.has(sp.Integral):
        return None
    if found.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.AccumBounds) and limits:
        return Integrated(exact="", decimal="", read_as=read_as, notes=[f"it does not converge (found: {found})"])
    if limits:
        return _definite(found, value, about, limits, digits, read_as)
    found = _shorter(found)
    shown = show(found, digits)
    return Integrated(
        exact=shown.exact,
        decimal=shown.decimal,
        read_as=read_as,
        notes=["plus any constant", *_absent(about, value)],
        verified=bool(vanishes(found.diff(about) - value)),
    )


def quadrature(expression: str, variable: str, lower: str, upper: str, digits: int) -> Integrated:
    """A definite integral by tanh-sinh quadrature (mpmath), with an estimate of its error.

    Raises:
        CallError: if it has no bounds, other variables, or no value somewhere.
    """
    about, value, limits, read_as = _asked(expression, variable, lower, upper)
    if not limits:
        raise CallError(
            "expression: no antiderivative was found; with lower and upper it can be worked out as a number"
        )
    if value.free_symbols - {about} or any(limit.free_symbols for limit in limits):
        raise CallError("expression: no closed form was found, and with other variables in it there is no number")
    try:
        result, error = _quad(value, about, limits)
    except (ValueError, TypeError, ArithmeticError) as failure:
        raise CallError(
            f"expression: no closed form was found, and it has no number everywhere between the bounds ({failure})"
        ) from failure
    if error > max(1e-6, 1e-6 * abs(result)):
        raise CallError(
            f"expression: neither a closed form nor a reliable number was found (about {mpmath.nstr(result, 6)}, "
            f"off by up to {mpmath.nstr(error, 2)}); does it converge? Split it where it jumps or is infinite"
        )
    certain = max(1, min(digits, 15, int(-mpmath.log10(error / max(abs(result), 1e-30))) if error else 15))
    return Integrated(
        exact="",
        decimal=mpmath.nstr(result, certain),
        read_as=read_as,
        numeric=True,
        error_estimate=mpmath.nstr(max(error, mpmath.mpf(10) ** -15 * abs(result)), 2),
        notes=["no closed form was found; worked out numerically"],
    )


def _asked(expression: str, variable: str, lower: str, upper: str) -> tuple[Any, Any, tuple[Any, ...], str]:
    about = symbol(variable, "variable", real=True)
    if bool(lower.strip()) != bool(upper.strip()):
        raise CallError("lower, upper: give both for a definite integral, or none for an antiderivative")
    node = parse(expression)
    value = _single(evaluate(node, Scope(values={variable: about}, free=True, real=True)))
    if not lower.strip():
        return about, value, (), written(node)
    given = (("lower", lower), ("upper", upper))
    limits = tuple(_single(evaluate(parse(text, field), Scope(field, free=True, real=True))) for field, text in given)
    for limit, (field, _) in zip(limits, given, strict=True):
        if about in limit.free_symbols:
            raise CallError(f"{field}: holds the variable {variable} itself; name one of them differently")
    return about, value, limits, written(node)


def _absent(about: Any, value: Any) -> list[str]:
    """What to say of an expression that does not depend on the variable."""
    others = f"; its variables: {', '.join(sorted(map(str, value.free_symbols)))}" if value.free_symbols else ""
    return [] if about in value.free_symbols else [f"{about} is not in the expression{others}"]


def _definite(found: Any, value: Any, about: Any, limits: tuple[Any, ...], digits: int, read_as: str) -> Integrated:
    found = _shorter(found)
    shown = show(found, digits)
    notes, verified = _absent(about, value), False
    if not found.free_symbols and value.free_symbols <= {about}:
        try:
            result, error = _quad(value, about, limits)
            apart = abs(result - number(found))
        except (ValueError, TypeError, ArithmeticError):
            notes.append("quadrature could not check it: the integrand has no value somewhere")
        else:
            verified = bool(apart <= max(1e-8 * abs(result), 1e-8))
            if error > max(1e-6, 1e-6 * abs(result)):
                notes.append("quadrature is too rough here to check it")
            elif not verified:
                notes.append(
                    f"quadrature gives about {mpmath.nstr(result, 8)} (off by up to {mpmath.nstr(error, 2)}): "
                    "be careful, the integrand may be infinite or jump in between"
                )
    return Integrated(exact=shown.exact, decimal=shown.decimal, read_as=read_as, notes=notes, verified=verified)


def _quad(value: Any, about: Any, limits: tuple[Any, ...]) -> tuple[Any, Any]:
    """The integral as a number, and how far it may be off.

    It is worked out whole and in two parts: around a pole, tanh-sinh quadrature alone believes itself far too much.
    """
    low, high = (mpmath.mpmathify(mpmath.inf * sp.sign(end) if end.is_infinite else number(end)) for end in limits)
    between = low + (high - low) * _ODD_PART if mpmath.isfinite(low) and mpmath.isfinite(high) else None
    if between is None:
        between = low + 1 if mpmath.isfinite(low) else high - 1 if mpmath.isfinite(high) else mpmath.mpf(_ODD_PART)
    at = function(value, [about])
    whole, error = mpmath.quad(at, [low, high], error=True)
    parts = mpmath.quad(at, [low, between, high])
    return parts, max(error, abs(whole - parts))


def _single(value: Any) -> Any:
    if not is_plain(value):
        raise CallError("expression: one expression is wanted, not a matrix or list; give its entries one at a time")
    return value


def _shorter(value: Any) -> Any:
    """The simpler form of a short expression, where there is one."""
    if value.count_ops() > _MOST_SIMPLIFIED:
        return value
    simple = sp.simplify(value)
    return simple if len(exact(simple)) <= len(exact(value)) else value
