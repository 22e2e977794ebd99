"""A prepared model on disk: its files, and the manifest that says what they are and how large."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = "model.onnx"
WEIGHTS = "model.onnx.data"
TOKENIZER = "tokenizer.json"
MANIFEST = "model.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of model.json, written last when a model is prepared."""

    id: str
    dimension: int
    weights_hash: str
    max_tokens: int  # longer texts are cut
    pad_id: int
    files: dict[str, int]  # name → size in bytes

    def write(self, folder: Path) -> None:
        """Store the manifest in the folder of the model."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read a folder's manifest.

        Raises:
            OSError: if there is none.
            ValueError: if it is not a manifest.
        """
        fields = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        try:
            return cls(**fields)
        except TypeError as error:
            raise ValueError(f"{folder / MANIFEST} is not the manifest of a model: {error}") from error


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a prepared model whose files all have the size they were written with."""
    try:
        files = Manifest.read(folder).files
        return files.keys() == {GRAPH, WEIGHTS, TOKENIZER} and all(
            (folder / name).stat().st_size == size for name, size in files.items()
        )
    except (OSError, ValueError, AttributeError):
        return False
