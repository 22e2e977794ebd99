"""From text to a tree, by a grammar of mathematics and nothing else (precedence climbing; no Python is ever parsed)."""

from __future__ import annotations

from fractions import Fraction

from memento_toolhub.servers.kit.call_error import CallError
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
from memento_toolhub.servers.math.tokens import Token, tokens
from memento_toolhub.servers.math.vocabulary import CONSTANT_NAMES, FUNCTION_NAMES, INSTEAD

_DEEPEST = 40
_MOST_EXPONENT = 5_000
_JOINING = {"to", "of", "mod", "per"}
_SPELLED = {"mod": "%", "per": "/"}
_RELATIONS = ("=", "<", "<=", ">", ">=", "!=")


def parse(text: str, field: str = "expression", *, units: bool = False) -> Node:
    """The tree of an expression, a relation ("x^2 = 4") or a conversion ("3 ft to m").

    A product without its sign ("2x", "3(x+1)") is understood; where it follows a division and two readings are possible
    ("1/2x"), it is refused. With `units`, a number and the names right after it hold together: "3 km / 20 min".

    Raises:
        CallError: naming the position, what stands there, and what may.
    """
    parser = _Parser(tokens(text, field), field, units)
    node = parser.whole()
    if parser.next.kind != "end":
        raise parser.unexpected("an operator or the end")
    return node


