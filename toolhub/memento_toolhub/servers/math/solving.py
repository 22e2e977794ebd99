"""Equations, systems of them, and inequalities: exact solutions, put back into the equations to check them."""

from __future__ import annotations

from typing import Any

import sympy as sp

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.math.arithmetic import is_plain
from memento_toolhub.servers.math.calculus import symbol
from memento_toolhub.servers.math.evaluate import Scope, evaluate
from memento_toolhub.servers.math.numeric import vanishes
from memento_toolhub.servers.math.parser import parse
from memento_toolhub.servers.math.results import Solution, Solved, Status
from memento_toolhub.servers.math.sets import show_set
from memento_toolhub.servers.math.show import decimal, exact
from memento_toolhub.servers.math.size import RefusedError, require_expandable
from memento_toolhub.servers.math.syntax import Relation
from memento_toolhub.servers.math.written import written

MOST_SOLUTIONS = 50
_ORDERS = {"<": sp.StrictLessThan, "<=": sp.LessThan, ">": sp.StrictGreaterThan, ">=": sp.GreaterThan, "!=": sp.Ne}
_CLOSED_DEGREE = 8


class Problem:
    """What is asked: equations as expressions that have to be zero, inequalities, and the unknowns."""

    def __init__(self, equations: list[str], unknowns: list[str]) -> None:
        self.unknowns = [symbol(name, "unknowns") for name in dict.fromkeys(unknowns)]
        self.zeros: list[Any] = []
        self.orders: list[Any] = []
        self.read_as: list[str] = []
        scope = Scope("equations", values={unknown.name: unknown for unknown in self.unknowns}, free=True)
        for text in equations:
            self._add(text, scope)

    def _add(self, text: str, scope: Scope) -> None:
        node = parse(text, scope.field)
        self.read_as.append(written(node))
        if not isinstance(node, Relation):
            self.zeros.append(_single(evaluate(node, scope)))
            self.read_as[-1] += " = 0"
            return
        left, right = (_single(evaluate(side, scope)) for side in (node.left, node.right))
        if node.operator == "=":
            try:
                require_expandable(left - right)
            except RefusedError as error:
                raise CallError(f"equations: {error}") from error
            self.zeros.append(left - right)
        else:
            self.orders.append(_ORDERS[node.operator](left, right))


def solve(equations: list[str], unknowns: list[str], real: bool, digits: int) -> Solved:
    """All that can be found exactly; the status is "not_found" where numbers are the next thing to try."""
    problem = Problem(equations, unknowns)
    if problem.orders:
        return _inequalities(problem, digits)
    if len(problem.unknowns) == 1 and len(problem.zeros) == 1:
        return _single_equation(problem, real, digits)
    return _system(problem, real, digits)


def solved(
    problem: Problem, found: list[dict[Any, Any]], digits: int, *, complete: bool, numeric: bool = False
) -> Solved:
    """Solutions as a result, each one put into the equations; those that do not fulfil them are left out."""
    checked = [(values, _fulfils(problem, values)) for values in found]
    kept = [(values, certain) for values, certain in checked if certain is not False]
    listed = [_solution(values, bool(certain), digits, numeric) for values, certain in kept[:MOST_SOLUTIONS]]
    notes = [] if len(kept) <= MOST_SOLUTIONS else [f"{len(kept)} were found, {MOST_SOLUTIONS} are listed"]
    if any(not solution.verified for solution in listed):
        notes.append("a solution that is not verified may be wrong: check it")
    status: Status = "no_solution" if complete else "not_found"
    if listed:
        status = "numeric" if numeric else "solved"
    return Solved(status=status, complete=complete, solutions=listed, read_as=problem.read_as, notes=notes)


