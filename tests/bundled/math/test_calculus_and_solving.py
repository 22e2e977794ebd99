"""Derivatives, integrals and equations: true, checked, and honest where they are only numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.math.results import Answer, Integrated, Solved
from memento_toolhub.servers.math.work import perform


def derivative(expression: str, variable: str = "x", order: int = 1) -> str:
    answer: Answer = perform("differentiate", expression, variable, order, 15)
    return answer.exact


def integral(expression: str, lower: str = "", upper: str = "", variable: str = "x") -> Any:
    return perform("integrate", expression, variable, lower, upper, 15)


def solve(*equations: str, unknowns: str = "x", real: bool = False, task: str = "solve") -> Solved:
    found: Solved = perform(task, list(equations), unknowns.split(), real, 15)
    return found


def values(found: Solved, unknown: str = "x") -> set[str]:
    assert all(solution.verified for solution in found.solutions)
    return {solution.exact[unknown] for solution in found.solutions}


def same(left: str, right: str) -> bool:
    answer: Answer = perform("simplify", f"({left}) - ({right})", 15)
    return answer.exact == "0"


@pytest.mark.parametrize(
    ("expression", "order", "result"),
    [
        ("x^3", 1, "3*x**2"),
        ("x^3", 3, "6"),
        ("sin(2x)", 1, "2*cos(2*x)"),
        ("x^x", 1, "x**x*(log(x) + 1)"),
        ("a x^2 + b", 1, "2*a*x"),
        ("5", 1, "0"),
        ("|x|", 1, "sign(x)"),
    ],
)
def test_a_derivative_is_right(expression: str, order: int, result: str) -> None:
    assert same(derivative(expression, order=order), result)


@pytest.mark.parametrize("expression", ["2x", "sin(x)^2", "x exp(x)", "1/(x^2 + 1)", "log(x)", "x^n", "e^(a x)"])
def test_an_antiderivative_is_checked(expression: str) -> None:
    assert integral(expression).verified
    assert "plus any constant" in integral(expression).notes


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=5))
@settings(max_examples=10)
def test_the_derivative_of_an_integral_is_the_function_again(coefficients: list[int]) -> None:
    polynomial = " + ".join(f"({c})*x^{power}" for power, c in enumerate(coefficients))
    for expression in (polynomial, f"({polynomial})*exp(x)"):
        assert same(derivative(integral(expression).exact), expression)


@pytest.mark.parametrize(
    ("expression", "lower", "upper", "result"),
    [
        ("2x", "0", "3", "9"),
        ("exp(-x^2)", "-oo", "oo", "sqrt(pi)"),
        ("sin(x)", "0", "pi", "2"),
        ("1/x", "1", "e", "1"),
        ("sqrt(1 - x^2)", "-1", "1", "pi/2"),
    ],
)
def test_a_definite_integral_is_exact_and_checked(expression: str, lower: str, upper: str, result: str) -> None:
    found = integral(expression, lower, upper)
    assert (found.exact, found.verified, found.numeric) == (result, True, False)


def test_an_integral_without_closed_form_is_a_number_and_says_so() -> None:
    assert integral("x^x", "0", "1") is None
    found: Integrated = perform("quadrature", "x^x", "x", "0", "1", 15)
    assert found.numeric
    assert not found.exact
    assert float(found.error_estimate) < 1e-10
    assert math.isclose(float(found.decimal), 0.78343051071213440705926438653, rel_tol=1e-13)


@pytest.mark.parametrize(
    ("expression", "lower", "upper"), [("1/x", "-1", "1"), ("1/x^2", "-1", "1"), ("1/x", "1", "oo")]
)
def test_an_integral_that_does_not_converge_has_no_value(expression: str, lower: str, upper: str) -> None:
    found = integral(expression, lower, upper)
    assert found.exact == ""
    assert "does not converge" in found.notes[0]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("x", "x", "0", ""), "give both"),
        (("x", "x", "0", "x"), "holds the variable"),
        (("x", "2", "", ""), "cannot be a variable"),
        (("[[x]]", "x", "", ""), "one expression is wanted"),
    ],
)
def test_an_integral_asked_for_wrongly_says_how(arguments: tuple[str, ...], part: str) -> None:
    with pytest.raises(CallError, match=part):
        perform("integrate", *arguments, 15)


@pytest.mark.parametrize(
    ("equation", "roots"),
    [
        ("x^2 - 5x = -6", {"2", "3"}),
        ("x^2 = -1", {"I", "-I"}),
        ("2x + 3", {"-3/2"}),
        ("2^x = 8", {"3"}),
        ("|x - 2| = 3", {"-1", "5"}),
        ("log(x) + log(x - 3) = log(4)", {"4"}),
        ("a x = b", {"b/a"}),
        ("sqrt(x) = 3", {"9"}),
    ],
)
def test_an_equation_has_its_solutions(equation: str, roots: set[str]) -> None:
    found = solve(equation)
    assert found.status == "solved"
    assert values(found) == roots


def test_a_root_that_counts_more_than_once_is_said() -> None:
    found = solve("x^3 - 6x^2 + 12x - 8 = 0")
    assert values(found) == {"2"}
    assert "2 3 times" in found.notes[0]


def test_a_quintic_gets_all_its_roots_as_numbers() -> None:
    found = solve("x^5 - x - 1 = 0")
    assert (found.status, found.complete, len(found.solutions)) == ("numeric", True, 5)
    assert all(solution.verified and not solution.exact for solution in found.solutions)
    assert len(solve("x^5 - x - 1 = 0", real=True).solutions) == 1


def test_infinitely_many_solutions_are_a_set() -> None:
    found = solve("sin(x) = 1/2")
    assert found.complete
    assert "for whole n" in found.solution_set
    assert values(found) == {"pi/6", "5*pi/6"}


@pytest.mark.parametrize(
    "equations", [["x = x + 1"], ["e^x = 0"], ["x + y = 3", "x + y = 4"], ["x^2 < -1"], ["x y = 1", "x = 0"]]
)
def test_that_there_is_no_solution_is_told_from_not_finding_one(equations: list[str]) -> None:
    unknowns = "x y" if "y" in "".join(equations) else "x"
    found = solve(*equations, unknowns=unknowns)
    assert (found.status, found.complete) == ("no_solution", True)


def test_real_solutions_only() -> None:
    assert solve("x^2 = -1", real=True).status == "no_solution"
    assert values(solve("x^3 = 1", real=True)) == {"1"}


def test_where_exact_solutions_may_not_be_all_numbers_show_others() -> None:
    found = solve("e^x = x + 2", real=True)
    assert sorted(round(float(one.decimal["x"]), 3) for one in found.solutions) == [-1.841, 1.146]
    assert not found.complete
    assert "there may be more" in " ".join(found.notes)


def test_a_real_solution_may_hold_other_variables() -> None:
    assert solve("a*e^x = x + 2", real=True).solutions


def test_a_factorial_before_an_equals_sign_is_not_taken_for_unequal() -> None:
    with pytest.raises(CallError, match="x! = 6"):
        solve("x!=120")


def test_that_a_variable_is_not_in_the_expression_is_said() -> None:
    assert "x is not in the expression; its variables: t" in integral("t^2", "0", "3").notes
    assert "x is not in the expression; its variables: t" in integral("t^2").notes


def test_systems_are_solved() -> None:
    linear = solve("x + y = 3", "x - y = 1", unknowns="x y")
    assert (values(linear), values(linear, "y")) == ({"2"}, {"1"})
    quadratic = solve("x^2 + y^2 = 25", "x y = 12", unknowns="x y")
    assert quadratic.complete
    assert values(quadratic) == {"-4", "-3", "3", "4"}
    free = solve("x + y = 3", unknowns="x y")
    assert values(free) == {"3 - y"}


@pytest.mark.parametrize(
    ("inequalities", "result"),
    [(["x^2 < 4"], "(-2, 2)"), (["x^2 < 4", "x >= 1"], "[1, 2)"), (["x^2 > 4"], "(-oo, -2) or (2, oo)")],
)
def test_inequalities_have_sets_of_solutions(inequalities: list[str], result: str) -> None:
    assert solve(*inequalities).solution_set == result


def test_of_a_periodic_inequality_one_period_is_given_and_said_to_be_one() -> None:
    found = solve("sin(x) > 1/2")
    assert found.solution_set == "(pi/6, 5*pi/6)"
    assert not found.complete
    assert "multiple of 2*pi" in found.notes[-1]
    with pytest.raises(CallError, match="alone"):
        solve("sin(x) > 1/2", "x > 10")


def test_a_pole_is_not_integrated_over() -> None:
    with pytest.raises(CallError, match="reliable"):
        perform("quadrature", "tan(x)", "x", "0", "pi", 15)


def test_what_is_always_true_is_said() -> None:
    assert solve("2x = x + x").status == solve("x^2 >= 0").status == "always_true"


def test_where_nothing_exact_is_found_numbers_are_searched_and_not_called_all() -> None:
    assert solve("cos(x) = x").status == "not_found"
    found = solve("cos(x) = x", task="search", real=True)
    assert (found.status, found.complete) == ("numeric", False)
    assert [float(solution.decimal["x"]) for solution in found.solutions] == [pytest.approx(0.73908513321516064)]
    pair = solve("x^2 + e^y = 5", "sin(x) + y = 1", unknowns="x y", task="search")
    assert pair.solutions
    assert all(solution.verified for solution in pair.solutions)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=4, unique=True))
@settings(max_examples=10)
def test_a_polynomial_is_solved_by_the_roots_it_was_made_of(roots: list[int]) -> None:
    found = solve("".join(f"(x - ({root}))" for root in roots))
    assert {int(value) for value in values(found)} == set(roots)


def test_simpler_forms_are_found() -> None:
    answer = perform("simplify", "(x^2 - 1)/(x - 1)", 15)
    assert answer.exact == "x + 1"
    cube = perform("simplify", "(a + b)^3", 15)
    assert cube.expanded == "a**3 + 3*a**2*b + 3*a*b**2 + b**3"
