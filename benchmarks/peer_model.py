"""MiniLM as one ONNX file in the layout that mcp-memory-service loads, made from the installed weights.

    python peer_model.py FOLDER

The service would download such a file. Made here, it runs the same weights as Memento does, and needs no network.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from memento_memory.embedding import DEFAULT_MODEL
from memento_memory.embedding.source import resolve

INPUTS = ("input_ids", "attention_mask")


class Hidden(torch.nn.Module):
    """The transformer without pooling, which the service does itself."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden


def main() -> None:
    source, target = Path(resolve(DEFAULT_MODEL).location), Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    example = torch.ones((2, 8), dtype=torch.int64)
    axes = {0: torch.export.Dim("batch", min=1, max=4096), 1: torch.export.Dim("tokens", min=1, max=512)}
    program = torch.onnx.export(
        Hidden(AutoModel.from_pretrained(source).eval()),
        (example, example),
        input_names=list(INPUTS),
        output_names=["hidden"],
        dynamic_shapes=(axes, axes),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    program.save(target / "model.partial")
    (target / "model.partial").rename(target / "model.onnx")


if __name__ == "__main__":
    main()
