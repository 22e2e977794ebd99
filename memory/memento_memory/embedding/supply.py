"""Where a bank gets its embedder from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from memento_memory.embedding.embedder import Embedder


class EmbedderSource(Protocol):
    """A supply of the embedding model, which may still be loading or being prepared."""

    def get(self, *, wait: float = 0.0) -> Embedder | None:
        """The embedder, after at most `wait` seconds of loading, or None: then words alone are compared."""
        ...


class NoEmbedder:
    """No embedding model at all: retrieval is lexical."""

    def get(self, *, wait: float = 0.0) -> Embedder | None:
        return None


@dataclass(frozen=True, slots=True)
class Ready:
    """An embedder that is loaded already."""

    embedder: Embedder

    def get(self, *, wait: float = 0.0) -> Embedder | None:
        return self.embedder
