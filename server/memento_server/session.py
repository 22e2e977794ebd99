"""A bank opened for one command, with its embedding model prepared and loaded first where that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memento_memory.bank import CaseBank
from memento_memory.embedding import NoEmbedder, Ready
from memento_server.console import stderr
from memento_server.settings import Settings

if TYPE_CHECKING:
    from memento_memory.embedding import Embedder


@contextmanager
def open_bank(settings: Settings, *, with_model: bool = False) -> Iterator[CaseBank]:
    """Open the bank of these settings and close it again.

    Args:
        with_model: prepare (once per machine) and load the embedding model first.
    """
    source = Ready(load_model(settings)) if with_model else NoEmbedder()
    bank = CaseBank(settings.bank, source, policy=settings.choosing.as_policy())
    try:
        yield bank
    finally:
        bank.close()


def load_model(settings: Settings) -> Embedder:
    """The embedding model, prepared now, with progress on stderr, where it never was on this machine."""
    from memento_memory.embedding import DEFAULT_MODEL, find_prepared, load, prepare

    model = settings.embedding_model or DEFAULT_MODEL
    folder: Path | None = find_prepared(model)
    if folder is None:
        console = stderr()
        console.print(f"Preparing the embedding model {model} (once per machine, about half a minute)")
        folder = prepare(model, progress=lambda step: console.print(f"  {step}"))
    return load(folder)
