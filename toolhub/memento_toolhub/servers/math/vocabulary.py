"""The names that mean something: constants and functions, with what each is given. No other function can be called."""

from __future__ import annotations

CONSTANTS = {
    "pi": "pi", "e": "E", "E": "E", "i": "I", "I": "I", "j": "I", "oo": "oo", "inf": "oo", "infinity": "oo",
}  # fmt: skip
CONSTANT_NAMES = frozenset(CONSTANTS)

SIGNATURES = {
    # powers and logarithms
    "sqrt": "x", "cbrt": "x", "root": "x, n", "exp": "x", "ln": "x", "log": "x, base=e", "log2": "x", "log10": "x",
    # angles
    "sin": "x", "cos": "x", "tan": "x", "cot": "x", "sec": "x", "csc": "x", "asin": "x", "acos": "x", "atan": "x",
    "arcsin": "x", "arccos": "x", "arctan": "x", "atan2": "y, x", "sinh": "x", "cosh": "x", "tanh": "x", "asinh": "x",
    "acosh": "x", "atanh": "x", "deg": "radians", "rad": "degrees",
    # parts and rounding
    "abs": "x", "sign": "x", "floor": "x", "ceil": "x", "ceiling": "x", "round": "x, places=0", "min": "a, b, ...",
    "max": "a, b, ...", "re": "z", "im": "z", "arg": "z", "conj": "z", "conjugate": "z",
    # whole numbers
    "mod": "a, m", "powmod": "a, n, m", "modinv": "a, m", "gcd": "a, b, ...", "lcm": "a, b, ...", "isprime": "n",
    "prime": "n", "nextprime": "n", "prevprime": "n", "primepi": "n", "factorint": "n", "divisors": "n", "totient": "n",
    "digit_sum": "n",
    # the calendar
    "daynumber": "year, month, day",
    # counting and sequences
    "factorial": "n", "binomial": "n, k", "comb": "n, k", "perm": "n, k", "fibonacci": "n", "catalan": "n",
    "bernoulli": "n", "harmonic": "n",
    # special functions
    "gamma": "x", "erf": "x", "erfc": "x", "zeta": "s", "beta": "a, b",
    # with a variable of their own
    "sum": "term, k, first, last", "product": "factor, k, first, last", "limit": "expression, x, to",
    # algebra
    "expand": "x", "factor": "x",
    # matrices
    "det": "A", "inv": "A", "inverse": "A", "transpose": "A", "trace": "A", "rank": "A", "rref": "A", "eigenvals": "A",
    "eigenvects": "A", "nullspace": "A", "charpoly": "A", "norm": "A", "dot": "a, b", "cross": "a, b", "identity": "n",
}  # fmt: skip
INSTEAD = {
    **dict.fromkeys(
        ("mean", "average", "avg", "median", "mode", "std", "stdev", "var", "variance"), "the tool statistics gives it"
    ),
    **dict.fromkeys(("C", "nCr", "ncr", "choose"), "write comb(n, k)"),
    **dict.fromkeys(("P", "nPr", "npr"), "write perm(n, k)"),
    **dict.fromkeys(("date", "datetime", "weekday"), "write daynumber(year, month, day)"),
}
"""What to do where people would write a function that is not there."""
FUNCTION_NAMES = frozenset(SIGNATURES)
BINDING = frozenset({"sum", "product", "limit"})
"""Functions whose second argument is a variable that the first one is about."""


def arity(name: str) -> tuple[int, int]:
    """The least and the most arguments of a function."""
    parts = SIGNATURES[name].split(", ")
    most = 100 if "..." in parts else len(parts)
    return sum("=" not in part and part != "..." for part in parts) - ("..." in parts), most
