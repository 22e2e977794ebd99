"""The reference's value network: two layers on an embedding, trained with binary cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


def perceptron(rows: Vectors, rewards: Floats, *, hidden: int, epochs: int, seed: int, batch: int = 64) -> Any:
    """Train linear, ReLU, linear with binary cross-entropy.

    Args:
        rows: shape (n, d).
        rewards: in [0, 1], shape (n,).

    Returns:
        A torch module that gives one logit a row.
    """
    import torch

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = torch.nn.Sequential(
            torch.nn.Linear(rows.shape[1], hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1), torch.nn.Flatten(0)
        )
    x, y = torch.from_numpy(np.ascontiguousarray(rows, np.float32)), torch.from_numpy(rewards.astype(np.float32))
    optimiser, loss = torch.optim.AdamW(net.parameters(), lr=1e-3), torch.nn.BCEWithLogitsLoss()
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(x), generator=generator), batch):
            optimiser.zero_grad()
            loss(net(x[chosen]), y[chosen]).backward()
            optimiser.step()
    return net


def logits_of(net: Any, rows: Vectors) -> Floats:
    """What a trained perceptron says, shape (n,)."""
    import torch

    with torch.no_grad():
        found: Floats = net(torch.from_numpy(np.ascontiguousarray(rows, np.float32))).numpy().astype(np.float64)
    return found
