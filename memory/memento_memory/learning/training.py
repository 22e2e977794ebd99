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

import io
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from memento_memory.dataset import Episodes, Flags, Floats, Numbers, rows_of
from memento_memory.learning import checkpoint
from memento_memory.learning.committee import (
    LinearModel,
    Parts,
    Plan,
    copied,
    fresh,
    network_of,
    outputs,
    plan_of,
    trainable,
)
from memento_memory.learning.recipe import Recipe
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.network import Network

Tick = Callable[[int, int], None]

_SAVE_EVERY_S = 1.0
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


def train(
    episodes: Episodes,
    chosen: Flags,
    prior: LastLayer,
    recipe: Recipe,
    *,
    at: int,
    seed: int = 0,
    saved_as: Path | None = None,
    tick: Tick | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Train a committee; the same episodes, recipe and seed always give the same bytes, interrupted or not.

    Args:
        chosen: which episodes to learn from, shape (n,), with known outcomes only.
        prior: the last layer before any outcome.
        at: place of the network's feature among the pair features.
        saved_as: where to write how far it is, and to go on from if it is there.
        tick: called with (passes done, passes at most).
    """
    torch.set_num_threads(1)  # sums over threads come out differently with their number
    torch.use_deterministic_algorithms(True)
    members = [LinearModel.fitted(episodes, chosen, prior, recipe.members, i) for i in range(recipe.members)]
    start = fresh(episodes, chosen, recipe, at, seed)
    run = _Run(episodes, recipe, seed, plan_of(episodes, chosen, members, start, at), trainable(start))
    end = clock() + recipe.limit_s
    saved = clock()
    mark = f"{torch.__version__} {json.dumps(asdict(recipe))} {seed} {chosen.sum()} {episodes.fingerprint}"
    if saved_as is not None:
        run.resume(saved_as, mark)
    while not run.ended:
        if tick:
            tick(run.passes, recipe.epochs)
        run.one_pass()
        if clock() > end and not run.ended:
            run.ended = "out of time"
        if saved_as is not None and clock() - saved > _SAVE_EVERY_S:
            run.save(saved_as, mark)
            saved = clock()
    if tick:
        tick(recipe.epochs, recipe.epochs)
    fold = episodes.fold(recipe.members)
    offset = np.array([members[fold[i]].slates[i] for i in range(len(fold))])
    return Trained(network_of(start, run.kept), offset, tuple(run.losses), run.best, run.ended)


def soft_value(values: Tensor, log_prior: Tensor, alpha: float) -> Tensor:
    """V = alpha log sum_c exp(log_prior_c + Q_c / alpha) over the last axis.

    Args:
        values: Q of the candidates and of the void case, in [0, 1].
        log_prior: log mu0 of the same; its exponentials sum to one.
        alpha: above 0; towards 0 this becomes the largest value.
    """
    return alpha * torch.logsumexp(log_prior + values / alpha, dim=-1)


class _Run:
    """A training under way: what changes from pass to pass, and nothing else, is saved."""

    def __init__(self, episodes: Episodes, recipe: Recipe, seed: int, plan: Plan, parts: Parts) -> None:
        self.recipe, self.seed, self.plan = recipe, seed, plan
        self.parts = parts
        self.kept = copied(parts)
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
        checkpoint.write(file, mark, buffer.getvalue())

    def resume(self, file: Path, mark: str) -> None:
        """Go on from what was saved, if it is of this very training."""
        if (data := checkpoint.read(file, mark)) is None:
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
            self.best, self.kept = self.passes, copied(self.parts)
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
