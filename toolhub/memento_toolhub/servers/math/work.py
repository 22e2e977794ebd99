"""The way into the process that calculates; only there are sympy and pint imported."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from memento_toolhub.servers.kit.call_error import CallError

_WRITTEN_DIGITS = 100_000
_HERE = "memento_toolhub.servers.math"
_MODULES = {
    "calculate": "calculating",
    "convert_units": "calculating",
    "simplify": "calculating",
    "differentiate": "calculus",
    "integrate": "calculus",
    "quadrature": "calculus",
    "solve": "searching",
    "search": "searching",
    "describe": "describing",
}


def perform(task: str, *args: object) -> Any:
    """What a task of one of the modules returns.

    Raises:
        CallError: if it cannot be done, whatever the reason.
    """
    sys.set_int_max_str_digits(_WRITTEN_DIGITS)
    try:
        return getattr(import_module(f"{_HERE}.{_MODULES[task]}"), task)(*args)
    except (CallError, MemoryError):
        raise
    except RecursionError as error:
        raise CallError("expression: is nested too deeply to be worked out; ask for a part at a time") from error
    except Exception as error:  # whatever sympy raises on odd input; it may not be possible to pickle
        detail = str(error).splitlines()[0][:200] if str(error) else ""
        raise CallError(f"expression: it could not be worked out ({type(error).__name__}: {detail})") from None
