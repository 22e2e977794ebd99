"""Memento's memory: the case bank and the selection of cases.

What is listed here is public. It is loaded when first used, so that a server can answer before NumPy is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memento_memory.bank import CaseBank
    from memento_memory.case import Case, Episode, Evidence, Outcome, Result, Shown, Slate, Task, Verdict
    from memento_memory.errors import (
        BankBusyError,
        BankError,
        InputError,
        MementoError,
        ModelMismatchError,
        NotFoundError,
    )
    from memento_memory.plan import Plan, Subtask, parse_plan
    from memento_memory.retention import Report, Retained, Status
    from memento_memory.selection.policy import Policy, PolicyName
    from memento_memory.trace import ToolCall
    from memento_memory.transfer import ImportReport, export_cases, import_cases

_HOME = {
    "bank": ("CaseBank",),
    "case": ("Case", "Episode", "Evidence", "Outcome", "Result", "Shown", "Slate", "Task", "Verdict"),
    "errors": ("BankBusyError", "BankError", "InputError", "MementoError", "ModelMismatchError", "NotFoundError"),
    "plan": ("Plan", "Subtask", "parse_plan"),
    "retention": ("Report", "Retained", "Status"),
    "selection.policy": ("Policy", "PolicyName"),
    "trace": ("ToolCall",),
    "transfer": ("ImportReport", "export_cases", "import_cases"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "BankBusyError",
    "BankError",
    "Case",
    "CaseBank",
    "Episode",
    "Evidence",
    "ImportReport",
    "InputError",
    "MementoError",
    "ModelMismatchError",
    "NotFoundError",
    "Outcome",
    "Plan",
    "Policy",
    "PolicyName",
    "Report",
    "Result",
    "Retained",
    "Shown",
    "Slate",
    "Status",
    "Subtask",
    "Task",
    "ToolCall",
    "Verdict",
    "export_cases",
    "import_cases",
    "parse_plan",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
