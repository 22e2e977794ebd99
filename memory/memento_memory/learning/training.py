"""Training the committee: what similarity and the features cannot say of a case, learned from what became of slates.

Every member learns, on the tasks it does not leave out, by binary cross-entropy (Memento, arXiv 2508.16153, eq. 15)

    logit P(r = 1 | s, slate) = offset(s, slate) + sum_c w_c a(s, c)

where the offset is the additive slate model without a network, fitted on the same tasks, so that the network learns
only what that leaves unexplained. What an attempt that was followed by another one at the same task is worth is

    y = min(1, r + gamma V(s')),      V(s) = alpha log( sum_c mu0(c | s) exp(Q(s, c) / alpha) )

the target of soft Q-learning (eq. 8, 10 and 11) with the retrieval prior mu0 of Memento 2 (arXiv 2512.22716) over the
candidates and the void case in place of the uniform one, which keeps V a probability. Q comes from a target network:
the member as it was when the pass over the log began.

The committee kept is that of the pass after which its members did best on the tasks each left out.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memento_memory.learning.dataset import Episodes, Flags, Floats, Numbers, rows_of
from memento_memory.learning.recipe import Recipe
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.network import VIEWS, Network, has_vector, standardised

Singles = NDArray[np.float32]
Tick = Callable[[int, int], None]
Parts = dict[str, Tensor]

_TRAINED = ("projection", "hidden", "bias", "output")
_SAVE_EVERY_S = 1.0
_SEAL = 32
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gave.

    Attributes:
        network: the committee, not calibrated yet: its curve changes nothing.
        offset: of every slate under the members' linear models, the one that left its task out, shape (n,).
        losses: mean cross-entropy on the tasks left out, before the first pass and after each.
        best: the pass whose committee was kept; 0 if none was better than no network.
        ended: "converged", "all passes done" or "out of time".
    """

    network: Network
    offset: Floats
    losses: tuple[float, ...]
    best: int
    ended: str


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


