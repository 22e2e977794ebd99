"""The embeddings of a task and a plan, as far as a model is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memento_memory.case import Task
from memento_memory.embedding.supply import EmbedderSource
from memento_memory.plan import Plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memento_memory.embedding import ModelInfo

    Vector = NDArray[np.float32]
    Vectors = NDArray[np.float32]

LOAD_WAIT_S = 10.0


class Embeddings:
    """Embeds with the model of a source, waiting a moment for one that is loading."""

    def __init__(self, source: EmbedderSource) -> None:
        self._source = source

    def of(self, task: Task, plan: Plan | None = None) -> tuple[Vector | None, Vector | None, ModelInfo | None]:
        """Vectors of the task's state and of the plan's text, and the model; None each where there is none."""
        embedder = self._source.get(wait=LOAD_WAIT_S)
        if embedder is None:
            return None, None, None
        found = embedder.embed([task.state] if plan is None else [task.state, plan.text()])
        return found[0], None if plan is None else found[1], embedder.info

    def of_texts(self, texts: Sequence[str], *, wait: float = LOAD_WAIT_S) -> tuple[Vectors, ModelInfo] | None:
        """Vectors of n texts, shape (n, d) and unit length, and the model; None where there is none."""
        embedder = self._source.get(wait=wait)
        return None if embedder is None else (embedder.embed(texts), embedder.info)
