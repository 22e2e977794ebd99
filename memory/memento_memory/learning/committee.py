"""A committee in torch: what it is trained on, what its members say, and how it begins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memento_memory.dataset import Episodes, Flags, Floats, Numbers
from memento_memory.learning.recipe import Recipe
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.network import VIEWS, Network, has_vector, standardised

Singles = NDArray[np.float32]
Parts = dict[str, Tensor]

_TRAINED = ("projection", "hidden", "bias", "output")


@dataclass(frozen=True, slots=True)
class Plan:
    """What stays the same during a training, as tensors; k members, n episodes, N candidates, u cases.

    Attributes:
        base: psi . u of every episode under every member's linear model, (k, n).
        linear: phi . v of every candidate, (k, N).
        share: how much an episode counts in the training of a member, (k, n), and in its judgement, (k, n).
    """

    features: Tensor
    task: Tensor
    case: Tensor
    plan: Tensor
    has_case: Tensor
    has_plan: Tensor
    credit: Tensor
    base: Tensor
    linear: Tensor
    share: Tensor
    judged: Tensor


@dataclass(frozen=True, slots=True)
class LinearModel:
    """One member's additive slate model without a network.

    Attributes:
        base: b(s) of every episode, shape (n,).
        advantage: A(s, c) of every candidate, shape (N,).
        slates: logits of every slate, shape (n,).
    """

    base: Floats
    advantage: Floats
    slates: Floats

    @classmethod
    def fitted(cls, episodes: Episodes, chosen: Flags, prior: LastLayer, members: int, member: int) -> LinearModel:
        """Fit it on the chosen episodes that this member does not leave out."""
        rows = episodes.design()
        here = chosen & (episodes.fold(members) != member)
        layer = prior.fitted(rows[here], episodes.reward[here], episodes.evidence[here])
        m = episodes.task.shape[1]
        return cls(episodes.task @ layer.mean[:m], episodes.candidates() @ layer.mean[m:], rows @ layer.mean)


def outputs(parts: Parts, plan: Plan, episodes: Episodes, rows: Numbers) -> Tensor:
    """a(s, c) of these candidates for every member, shape (k, number of candidates); `Network.members` in torch."""
    owner, case = torch.from_numpy(episodes.owner[rows]), torch.from_numpy(episodes.case[rows])
    ours = plan.task[owner] @ parts["projection"]
    theirs, plans = plan.case[case] @ parts["projection"], plan.plan[case] @ parts["projection"]
    views = [plan.features[rows].expand(len(ours), -1, -1)]
    for other, there in ((theirs, plan.has_case), (plans, plan.has_plan)):
        views += [ours * other * there[case, None], (ours - other).abs() * there[case, None]]
    seen = (plan.task[owner] != 0).any(1)
    hidden = torch.tanh(torch.cat(views, dim=2) @ parts["hidden"] + parts["bias"][:, None])
    return (hidden @ parts["output"][:, :, None])[..., 0] * seen


def plan_of(episodes: Episodes, chosen: Flags, members: list[LinearModel], start: Network, at: int) -> Plan:
    """The chosen episodes as tensors; arguments as for `fresh`."""
    fold, k = episodes.fold(len(members)), len(members)
    weight = np.where(chosen, episodes.evidence, 0.0)
    outside = fold[None] == np.arange(k)[:, None]
    arrays = (
        standardised(np.delete(episodes.pair, at, axis=1), start.centre, start.scale),
        episodes.vector,
        np.nan_to_num(episodes.vectors),
        np.nan_to_num(episodes.plan_vectors),
        has_vector(episodes.vectors),
        has_vector(episodes.plan_vectors),
        episodes.credit,
        np.stack([member.base for member in members]),
        np.stack([member.advantage for member in members]),
        np.where(outside, 0.0, weight),
        np.where(outside, weight, 0.0),
    )
    return Plan(*(torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in arrays))


def fresh(episodes: Episodes, chosen: Flags, recipe: Recipe, at: int, seed: int) -> Network:
    """A committee that says nothing yet: projections on the embeddings' main directions, outputs of zero.

    Args:
        chosen: which episodes will be learned from, shape (n,).
        at: place of the network's feature among the pair features.
    """
    rng = np.random.default_rng([seed, 0])
    shown = (episodes.credit > 0) & chosen[episodes.owner]
    pair = np.delete(episodes.pair, at, axis=1)[shown]
    k, r, d = recipe.members, min(recipe.rank, episodes.vector.shape[1]), pair.shape[1]
    spread = pair.std(0) if len(pair) else np.ones(d)
    projection = _main_directions(episodes, np.unique(episodes.case[shown]), chosen, r)
    inputs = d + VIEWS * r
    return Network(
        centre=(pair.mean(0) if len(pair) else np.zeros(d)).astype(np.float32),
        scale=np.where(spread > 1e-6, spread, 1.0).astype(np.float32),
        projection=np.repeat(projection[None], k, 0),
        hidden=(rng.standard_normal((k, inputs, recipe.hidden)) / np.sqrt(inputs)).astype(np.float32),
        bias=np.zeros((k, recipe.hidden), np.float32),
        output=np.zeros((k, recipe.hidden), np.float32),
        knots=np.array([[-1e6, 1e6], [-1e6, 1e6]], np.float32),
    )


def _main_directions(episodes: Episodes, cases: Numbers, chosen: Flags, r: int) -> Singles:
    """The r main directions of the embeddings, scaled so that each view has about unit spread, shape (e, r)."""
    e = episodes.vector.shape[1]
    texts = np.concatenate([episodes.vector[chosen], np.nan_to_num(episodes.vectors[cases])]).astype(np.float64)
    texts = texts[np.any(texts != 0, axis=1)]
    if not len(texts):
        return np.zeros((e, r), np.float32)
    values, directions = np.linalg.eigh(np.cov(texts.T, bias=True).reshape(e, e))
    best = np.argsort(-values)[:r]
    directions = directions[:, best] * np.sign(directions[np.abs(directions[:, best]).argmax(0), best])
    return np.asarray(directions / np.sqrt(np.maximum(values[best], 1e-4)), np.float32)


def trainable(network: Network) -> Parts:
    """The parts of a network that are trained."""
    return {name: torch.from_numpy(getattr(network, name).copy()).requires_grad_() for name in _TRAINED}


def copied(parts: Parts) -> Parts:
    """The parts as they are now."""
    return {name: part.detach().clone() for name, part in parts.items()}


def network_of(start: Network, parts: Parts) -> Network:
    """A network with these parts and the rest of another."""
    return replace(start, **{name: part.numpy() for name, part in parts.items()})
