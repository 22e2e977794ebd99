"""What the memory's tests share: the real default model, prepared in the ordinary cache and loaded once."""

from __future__ import annotations

import pytest

from memento_memory.embedding import OnnxEmbedder, load, prepare


@pytest.fixture(scope="session")
def embedder() -> OnnxEmbedder:
    return load(prepare())
