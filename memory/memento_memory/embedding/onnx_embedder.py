"""The embedder that serves: a prepared model run by ONNX Runtime, without torch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from memento_memory.embedding.embedder import EmbeddingModelError, ModelInfo
from memento_memory.embedding.manifest import GRAPH, TOKENIZER, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "unit_vectors"
_BATCH_TOKENS = 256  # padding included; what stays in the processor's cache is done in half the time of 2,048


class OnnxEmbedder:
    """The original model's vectors, in float32. Safe to call from several threads."""

    def __init__(self, folder: Path) -> None:
        """Load a prepared model.

        Args:
            folder: as returned by `prepare` or `find_prepared`.

        Raises:
            EmbeddingModelError: if it cannot be loaded.
        """
        try:
            manifest = Manifest.read(folder)
            self._tokenizer = _tokenizer(folder, manifest.max_tokens)
            self._session = _session(folder)
        except ImportError:
            raise
        except Exception as error:
            raise EmbeddingModelError(
                f"the prepared embedding model in {folder} cannot be loaded ({error}); "
                "delete that folder and start again: it is then prepared anew"
            ) from error
        self._pad_id = manifest.pad_id
        self._info = ModelInfo(manifest.id, manifest.dimension, manifest.weights_hash)

    @property
    def info(self) -> ModelInfo:
        """The model behind the vectors."""
        return self._info

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; one longer than the model reads is cut, what is not Unicode in one counts as "?".

        Returns:
            One row of Euclidean norm 1 for each text, shape (n, dimension).
        """
        import numpy as np

        tokens = [self._tokens(text) for text in texts]
        vectors = np.empty((len(tokens), self._info.dimension), np.float32)
        for batch in _batches([len(ids) for ids in tokens]):
            shape = len(batch), len(tokens[batch[-1]])
            padded, mask = np.full(shape, self._pad_id, np.int64), np.zeros(shape, np.int64)
            for row, index in enumerate(batch):
                padded[row, : len(tokens[index])] = tokens[index]
                mask[row, : len(tokens[index])] = 1
            vectors[batch] = self._session.run([OUTPUT], dict(zip(INPUTS, (padded, mask), strict=True)))[0]
        return vectors

    def _tokens(self, text: str) -> list[int]:
        valid = text.encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(valid).ids
        return ids or [self._pad_id]  # no tokens at all would have no mean


def load(folder: Path) -> OnnxEmbedder:
    """Load a prepared model, in a fraction of a second.

    Raises:
        EmbeddingModelError: if it cannot be loaded.
    """
    return OnnxEmbedder(folder)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indices of batches of texts of similar length, shortest first, so that little is padded."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _tokenizer(folder: Path, max_tokens: int) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _session(folder: Path) -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    # A second thread saves a third of the time of one text, provided that it spins while it waits for work.
    # 50 µs of spinning do as well as the default of about 50 ms, and leave the core idle between calls.
    options.intra_op_num_threads = min(2, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.enable_cpu_mem_arena = False  # memory goes back after each call
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(folder / GRAPH), options, providers=["CPUExecutionProvider"])
