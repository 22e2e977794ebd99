"""The exceptions of Memento's memory. Every message names the thing at fault and the next step."""

from __future__ import annotations


class MementoError(Exception):
    """Base of everything Memento raises on purpose."""


class InputError(MementoError):
    """A value given by the caller cannot be used; nothing was changed.

    Attributes:
        field: the name of the field at fault.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class NotFoundError(InputError):
    """A case or an episode with the given id does not exist."""


class BankError(MementoError):
    """The bank file cannot be used as it is."""


class BankBusyError(BankError):
    """Another process kept the bank locked for longer than we are willing to wait."""


class ModelMismatchError(BankError):
    """The bank's vectors were made with another embedding model than the one in use."""
