"""The math server: exact and numeric mathematics, units and statistics."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any, TypeVar

from mcp.server import MCPServer
from mcp.types import ToolAnnotations
from pydantic import Field

from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.rest import Rests, offer_read_more
from memento_toolhub.servers.kit.tool_server import ToolServer
from memento_toolhub.servers.math.results import Answer, Described, Integrated, Simplified, Solved
from memento_toolhub.servers.math.work import perform

_BOUNDS = Bounds(seconds=10.0, memory_mb=2048)
_MOST_NUMBERS = 10_000
_ABOUT = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_INSTRUCTIONS = (
    "Mathematics that is exact where it can be: calculations with units, equations, calculus, statistics. "
    "Write expressions as in 2x^2 + sqrt(3)/4; matrices as [[1, 2], [3, 4]]; i is the imaginary unit."
)

Text = Annotated[str, Field(description="such as 2x^2 - sin(pi x)/3; up to 2,000 characters")]
Digits = Annotated[int, Field(ge=1, le=1000, description="significant digits of the decimal form")]
Variable = Annotated[str, Field(description="name of the variable", min_length=1, max_length=40)]
Bound = Annotated[str, Field(description="an expression such as 0, pi/2 or -oo; empty for an antiderivative")]
A = TypeVar("A", bound=Answer)
Numbers = list[Annotated[float, Field(allow_inf_nan=False)]]


def build(options: Options) -> MCPServer:
    """The server; it reads no files and no network."""
    server = ToolServer("math", instructions=_INSTRUCTIONS)
    rests = Rests()
    _offer_calculation(server, rests)
    _offer_calculus(server, rests)
    _offer_solving(server, rests)
    _offer_statistics(server)
    offer_read_more(server, rests)
    return server


def _offer_calculation(server: MCPServer, rests: Rests) -> None:
    @server.tool(title="Calculate", annotations=_ABOUT)
    async def calculate(
        expression: Annotated[
            str,
            Field(description="such as 15% of 80, 2^100 mod 7, 3 km / 20 min to m/s, det([[1, 2], [3, 4]]), (1+2i)^2"),
        ],
        digits: Digits = 15,
    ) -> Answer:
        """Work out an expression without variables, exactly and in decimals: large numbers, fractions, roots,
        complex numbers, matrices (det, inv, eigenvals, ...), whole numbers (gcd, factorint, binomial, ...), sum,
        product, limit, quantities with units, and days between dates: daynumber(2024, 3, 1) - daynumber(2023, 12, 25).
        Decimals are taken exactly (0.1 + 0.2 is 3/10). No currencies."""
        found: Answer = await _perform("calculate", expression, digits)
        return _cut(found, rests)

    @server.tool(title="Convert units", annotations=_ABOUT)
    async def convert_units(
        quantity: Annotated[str, Field(description="a number with its unit, such as 5 ft + 3 in, 72 km/h or -40 degC")],
        to: Annotated[str, Field(description="the unit wanted, such as cm, m/s or degF")],
        digits: Digits = 15,
    ) -> Answer:
        """Convert a quantity to another unit of the same kind, exactly and in decimals; temperatures are degC, degF
        and K. There are no currencies, because their rates change."""
        found: Answer = await _perform("convert_units", quantity, to, digits)
        return _cut(found, rests)

    @server.tool(title="Simplify", annotations=_ABOUT)
    async def simplify(expression: Text, digits: Digits = 15) -> Simplified:
        """Bring an expression with variables to a simpler form; also gives it factored and multiplied out."""
        found: Simplified = await _perform("simplify", expression, digits)
        return _cut(found, rests)


def _offer_calculus(server: MCPServer, rests: Rests) -> None:
    @server.tool(title="Differentiate", annotations=_ABOUT)
    async def differentiate(
        expression: Text,
        variable: Variable = "x",
        order: Annotated[int, Field(ge=1, le=20, description="how many times")] = 1,
        digits: Digits = 15,
    ) -> Answer:
        """Find the derivative of an expression, of any order up to 20; other variables are kept as constants."""
        found: Answer = await _perform("differentiate", expression, variable, order, digits)
        return _cut(found, rests)

    @server.tool(title="Integrate", annotations=_ABOUT)
    async def integrate(
        expression: Text, variable: Variable = "x", lower: Bound = "", upper: Bound = "", digits: Digits = 15
    ) -> Integrated:
        """Find an antiderivative or, with both bounds, a definite integral: exactly where possible, otherwise as a
        number with an error estimate (then `numeric` is true). Bounds may be infinite (oo)."""
        asked = (expression, variable, lower, upper, digits)
        found: Integrated = await _within_time("integrate", *asked) or await _perform("quadrature", *asked)
        return _cut(found, rests)


def _offer_solving(server: MCPServer, rests: Rests) -> None:
    @server.tool(title="Solve", annotations=_ABOUT)
    async def solve(
        equations: Annotated[
            list[str],
            Field(
                min_length=1, max_length=20, description="such as x^2 - 5x = -6, or x + y <= 3; without = it means = 0"
            ),
        ],
        unknowns: Annotated[list[str], Field(min_length=1, max_length=20, description="what to solve for, such as x")],
        real: Annotated[bool, Field(description="real solutions only")] = False,
        digits: Digits = 15,
    ) -> Solved:
        """Solve an equation, a system of equations, or inequalities in one unknown. Says whether the solutions are all
        there are, whether it is proved that there is none, and whether they are exact or only numbers."""
        asked = (equations, unknowns, real, digits)
        found = await _within_time("solve", *asked)
        if found is None or (found.status == "not_found" and not found.solution_set):
            found = await _perform("search", *asked)
        return _cut_solved(found, rests)


def _offer_statistics(server: MCPServer) -> None:
    @server.tool(title="Statistics", annotations=_ABOUT)
    async def statistics(
        numbers: Annotated[Numbers, Field(min_length=1, max_length=_MOST_NUMBERS, description="the values")],
        paired: Annotated[
            Numbers,
            Field(max_length=_MOST_NUMBERS, description="a second value for each, for correlation and regression"),
        ] = [],  # noqa: B006  # a schema wants a plain default, and nobody changes it
    ) -> Described:
        """Describe a list of numbers, exactly: count, sum, mean, median, modes, range, variance and standard deviation
        (sample and population), quartiles; with a second list also covariance, correlation and the fitted line."""
        if paired and len(paired) != len(numbers):
            raise CallError(f"paired: has {len(paired)} values and numbers has {len(numbers)}; give one for each")
        described: Described = await _perform("describe", numbers, paired)
        return described


async def _perform(task: str, *args: object) -> Any:
    missing = [name for name in ("sympy", "pint") if find_spec(name) is None]
    if missing:
        raise CallError(f"{' and '.join(missing)} is not installed; install it with: pip install 'memento-cbr[math]'")
    return await run_apart(perform, task, *args, bounds=_BOUNDS)


async def _within_time(task: str, *args: object) -> Any:
    """What a task returns, or None where it took too long and there is another way."""
    try:
        return await _perform(task, *args)
    except CallError as error:
        if isinstance(error.__cause__, TimeoutError):
            return None
        raise


def _cut(answer: A, rests: Rests) -> A:
    piece = rests.cut(answer.exact)
    if not piece.rest:
        return answer
    notes = [*answer.notes, f"exact has {len(answer.exact):,} characters; read_more gives the rest"]
    return answer.model_copy(
        update={"exact": piece.text, "rest": piece.rest, "chars_left": piece.chars_left, "notes": notes}
    )


def _cut_solved(found: Solved, rests: Rests) -> Solved:
    """Long solutions as a text of their own, with their decimals kept in place."""
    piece = rests.cut(found.model_dump_json(include={"solutions"}))
    if not piece.rest:
        return found
    kept = [solution.model_copy(update={"exact": {}}) for solution in found.solutions]
    handle = rests.cut(found.model_dump_json(include={"solutions"}), 0)
    notes = [*found.notes, "the exact solutions are very long; read_more gives them as JSON"]
    return found.model_copy(
        update={"solutions": kept, "rest": handle.rest, "chars_left": handle.chars_left, "notes": notes}
    )
