"""Texts to unit vectors: a sentence-transformers model, prepared once per machine and served by ONNX Runtime.

Importing this package loads neither NumPy nor ONNX Runtime. Only the separate process that prepares a model
imports torch.
"""

from memento_memory.embedding.background import BackgroundEmbedder
from memento_memory.embedding.embedder import Embedder, EmbeddingModelError, ModelInfo
from memento_memory.embedding.onnx_embedder import OnnxEmbedder, load
from memento_memory.embedding.prepare import find_prepared, prepare
from memento_memory.embedding.source import DEFAULT_MODEL
from memento_memory.embedding.supply import EmbedderSource, NoEmbedder, Ready

__all__ = [
    "DEFAULT_MODEL",
    "BackgroundEmbedder",
    "Embedder",
    "EmbedderSource",
    "EmbeddingModelError",
    "ModelInfo",
    "NoEmbedder",
    "OnnxEmbedder",
    "Ready",
    "find_prepared",
    "load",
    "prepare",
]
