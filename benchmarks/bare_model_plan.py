"""A first plan with sentence-transformers in the process: what loading the model as it is shipped takes.

    python bare_model_plan.py BANK TASK

Prints one line, the verdict, as soon as the plan is made. There is no MCP server around it, which flatters it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_memory.embedding import DEFAULT_MODEL, ModelInfo, Ready, find_prepared
from memento_memory.embedding.manifest import Manifest
from memento_memory.embedding.source import resolve
from memento_planner.planner import plan_from_cases


class Original:
    """The model as sentence-transformers runs it."""

    def __init__(self) -> None:
        folder = find_prepared(DEFAULT_MODEL)
        if folder is None:
            raise SystemExit("the model is not prepared; run: memento prepare")
        manifest = Manifest.read(folder)
        self.info = ModelInfo(manifest.id, manifest.dimension, manifest.weights_hash)
        self._model = SentenceTransformer(resolve(DEFAULT_MODEL).location)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector a text, shape (n, dimension)."""
        return np.asarray(self._model.encode(list(texts), normalize_embeddings=True), np.float32)


if __name__ == "__main__":
    bank = CaseBank(Path(sys.argv[1]), Ready(Original()))
    planned = plan_from_cases(bank, Task(sys.argv[2]))
    print(planned.episode.slate.ranking, planned.episode.slate.verdict.value, flush=True)
    bank.close()
