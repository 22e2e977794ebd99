"""Text that is no mathematics, or far too much of it, is answered at once and does nothing else."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundled.math.asking import calculate
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.math.parser import parse
from memento_toolhub.servers.math.work import perform

_INJECTIONS = [
    "__import__('os').system('touch {mark}')",
    "open('{mark}', 'w')",
    'exec(\'open("{mark}", "w")\')',
    "eval('1+1')",
    "().__class__.__bases__[0].__subclasses__()",
    "pi.evalf()",
    "x.__class__",
    "sin.__globals__",
    "getattr(pi, 'evalf')",
    "lambda x: x",
    "[x for x in [1, 2]]",
    "(y := 5)",
    "f'{{1+1}}'",
    "'a' * 10",
    '"a"',
    "__builtins__",
    "__name__",
    "_",
    "a__b",
    "import os",
    "1 if 1 else 2",
    "print(1)",
    "globals()",
    "{{1: 2}}",
    "1; 2",
    "x = __import__('os')",
    "1\\\n+1",
    "2 @ 3",
    "~5",
    "5 & 3",
    "1 << 100000000",
    "`ls`",
    "$(ls)",
    "1\x00+1",
    "\ufeff1",
    "１+１",
    "𝟏+1",
    "ｐｉ",
    "ᵉxec(1)",
    "1\u202e+2",
    "²2",
    "⁻",
    "0x1g",
    "1_000",
    "...",
    "1..2",
    "None",
    "True",
    "#",
    "sympify(1)",
    "Symbol(x)",
    "lambdify(x, x)",
]


@pytest.mark.parametrize("text", _INJECTIONS)
def test_what_is_no_mathematics_is_refused_and_has_no_effect(text: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(CallError):
        calculate(text.format(mark=mark))
    for task, more in (("simplify", ()), ("differentiate", ("x", 1)), ("integrate", ("x", "", ""))):
        with contextlib.suppress(CallError):  # some of it can be read as a variable
            perform(task, text.format(mark=mark), *more, 15)
    with pytest.raises(CallError):
        perform("convert_units", text.format(mark=mark), "m", 15)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("9**9**9", "about 4.28125E+369693099, a number of 369,693,100 digits"),
        ("10**10**10", "10,000,000,001 digits"),
        ("9^9^9^9", "digits"),
        ("(1/3)^(10^9)", "digits"),
        ("(2/3)^(10^100)", "more than 10^25 digits"),
        ("(sqrt(2) + 10^50)^(10^9)", "too large"),
        ("factorial(10**9)", "9.90463E+8565705522"),
        ("(10^100)!", "more than 10^25 digits"),
        ("100000!!", "digits"),
        ("gamma(10^8)", "digits"),
        ("gamma(10^8 + 1/2)", "up to 2,000"),
        ("pi!!!!!!!", "up to 2,000"),
        ("i!!!!!!!!!!!!!", "4 deep"),
        ("binomial(10^9, 5*10^8)", "too large"),
        ("perm(10^9, 5*10^8)", "digits"),
        ("fibonacci(10^9)", "250,000"),
        ("prime(10^12)", "1,000,000"),
        ("primepi(10^15)", "1,000,000,000"),
        ("bernoulli(10^9)", "2,000"),
        ("identity(10^6)", "1 to 50"),
        ("1e99999", "too large an exponent"),
        ("1e-999999999999", "too large an exponent"),
        ("floor(exp(10^9))", "digits"),
        ("exp(10^9) % 7", "digits"),
        ("sum(9^9^k, k, 1, 10)", "too large"),
        ("product(k^k, k, 1, 2000)", "too large"),
        ("product(k, k, 1, 10^9)", "2000 factors"),
        ("[[1, 2], [3, 4]]^(10^9)", "too large"),
        ("sqrt(10^10000 + 1)", "more than 750 digits"),
        ("factorint(10^200 + 1)", "whole number"),
        ("expand((1 + sqrt(2) + sqrt(3))^500)", "125,751 terms"),
        ("zeta(-10^9)", "-500 to 500"),
        ("(" * 500 + "1" + ")" * 500, "nested more than 40 deep"),
        ("[" * 500 + "1" + "]" * 500, "nested more than 40 deep"),
        ("|" * 500, "nested more than 40 deep"),
        ("√" * 500 + "2", "nested more than 40 deep"),
        ("2" + "^2" * 500, "nested more than 40 deep"),
        ("5" + "!" * 500, "nested more than 40 deep"),
        ("sin(" * 300 + "1" + ")" * 300, "nested more than 40 deep"),
        ("1" + "+1" * 2000, "2000 are the most"),
        ("2^(1/3)^(10^30)", "digits"),
    ],
)
def test_what_would_be_too_large_is_refused_before_it_is_made(text: str, part: str) -> None:
    with pytest.raises(CallError) as error:
        calculate(text)
    assert part in str(error.value)
    assert len(str(error.value)) < 1_500


def test_what_has_too_many_terms_is_not_multiplied_out() -> None:
    for text in ("(a + b + c)^500", "(x + 1)^(10^12)", "(a + b)^1000 (c + d)^1000"):
        with pytest.raises(CallError, match="terms"):
            perform("simplify", text, 15)
    with pytest.raises(CallError, match="terms"):
        perform("solve", ["(x + y + 1)^500 = 2"], ["x", "y"], False, 15)


@pytest.mark.parametrize("text", ["-" * 1500 + "1", "1" + "+1" * 900, "2" * 2000, "1" + "*1" * 900, "(1)" * 600])
def test_long_and_flat_is_fine(text: str) -> None:
    assert calculate(text).exact


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_gives_a_tree_or_a_named_mistake(text: str) -> None:
    for units in (False, True):
        with contextlib.suppress(CallError):
            parse(text, units=units)


_ATOMS = st.sampled_from(
    ["0", "1", "2", "7", "0.5", "10", "-3", "pi", "e", "i", "oo", "km", "[1, 2]", "[[1, 2], [3, 4]]", "5%"]
)
_CALLS = st.sampled_from(
    ["sqrt", "sin", "log", "factorial", "abs", "floor", "det", "inv", "fibonacci", "gamma", "expand", "re"]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "^", "//", "%", ""]), inner).map(
        lambda parts: f"({parts[0]}){parts[1]}({parts[2]})"
    )
    called = st.tuples(_CALLS, inner).map(lambda parts: f"{parts[0]}({parts[1]})")
    return joined | called | inner.map("({})!".format) | inner.map("|{}|".format)


@given(st.recursive(_ATOMS, _grown, max_leaves=5))
@settings(max_examples=150)
def test_any_expression_gives_a_result_or_a_named_mistake(text: str) -> None:
    with contextlib.suppress(CallError):
        answer = calculate(text)
        assert answer.exact
        assert "nan" not in answer.exact
