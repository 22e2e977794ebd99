"""The process that prepares a model: the only module that imports torch, sentence-transformers and onnx.

    python -m memento_memory.embedding.export LOCATION ID FOLDER

Started by `prepare`. It reports its steps on stderr and ends as soon as its standard input closes, so that it
never outlives the process that wanted the model.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memento_memory.embedding.embedder import EmbeddingModelError
from memento_memory.embedding.manifest import GRAPH, TOKENIZER, WEIGHTS, Manifest
from memento_memory.embedding.onnx_embedder import INPUTS, OUTPUT, load
from memento_memory.embedding.prepare import FAILURE, STEP
from memento_memory.embedding.source import DEFAULT_MODEL, weights_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

LEAST_COSINE = 0.9999
_ADVICE = f"choose another model, such as {DEFAULT_MODEL!r}"
_MOST_TOKENS = 512  # for models that state no limit of their own
_SAMPLES = (
    "",
    "Reverse a string in Python",
    "Find the population of Lyon, then compute its share of the population of France.",
    "SELECT name FROM singer WHERE age > (SELECT avg(age) FROM singer);",
    "Répare le test d'intégration qui échoue — 修复失败的测试 🛠️",
    "find . -name '*.log' -mtime +30 -delete\n\trm -rf ./build",
    "Plan the migration step by step, and check each table twice before the next one. " * 40,
)


def main(location: str, name: str, folder: Path) -> None:
    """Export the model at `location` into `folder`, and check it against the original.

    Raises:
        EmbeddingModelError: if it cannot be loaded, or its vectors are not the same after the export.
    """
    _tell("importing torch and sentence-transformers (once per machine)")
    import torch

    _tell("loading the weights")
    model = _loaded(location, name)
    original = model.encode(list(_SAMPLES), normalize_embeddings=True, show_progress_bar=False)
    _tell("exporting to ONNX")
    with torch.inference_mode():
        _export(model, folder)
    _write_manifest(model, name, weights_hash(_original_folder(location)), original.shape[1], folder)
    _tell("checking against the original")
    check_agreement(name, load(folder).embed(_SAMPLES), original)


def check_agreement(name: str, ours: NDArray[np.float32], original: NDArray[np.float32]) -> None:
    """Refuse an export whose vectors differ from the original's, both of shape (n, dimension) and unit norm.

    Raises:
        EmbeddingModelError: if any pair has a cosine under `LEAST_COSINE`.
    """
    least = float((ours * original).sum(axis=1).min())
    if not least >= LEAST_COSINE:  # also refuses NaN
        raise EmbeddingModelError(
            f"the embedding model {name!r} gives other vectors after its export (smallest cosine "
            f"{least:.5f}, at least {LEAST_COSINE} is needed); {_ADVICE}"
        )


def _loaded(location: str, name: str) -> SentenceTransformer:
    try:
        return _sentence_transformer(location, local_files_only=True)
    except Exception as error:
        if Path(location).is_dir():
            raise EmbeddingModelError(
                f"the folder {location} cannot be loaded as a sentence-transformers model ({_brief(error)}); "
                "give the folder of a complete one"
            ) from error
    _tell("downloading the model")
    try:
        _require_online(location)
        return _sentence_transformer(location, local_files_only=False)
    except Exception as error:
        raise EmbeddingModelError(
            f"the embedding model {name!r} is not on this machine and could not be downloaded ({_brief(error)}); "
            "check the name, go online once, or give the folder of a sentence-transformers model"
        ) from error


def _sentence_transformer(location: str, *, local_files_only: bool) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    # The eager attention gives the smaller graph: half the time to load, and the same vectors.
    eager = {"attn_implementation": "eager"}
    return SentenceTransformer(location, device="cpu", local_files_only=local_files_only, model_kwargs=eager)


def _require_online(location: str) -> None:
    """One request tells whether a download can work; without it, dozens of retries take over a minute to fail."""
    from huggingface_hub import HfApi

    HfApi().model_info(_repository(location), timeout=10)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _repository(location: str) -> str:
    return location if "/" in location else f"sentence-transformers/{location}"


def _original_folder(location: str) -> Path:
    if Path(location).is_dir():
        return Path(location)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(_repository(location), local_files_only=True))


def _export(model: SentenceTransformer, folder: Path) -> None:
    """Write graph and weights; the graph pools and normalises, so that it maps tokens to unit vectors."""
    import torch

    class UnitVectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = self.model({"input_ids": input_ids, "attention_mask": attention_mask})
            return torch.nn.functional.normalize(features["sentence_embedding"], dim=1)

    example = torch.ones(2, 8, dtype=torch.int64)
    axes = {0: "batch", 1: "tokens"}
    program = torch.onnx.export(
        UnitVectors().eval(),
        (example, example.clone()),
        input_names=list(INPUTS),
        output_names=[OUTPUT],
        dynamic_shapes=dict.fromkeys(INPUTS, axes),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.save(folder / GRAPH, external_data=True)  # weights beside the graph: they get mapped, not copied


def _write_manifest(model: SentenceTransformer, name: str, digest: str, dimension: int, folder: Path) -> None:
    tokenizer: Any = model.tokenizer
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise EmbeddingModelError(f"the embedding model {name!r} has no fast tokenizer; {_ADVICE}")
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    Manifest(
        id=name,
        dimension=dimension,
        weights_hash=digest,
        max_tokens=model.get_max_seq_length() or _MOST_TOKENS,
        pad_id=tokenizer.pad_token_id or 0,
        files={file: (folder / file).stat().st_size for file in (GRAPH, WEIGHTS, TOKENIZER)},
    ).write(folder)


def _tell(step: str) -> None:
    sys.stderr.write(f"{STEP}{step}\n")
    sys.stderr.flush()


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except EmbeddingModelError as error:
        sys.exit(f"{FAILURE}{error}")
