"""What the functions of matrices do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from memento_toolhub.servers.math.arithmetic import is_matrix, is_plain
from memento_toolhub.servers.math.functions import whole
from memento_toolhub.servers.math.size import RefusedError

_MOST_SYMBOLIC = 6


def from_items(items: list[Any]) -> Any:
    """The matrix of some rows, or the column vector of some numbers.

    Raises:
        RefusedError: if the rows differ in length, or hold something other than numbers.
    """
    if not items:
        raise RefusedError("a matrix needs entries, as in [[1, 2], [3, 4]]")
    if all(map(is_matrix, items)):
        if any(row.cols != 1 for row in items):
            raise RefusedError("a matrix is nested two deep: a list of rows")
        if len({row.rows for row in items}) > 1:
            raise RefusedError(f"the rows have {', '.join(str(row.rows) for row in items)} entries; give each as many")
        return sp.ImmutableMatrix([list(row) for row in items])
    if not all(map(is_plain, items)):
        raise RefusedError("the entries of a matrix are plain numbers, without units")
    return sp.ImmutableMatrix(items)


def _square(matrix: Any) -> Any:
    if matrix.rows != matrix.cols:
        raise RefusedError(f"a square matrix is wanted, and this one is {matrix.rows} x {matrix.cols}")
    if matrix.free_symbols and matrix.rows > _MOST_SYMBOLIC:
        raise RefusedError(f"with variables in it, a matrix may have {_MOST_SYMBOLIC} rows at most")
    return matrix


def _inverse(matrix: Any) -> Any:
    if _square(matrix).det().equals(0):
        raise RefusedError("the matrix has no inverse: its determinant is 0")
    return matrix.inv()


def _eigenvalues(matrix: Any) -> Any:
    found = _square(matrix).eigenvals()
    return sp.Tuple(*(value for value, times in found.items() for _ in range(times)))


def _eigenvectors(matrix: Any) -> Any:
    return sp.Tuple(*(sp.Tuple(value, *vectors) for value, _, vectors in _square(matrix).eigenvects()))


def _characteristic(matrix: Any) -> Any:
    return _square(matrix).charpoly(sp.Symbol("x")).as_expr()


def _pair(left: Any, right: Any, length: int | None = None) -> tuple[Any, Any]:
    vectors = (left, right)
    if (
        any(1 not in vector.shape for vector in vectors)
        or len(left) != len(right)
        or len(left) != (length or len(left))
    ):
        raise RefusedError(f"two vectors of {length or 'the same number of'} entries are wanted, as in [1, 2, 3]")
    return sp.ImmutableMatrix(list(left)), sp.ImmutableMatrix(list(right))


def _dot(left: Any, right: Any) -> Any:
    first, second = _pair(left, right)
    return first.dot(second)


def _cross(left: Any, right: Any) -> Any:
    first, second = _pair(left, right, 3)
    return first.cross(second)


MATRIX_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "det": lambda a: _square(a).det(), "inv": _inverse, "inverse": _inverse, "transpose": lambda a: a.T,
    "trace": lambda a: _square(a).trace(), "rank": lambda a: sp.Integer(a.rank()), "rref": lambda a: a.rref()[0],
    "eigenvals": _eigenvalues, "eigenvects": _eigenvectors, "nullspace": lambda a: sp.Tuple(*a.nullspace()),
    "charpoly": _characteristic, "norm": lambda a: a.norm(), "dot": _dot, "cross": _cross,
}  # fmt: skip


def identity(size: Any) -> Any:
    """The matrix with ones on the diagonal."""
    return sp.ImmutableMatrix(sp.eye(whole(size, 1, 50)))
