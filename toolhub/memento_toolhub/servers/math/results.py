"""What the tools of mathematics answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Status = Literal["solved", "no_solution", "always_true", "numeric", "not_found"]
_REST = "handle of what was left out, for read_more; empty where nothing was"


class Answer(BaseModel):
    """A result, exactly and in decimals."""

    exact: str = Field(description="the result without rounding, or its first part where it is very long")
    decimal: str = Field(description="the result rounded to the digits asked for; empty where it holds variables")
    unit: str = Field(default="", description="unit of both; empty for plain numbers")
    read_as: str = Field(default="", description="how the expression was understood, with every sign written out")
    notes: list[str] = Field(default_factory=list, description="what to know about the result")
    rest: str = Field(default="", description=_REST)
    chars_left: int = Field(default=0, description="characters left out")


class Simplified(Answer):
    """An expression in a simpler form, and in others where they differ."""

    factored: str = Field(default="", description="as a product; empty where that is the same")
    expanded: str = Field(default="", description="multiplied out; empty where that is the same, or too long")


class Integrated(Answer):
    """An integral, and how it was found."""

    numeric: bool = Field(default=False, description="found by numeric quadrature only: `exact` is empty")
    error_estimate: str = Field(default="", description="of the numeric result: how far it may be off")
    verified: bool = Field(
        default=False,
        description="checked: the derivative is the integrand again, or quadrature gives the same number",
    )


class Solution(BaseModel):
    """Values of the unknowns that solve all equations."""

    exact: dict[str, str] = Field(
        description="value by unknown, which may hold unknowns that can be chosen freely; empty if numeric"
    )
    decimal: dict[str, str] = Field(description="the same, rounded; an unknown is left out where it is no plain number")
    verified: bool = Field(description="put into the equations, it fulfils them")


class Solved(BaseModel):
    """What was found about equations or inequalities."""

    status: Status = Field(
        description=(
            "solved: exact solutions; no_solution: proved that there is none; always_true: every value is one; "
            "numeric: only approximate ones could be found; not_found: none was found, but there may be some"
        )
    )
    complete: bool = Field(description="whether these are all solutions")
    solutions: list[Solution] = Field(default_factory=list, description="the single solutions, at most 50")
    solution_set: str = Field(default="", description="all solutions as a set, where they are infinitely many")
    read_as: list[str] = Field(description="how the equations were understood")
    notes: list[str] = Field(default_factory=list, description="what to know about the result")
    rest: str = Field(default="", description=_REST)
    chars_left: int = Field(default=0, description="characters left out")


class Regression(BaseModel):
    """How two lists of numbers go together: y = slope * x + intercept by least squares."""

    covariance: str = Field(description="sample covariance (n - 1), exact where it is short")
    correlation: float | None = Field(description="Pearson's r, from -1 to 1; null where one list does not vary")
    slope: str = Field(description="exact where it is short; empty where x does not vary")
    intercept: str = Field(description="exact where it is short; empty where x does not vary")


class Described(BaseModel):
    """Figures of a list of numbers. Fractions are exact; decimals are rounded to 15 digits."""

    count: int
    sum: str
    mean: str
    median: str
    modes: list[str] = Field(description="the most frequent values; empty where every value is there once")
    minimum: str
    maximum: str
    range: str
    sample_variance: str = Field(description="by n - 1; empty for a single number")
    sample_stdev: str = Field(description="by n - 1; empty for a single number")
    population_variance: str = Field(description="by n")
    population_stdev: str = Field(description="by n")
    quartiles: list[str] = Field(description="Q1, Q2 and Q3")
    quartile_method: str
    decimals: dict[str, float] = Field(description="the figures above as decimals")
    paired: Regression | None = Field(default=None, description="with the second list as y, where one was given")