def _single_equation(problem: Problem, real: bool, digits: int) -> Solved:
    (zero,), (unknown,) = problem.zeros, problem.unknowns
    if zero.equals(0):
        return Solved(status="always_true", complete=True, read_as=problem.read_as)
    if unknown not in zero.free_symbols:
        if zero.is_number:
            return Solved(status="no_solution", complete=True, read_as=problem.read_as)
        raise CallError(f"unknowns: {unknown} is not in the equation; its variables: {_names(zero.free_symbols)}")
    if zero.is_polynomial(unknown):
        polynomial = _polynomial(problem, real, digits)
        if polynomial is not None:
            return polynomial
    found = _set(zero, unknown, sp.S.Reals if real else sp.S.Complexes)
    if found.has(sp.ConditionSet) and not real:
        return _real_ones(problem, digits) or _system(problem, real, digits)
    if isinstance(found, sp.FiniteSet) or found is sp.S.EmptySet:
        return solved(problem, [{unknown: value} for value in found], digits, complete=True)
    some = _system(problem, real, digits)
    if found.has(sp.ConditionSet):
        return some
    note = "there are infinitely many: solution_set says all, solutions lists some of them"
    return some.model_copy(
        update={"status": "solved", "complete": True, "solution_set": show_set(found), "notes": [*some.notes, note]}
    )


def _real_ones(problem: Problem, digits: int) -> Solved | None:
    """The real solutions, where the complex ones could not be found and these are a few."""
    (zero,), (unknown,) = problem.zeros, problem.unknowns
    found = _set(zero, unknown, sp.S.Reals)
    if not isinstance(found, sp.FiniteSet):
        return None
    answer = solved(problem, [{unknown: value} for value in found], digits, complete=False)
    answer.notes.append("these are all real solutions; there may be complex ones")
    return answer


def _set(zero: Any, unknown: Any, domain: Any) -> Any:
    try:
        return sp.solveset(zero, unknown, domain)
    except (NotImplementedError, ValueError):  # how sympy says that it has no way to
        return sp.ConditionSet(unknown, sp.Eq(zero, 0), domain)


def _polynomial(problem: Problem, real: bool, digits: int) -> Solved | None:
    """The roots of a polynomial: exactly where radicals do, otherwise all of them as numbers."""
    (zero,), (unknown,) = problem.zeros, problem.unknowns
    polynomial = sp.Poly(zero, unknown)
    if polynomial.degree() > 200:
        raise CallError(f"equations: a polynomial of degree {polynomial.degree()}; 200 is the most")
    found = sp.roots(polynomial)
    if sum(found.values()) == polynomial.degree():
        roots = [root for root in found if not real or _is_real(root)]
        answer = solved(problem, [{unknown: root} for root in roots], digits, complete=True)
        repeated = [f"{exact(root)} {times} times" for root, times in found.items() if times > 1 and root in roots]
        answer.notes.extend([f"roots that count more than once: {', '.join(repeated)}"] if repeated else [])
        return answer
    if zero.free_symbols != {unknown} or not all(c.is_number for c in polynomial.all_coeffs()):
        return None
    numbers = sp.Poly(zero, unknown).nroots(n=digits + 30, maxsteps=200)
    roots = [root for root in numbers if not real or _is_real(root)]
    answer = solved(problem, [{unknown: root} for root in roots], digits, complete=True, numeric=True)
    answer.notes.append("these roots have no closed form in radicals that was found; all of them are given as numbers")
    return answer


def _system(problem: Problem, real: bool, digits: int) -> Solved:
    zeros = [zero for zero in problem.zeros if not zero.equals(0)]
    if not zeros:
        return Solved(status="always_true", complete=True, read_as=problem.read_as)
    if any(zero.is_number for zero in zeros):
        return Solved(status="no_solution", complete=True, read_as=problem.read_as)
    polynomial = all(zero.is_polynomial(*problem.unknowns) for zero in zeros)
    try:
        found = sp.solve(zeros, problem.unknowns, dict=True)
    except NotImplementedError:
        found, polynomial = [], False
    if real:
        found = [values for values in found if all(_is_real(value) for value in values.values())]
    linear = polynomial and all(sp.total_degree(zero, *problem.unknowns) <= 1 for zero in zeros)
    determined = polynomial and all(set(values) == set(problem.unknowns) for values in found)
    complete = linear or (bool(found) and determined) or (polynomial and _contradictory(zeros, problem.unknowns))
    return solved(problem, found, digits, complete=complete)