class _Parser:
    def __init__(self, words: list[Token], field: str, units: bool) -> None:
        self._words = words
        self._field = field
        self._units = units
        self._at = 0
        self._depth = 0
        self._bars = 0

    @property
    def next(self) -> Token:
        return self._words[self._at]

    def unexpected(self, wanted: str) -> CallError:
        token = self.next
        if token.kind == "end":
            return self._error(token, f"it ends at {token.at}, where {wanted} is wanted")
        hint = "; write numbers without thousands separators, and C(n, k) as comb(n, k)" if token.text == "," else ""
        return self._error(token, f"{token.text!r} at {token.at} stands where {wanted} is wanted{hint}")

    def whole(self) -> Node:
        left = self._sum()
        token = self.next
        if self._is("->") or (token.kind == "name" and token.text == "to"):
            self._at += 1
            return Conversion(left, self._sum(), token.at)
        if token.kind != "operator" or token.text not in _RELATIONS:
            return left
        self._at += 1
        right = self._sum()
        if self.next.text in _RELATIONS:
            raise self._error(self.next, f"{self.next.text!r} at {self.next.at} is a second relation; give each alone")
        return Relation(token.text, left, right, token.at)

    def _error(self, token: Token, problem: str) -> CallError:
        return CallError(f"{self._field}: {problem}")

    def _is(self, *operators: str) -> bool:
        return self.next.kind == "operator" and self.next.text in operators

    def _take(self, operator: str, wanted: str) -> Token:
        if not self._is(operator):
            raise self.unexpected(wanted)
        token = self.next
        self._at += 1
        return token

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(self.next, f"nested more than {_DEEPEST} deep at {self.next.at}; write it flatter")

    def _sum(self) -> Node:
        self._deeper()
        start = self.next.at
        terms = [("+", self._product())]
        while self._is("+", "-"):
            sign = self.next
            self._at += 1
            term = self._product()
            if isinstance(term, Percent) and not isinstance(terms[-1][1], Percent):
                raise self._error(
                    sign, f"a percentage is added at {sign.at}: of what? Write 200*(1 + 15%) or 200 + 0.15 instead"
                )
            terms.append((sign.text, term))
        self._depth -= 1
        return terms[0][1] if len(terms) == 1 else Sum(tuple(terms), start)

    def _product(self) -> Node:
        start = self.next.at
        factors = [("*", self._signed())]
        while True:
            token = self.next
            if self._is("*", "/", "//", "%"):
                self._at += 1
                factors.append((token.text, self._signed()))
            elif token.kind == "name" and token.text in _SPELLED:
                self._at += 1
                factors.append((_SPELLED[token.text], self._signed()))
            elif token.kind == "name" and token.text == "of" and isinstance(factors[-1][1], Percent):
                self._at += 1
                factors.append(("*", self._signed()))
            elif self._operand_follows():
                if factors[-1][0] != "*":
                    raise self._error(
                        token,
                        f"a division, then a product without its sign at {token.at}: a/(b*c) or (a/b)*c? Write it",
                    )
                factors.append(("*", self._power()))
            else:
                return factors[0][1] if len(factors) == 1 else Product(tuple(factors), start)

    def _operand_follows(self) -> bool:
        token = self.next
        if token.kind == "number":
            raise self._error(token, f"an operator is missing before {token.text} at {token.at}; for 5 ft 3 in write +")
        if token.kind == "name":
            return token.text not in _JOINING
        return self._is("(", "[", "√") or (self._is("|") and not self._bars)

    def _signed(self) -> Node:
        signs = []
        while self._is("+", "-"):
            signs.append(self.next)
            self._at += 1
        node = self._measured()
        return Negated(node, signs[0].at) if sum(sign.text == "-" for sign in signs) % 2 else node

    def _measured(self) -> Node:
        first = self._power()
        if not self._units or not isinstance(first, Number):
            return first
        factors: list[tuple[str, Node]] = [("*", first)]
        while self._unit_follows():
            factors.append(("*", self._power()))
        return first if len(factors) == 1 else Product(tuple(factors), first.at)

    def _unit_follows(self) -> bool:
        token, after = self.next, self._words[min(self._at + 1, len(self._words) - 1)]
        called = after.kind == "operator" and after.text == "("
        return token.kind == "name" and not called and token.text not in CONSTANT_NAMES | _JOINING

    def _power(self) -> Node:
        base = self._postfixed()
        if not self._is("^"):
            return base
        token = self.next
        self._at += 1
        self._deeper()
        exponent = self._exponent()
        self._depth -= 1
        return Power(base, exponent, token.at)

    def _exponent(self) -> Node:
        negative, start = False, self.next.at
        while self._is("+", "-"):
            negative ^= self.next.text == "-"
            self._at += 1
        node = self._power()
        return Negated(node, start) if negative else node

    def _postfixed(self) -> Node:
        node = self._operand()
        while True:
            token = self.next
            if self._is("!"):
                self._at += 1
                node = Call("factorial", (node,), token.at)
            elif self._is("°"):
                self._at += 1
                node = Call("rad", (node,), token.at)
            elif self._is("%") and not self._modulo():
                self._at += 1
                node = Percent(node, token.at)
            else:
                return node
            self._deeper()  # never undone: a chain of these makes the tree as deep as it is long

    def _modulo(self) -> bool:
        """Whether the % here stands between two operands."""
        after = self._words[self._at + 1]
        if after.kind == "name":
            return after.text not in _JOINING
        return after.kind == "number" or (after.kind == "operator" and after.text in ("(", "[", "√"))

    def _operand(self) -> Node:
        token = self.next
        if token.kind == "number":
            self._at += 1
            return self._number(token)
        if token.kind == "name":
            self._at += 1
            return self._named(token)
        if self._is("("):
            return self._grouped()
        if self._is("["):
            self._at += 1
            return Items(self._arguments("]"), token.at)
        if self._is("|"):
            return self._absolute()
        if self._is("√"):
            self._at += 1
            self._deeper()
            inner = self._operand()
            self._depth -= 1
            return Call("sqrt", (inner,), token.at)
        raise self.unexpected("a number, a name or (")

    def _grouped(self) -> Node:
        bars, self._bars = self._bars, 0
        self._at += 1
        node = self._sum()
        self._take(")", "an operator or )")
        self._bars = bars
        return node

    def _absolute(self) -> Node:
        token = self._take("|", "|")
        self._bars += 1
        inner = self._sum()
        self._take("|", "an operator or |")
        self._bars -= 1
        return Call("abs", (inner,), token.at)

    def _named(self, token: Token) -> Node:
        if not self._is("("):
            return Name(token.text, token.at)
        if token.text not in FUNCTION_NAMES:
            if (len(token.text) == 1 and token.text not in "fgh") or token.text in CONSTANT_NAMES:
                return Name(token.text, token.at)  # x(x + 1) is a product
            hint = INSTEAD.get(token.text) or f"functions: {', '.join(sorted(FUNCTION_NAMES))}"
            raise self._error(token, f"unknown function {token.text!r} at {token.at}; {hint}")
        self._at += 1
        return Call(token.text, self._arguments(")"), token.at)

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        bars, self._bars = self._bars, 0
        found: list[Node] = []
        while not self._is(closing):
            if found:
                self._take(",", f"an operator, ',' or {closing!r}")
            found.append(self._sum())
        self._at += 1
        self._bars = bars
        return tuple(found)

    def _number(self, token: Token) -> Number:
        mantissa, _, exponent = token.text.lower().partition("e")
        if len(exponent) > 6 or abs(int(exponent or 0)) > _MOST_EXPONENT:
            raise self._error(
                token,
                f"{token.text[:30]} at {token.at} has too large an exponent; up to {_MOST_EXPONENT} can be written",
            )
        return Number(Fraction(token.text), token.at, decimal=mantissa != token.text or "." in mantissa)