def train(
    episodes: Episodes,
    chosen: Flags,
    prior: LastLayer,
    recipe: Recipe,
    *,
    at: int,
    seed: int = 0,
    checkpoint: Path | None = None,
    tick: Tick | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Train a committee; the same episodes, recipe and seed always give the same bytes, interrupted or not.

    Args:
        chosen: which episodes to learn from, shape (n,), with known outcomes only.
        prior: the last layer before any outcome.
        at: place of the network's feature among the pair features.
        checkpoint: where to write how far it is, and to go on from if it is there.
        tick: called with (passes done, passes at most).
    """
    torch.set_num_threads(1)  # sums over threads come out differently with their number
    torch.use_deterministic_algorithms(True)
    members = [LinearModel.fitted(episodes, chosen, prior, recipe.members, i) for i in range(recipe.members)]
    start = _fresh(episodes, chosen, recipe, at, seed)
    run = _Run(episodes, recipe, seed, _plan(episodes, chosen, members, start, at), _trainable(start))
    end = clock() + recipe.limit_s
    saved = clock()
    mark = f"{json.dumps(asdict(recipe))} {seed} {chosen.sum()} {episodes.fingerprint}"
    if checkpoint is not None:
        run.resume(checkpoint, mark)
    while not run.ended:
        if tick:
            tick(run.passes, recipe.epochs)
        run.one_pass()
        if clock() > end and not run.ended:
            run.ended = "out of time"
        if checkpoint is not None and clock() - saved > _SAVE_EVERY_S:
            run.save(checkpoint, mark)
            saved = clock()
    if tick:
        tick(recipe.epochs, recipe.epochs)
    fold = episodes.fold(recipe.members)
    offset = np.array([members[fold[i]].slates[i] for i in range(len(fold))])
    return Trained(_network(start, run.kept), offset, tuple(run.losses), run.best, run.ended)


def soft_value(values: Tensor, log_prior: Tensor, alpha: float) -> Tensor:
    """V = alpha log sum_c exp(log_prior_c + Q_c / alpha) over the last axis.

    Args:
        values: Q of the candidates and of the void case, in [0, 1].
        log_prior: log mu0 of the same; its exponentials sum to one.
        alpha: above 0; towards 0 this becomes the largest value.
    """
    return alpha * torch.logsumexp(log_prior + values / alpha, dim=-1)


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


class _Run:
    """A training under way: what changes from pass to pass, and nothing else, is saved."""

    def __init__(self, episodes: Episodes, recipe: Recipe, seed: int, plan: Plan, parts: Parts) -> None:
        self.recipe, self.seed, self.plan = recipe, seed, plan
        self.parts = parts
        self.kept = _copied(parts)
        self.optimizer = torch.optim.AdamW(list(parts.values()), lr=recipe.rate, weight_decay=recipe.decay)
        self.passes, self.best, self.ended = 0, 0, ""
        self.losses: list[float] = []
        self._episodes = episodes
        used = np.flatnonzero(plan.share.sum(0).numpy() + plan.judged.sum(0).numpy() > 0)
        self._places = used
        known = np.flatnonzero(episodes.known & (episodes.following >= 0))
        self._followed = known[np.isin(known, used)]
        self._reward = torch.from_numpy(np.nan_to_num(episodes.reward).astype(np.float32))

    def one_pass(self) -> None:
        """Go over the log once, in an order that depends on the seed and the number of the pass alone."""
        targets = self._targets()
        if not self.losses:
            self._judge(targets)
        order = np.random.default_rng([self.seed, 1 + self.passes]).permutation(self._places)
        for i in range(0, len(order), self.recipe.batch):
            places = order[i : i + self.recipe.batch]
            self.optimizer.zero_grad()
            loss = self._loss(places, targets, self.plan.share).sum() / self.plan.share[:, places].sum().clamp(min=1)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        self.passes += 1
        self._judge(targets)
        if self.passes - self.best >= self.recipe.patience:
            self.ended = "converged"
        elif self.passes == self.recipe.epochs:
            self.ended = "all passes done"

    def save(self, file: Path, mark: str) -> None:
        """Write how far it is, in one step."""
        state = {
            "parts": self.parts,
            "kept": self.kept,
            "optimizer": self.optimizer.state_dict(),
            "numbers": [self.passes, self.best],
            "losses": self.losses,
            "ended": self.ended,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        partial = file.with_name(file.name + ".partial")
        partial.write_bytes(_sealed(mark, buffer.getvalue()))
        os.replace(partial, file)

    def resume(self, file: Path, mark: str) -> None:
        """Go on from what was saved, if it is of this very training."""
        if (data := _unsealed(mark, file)) is None:
            return
        state = torch.load(io.BytesIO(data), weights_only=True)
        with torch.no_grad():
            for name, part in self.parts.items():
                part.copy_(state["parts"][name])
        self.kept, self.losses, self.ended = state["kept"], state["losses"], state["ended"]
        self.passes, self.best = state["numbers"]
        self.optimizer.load_state_dict(state["optimizer"])
        _log.info("going on after pass %d of %d", self.passes, self.recipe.epochs)

    def _judge(self, targets: Tensor) -> None:
        with torch.no_grad():
            steps = range(0, len(self._places), 4 * self.recipe.batch)
            parts = [self._loss(self._places[i : i + 4 * self.recipe.batch], targets, self.plan.judged) for i in steps]
            loss = float(sum(part.sum() for part in parts) / self.plan.judged.sum())
        if not self.losses or loss < min(self.losses):
            self.best, self.kept = self.passes, _copied(self.parts)
        self.losses.append(loss)

    def _loss(self, places: Numbers, targets: Tensor, share: Tensor) -> Tensor:
        """Weighted cross-entropies of these slates under every member, shape (k, number of slates)."""
        rows = rows_of(self._episodes, places)
        rows = rows[self._episodes.credit[rows] > 0]
        local = np.empty(len(self._episodes.keys), np.int64)
        local[places] = np.arange(len(places))
        advantage = self.plan.linear[:, rows] + outputs(self.parts, self.plan, self._episodes, rows)
        logit = self.plan.base[:, places].clone()
        where = torch.from_numpy(local[self._episodes.owner[rows]])
        logit = logit.index_add(1, where, self.plan.credit[rows] * advantage)
        each = torch.nn.functional.binary_cross_entropy_with_logits(logit, targets[:, places], reduction="none")
        return each * share[:, places]

    def _targets(self) -> Tensor:
        """y of every episode for every member, shape (k, n)."""
        targets = self._reward.repeat(self.recipe.members, 1)
        with torch.no_grad():
            for i in self._followed.tolist():
                after = int(self._episodes.following[i])
                value = self._value(after)
                targets[:, i] = (self._reward[i] + self.recipe.gamma * value).clamp(max=1)
        return targets

    def _value(self, place: int) -> Tensor:
        """V of an episode's task for every member, shape (k,)."""
        rows = rows_of(self._episodes, np.array([place]))
        advantage = self.plan.linear[:, rows] + outputs(self.parts, self.plan, self._episodes, rows)
        base = self.plan.base[:, place : place + 1]
        values = torch.sigmoid(torch.cat([base + advantage, base], dim=1))
        prior = np.append(self._episodes.prior[rows], self._episodes.void[place])
        prior -= np.logaddexp.reduce(prior)  # the candidates that were not kept are missing
        return soft_value(values, torch.from_numpy(prior.astype(np.float32)), self.recipe.alpha)


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


def _plan(episodes: Episodes, chosen: Flags, members: list[LinearModel], start: Network, at: int) -> Plan:
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


def _fresh(episodes: Episodes, chosen: Flags, recipe: Recipe, at: int, seed: int) -> Network:
    """A committee that says nothing yet: projections on the embeddings' main directions, outputs of zero."""
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


def _trainable(network: Network) -> Parts:
    return {name: torch.from_numpy(getattr(network, name).copy()).requires_grad_() for name in _TRAINED}


def _copied(parts: Parts) -> Parts:
    return {name: part.detach().clone() for name, part in parts.items()}


def _network(start: Network, parts: Parts) -> Network:
    return replace(start, **{name: part.numpy() for name, part in parts.items()})


def _sealed(mark: str, content: bytes) -> bytes:
    """The content behind what tells whose it is and that all of it is there."""
    return _seal(mark, content) + content


def _unsealed(mark: str, file: Path) -> bytes | None:
    """The content of a checkpoint; None where there is none, or it is another training's or damaged."""
    if not file.exists():
        return None
    data = file.read_bytes()
    seal, content = data[:_SEAL], data[_SEAL:]
    if seal == _seal(mark, content):
        return content
    _log.info("the checkpoint %s is of another training; this one starts anew", file)
    return None


def _seal(mark: str, content: bytes) -> bytes:
    return hashlib.sha256(f"{torch.__version__} {mark} ".encode() + content).digest()
