"""The shapes an expression can have; nothing else can be written, and so nothing else can happen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

MOST_CHARS = 2000
"""Of one expression."""


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, exactly as it was written; `decimal` where it had a point or an exponent."""

    value: Fraction
    at: int
    decimal: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A constant, variable or unit."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of some arguments."""

    name: str
    args: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms, each with its sign "+" or "-"."""

    terms: tuple[tuple[str, Node], ...]
    at: int


@dataclass(frozen=True, slots=True)
class Product:
    """Factors, each with the operator before it: "*", "/", "//" or "%"; taken from left to right."""

    factors: tuple[tuple[str, Node], ...]
    at: int


@dataclass(frozen=True, slots=True)
class Power:
    """A base to an exponent."""

    base: Node
    exponent: Node
    at: int


@dataclass(frozen=True, slots=True)
class Negated:
    """The negative of something."""

    inner: Node
    at: int


@dataclass(frozen=True, slots=True)
class Percent:
    """Hundredths of something."""

    inner: Node
    at: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list in brackets: a vector, a row of a matrix, or a matrix."""

    items: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Relation:
    """Two sides and what is said of them: "=", "<", "<=", ">", ">=" or "!="."""

    operator: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """A quantity and the unit it is wanted in."""

    quantity: Node
    unit: Node
    at: int


Node: TypeAlias = Number | Name | Call | Sum | Product | Power | Negated | Percent | Items | Relation | Conversion


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    match node:
        case Call(_, parts) | Items(parts):
            below: tuple[Node, ...] = parts
        case Sum(pairs) | Product(pairs):
            below = tuple(part for _, part in pairs)
        case Power(first, second) | Relation(_, first, second) | Conversion(first, second):
            below = (first, second)
        case Negated(inner) | Percent(inner):
            below = (inner,)
        case _:
            below = ()
    for part in below:
        yield from walk(part)
