"""A tree written out with every sign and bracket, so that a reader sees how a text was understood."""

from __future__ import annotations

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

_MOST_CHARS = 1_000


def written(node: Node) -> str:
    """The expression in one reading, at most 1,000 characters of it."""
    text = _write(node)
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 3]}..."


def _write(node: Node) -> str:
    match node:
        case Number(value):
            text = str(value)
            return f"({text})" if "/" in text else text
        case Name(text):
            return text
        case Call(name, args):
            return f"{name}({', '.join(map(_write, args))})"
        case Sum(terms):
            text = "".join(f" {sign} {_inner(term, Sum)}" for sign, term in terms)
            return text.removeprefix(" + ")
        case Product(factors):
            text = "".join(f"{sign}{_inner(factor, Sum | Negated | Product)}" for sign, factor in factors)
            return text[1:]
        case Power(base, exponent):
            return f"{_inner(base, _COMPOUND)}^{_inner(exponent, _COMPOUND)}"
        case Negated(inner):
            return f"-{_inner(inner, Sum)}"
        case Percent(inner):
            return f"{_inner(inner, _COMPOUND)}%"
        case Items(items):
            return f"[{', '.join(map(_write, items))}]"
        case Relation(operator, left, right):
            return f"{_write(left)} {operator} {_write(right)}"
        case Conversion(quantity, unit):
            return f"{_write(quantity)} to {_write(unit)}"


_COMPOUND = Sum | Product | Negated | Power | Percent


def _inner(node: Node, bracketed: object) -> str:
    text = _write(node)
    return f"({text})" if isinstance(node, bracketed) else text  # type: ignore[arg-type]