def _contradictory(zeros: list[Any], unknowns: list[Any]) -> bool:
    """Whether polynomials have no common zero, by Hilbert's Nullstellensatz: their Groebner basis is 1."""
    return bool(sp.groebner(zeros, *unknowns).exprs == [1])


def _inequalities(problem: Problem, digits: int) -> Solved:
    if len(problem.unknowns) != 1:
        raise CallError("unknowns: inequalities are solved for one unknown; fix the others")
    (unknown,) = problem.unknowns
    found, notes = sp.S.Reals, ["inequalities are solved over the real numbers"]
    period = _period(problem, unknown)
    try:
        for order in problem.orders:
            if order in (sp.true, sp.false):
                part = sp.S.Reals if order else sp.S.EmptySet
            else:
                part = sp.solve_univariate_inequality(order, unknown, relational=False)
            found = found.intersect(part)
        for zero in problem.zeros:
            found = found.intersect(sp.solveset(zero, unknown, sp.S.Reals))
    except (NotImplementedError, ValueError) as error:
        raise CallError(f"equations: this inequality cannot be solved exactly ({error!s:.200})") from error
    if period is not None:
        notes.append(f"only one period is given: the same is true at any whole multiple of {period} from there")
    if found is sp.S.EmptySet:
        return Solved(status="no_solution", complete=True, read_as=problem.read_as, notes=notes)
    if found == sp.S.Reals:
        return Solved(status="always_true", complete=True, read_as=problem.read_as, notes=notes)
    if found.has(sp.ConditionSet):
        return Solved(
            status="not_found", complete=False, solution_set=show_set(found), read_as=problem.read_as, notes=notes
        )
    single = [{unknown: value} for value in found] if isinstance(found, sp.FiniteSet) else []
    answer = solved(problem, single, digits, complete=period is None)
    return answer.model_copy(
        update={"status": "solved", "solution_set": show_set(found), "notes": [*answer.notes, *notes]}
    )


def _period(problem: Problem, unknown: Any) -> Any:
    """How far apart the solutions of a periodic inequality repeat; sympy finds those in one period."""
    orders = [order for order in problem.orders if order not in (sp.true, sp.false)]
    periods = [sp.periodicity(order.lhs - order.rhs, unknown) for order in orders]
    repeated = [period for period in periods if period]
    if repeated and len(problem.orders) + len(problem.zeros) > 1:
        raise CallError("equations: give a periodic inequality (sin, cos, ...) alone")
    return repeated[0] if repeated else None


def _fulfils(problem: Problem, values: dict[Any, Any]) -> bool | None:
    """Whether values fulfil all equations; None where no number tells, or only some values of a free unknown fail."""
    told = []
    for zero in problem.zeros:
        residual = zero.subs(values)
        certain = vanishes(residual)
        told.append(None if certain is False and residual.free_symbols else certain)
    return False if False in told else None if None in told else True


def _solution(values: dict[Any, Any], verified: bool, digits: int, numeric: bool) -> Solution:
    texts = {} if numeric else {str(unknown): exact(value) for unknown, value in values.items()}
    rounded = {str(unknown): decimal(value, digits) for unknown, value in values.items()}
    return Solution(exact=texts, decimal={name: text for name, text in rounded.items() if text}, verified=verified)


def _is_real(value: Any) -> bool:
    if value.is_real is None and value.free_symbols:
        return True  # for some of their values
    return bool(value.is_real) if value.is_real is not None else abs(sp.im(value.evalf(30))) < 1e-20


def _single(value: Any) -> Any:
    if not is_plain(value):
        raise CallError(
            "equations: numbers and variables are wanted, not matrices or lists; write one equation per entry"
        )
    return value


def _names(symbols: Any) -> str:
    return ", ".join(sorted(map(str, symbols))) or "none"
