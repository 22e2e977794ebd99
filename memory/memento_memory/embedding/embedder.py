"""What the memory needs from an embedding model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from memento_memory.errors import MementoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class EmbeddingModelError(MementoError):
    """The embedding model cannot be found, prepared or loaded."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model made a vector; vectors may be compared only when `weights_hash` is the same."""

    id: str  # the model's name, for people
    dimension: int  # numbers in a vector
    weights_hash: str  # SHA-256, hexadecimal, of every file that shapes the vectors


class Embedder(Protocol):
    """Turns texts into unit vectors, so that a dot product is a cosine. Safe to call from several threads."""

    @property
    def info(self) -> ModelInfo:
        """The model behind the vectors."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts of any kind, the empty one included.

        Returns:
            One row of Euclidean norm 1 for each text, shape (n, dimension).
        """
        ...
