"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from memento_server.settings import Settings

Choice = TypeVar("Choice", bound=StrEnum)

Bank = Annotated[
    Path | None,
    typer.Option("--bank", help="The bank file. (Or MEMENTO_BANK; else in the user's data folder.)"),
]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        help="Keeps cases apart; 'project' names it after this project. (Or MEMENTO_NAMESPACE.)",
    ),
]
Tools = Annotated[
    Path | None,
    typer.Option(
        "--tools",
        metavar="FILE",
        help="The file of downstream servers; 'none' for none. (Or MEMENTO_TOOLS; else Memento's own, if there.)",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


def settings_of(bank: Path | None, namespace: str) -> Settings:
    """Settings from the command line, the environment and the defaults."""
    from memento_server.settings import Settings

    return Settings.of(bank=bank, namespace=namespace)


def one_of(value: str, kind: type[Choice], field: str) -> Choice:
    """A word as one of the choices of an enumeration.

    Raises:
        InputError: if it is none of them.
    """
    from memento_memory.errors import InputError

    try:
        return kind(value)
    except ValueError:
        raise InputError(field, f"is {value!r}; one of {', '.join(kind)} is expected") from None
