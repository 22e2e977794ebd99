"""The episode log as training data: slates with what became of them, grouped by task, oldest first."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memento_memory.selection.credit import credit
from memento_memory.selection.prior import log_prior
from memento_memory.store.decisions import Logged
from memento_memory.text import normalised

if TYPE_CHECKING:
    from memento_memory.selection.network import Network

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

SEEN = 16  # candidates kept of an episode: those shown, then the most similar others


@dataclass(frozen=True, slots=True)
class Episodes:
    """n episodes, oldest first, with N candidates in all, and the u cases they are of.

    Attributes:
        keys: of the episodes, shape (n,).
        group: equal numbers for equal tasks, in the order in which tasks first appear, shape (n,).
        digest: a number drawn from the task's text, which assigns it to a member of the committee, shape (n,).
        reward: in [0, 1]; nan where the outcome is not known, shape (n,).
        evidence: how much the outcome counts, 0 where it is not known, shape (n,).
        following: place of the next attempt at the same task, -1 where there was none, shape (n,).
        task: psi(s), shape (n, m).
        vector: of the task, shape (n, e); 0 where there is none.
        void: log mu0 of the void case, shape (n,).
        start: episode i has the candidates start[i] to start[i + 1] - 1; shape (n + 1,).
        owner: the episode of each candidate, shape (N,).
        pair: phi(s, c), shape (N, d), with 0 for the trained network.
        credit: w_c, 0 for those not shown, shape (N,).
        prior: log mu0, shape (N,).
        case: the candidate's row in the vectors below, shape (N,).
        case_ids: names of the cases, u of them.
        vectors, plan_vectors: of the cases' tasks and plans, shape (u, e), rows of nan where there is none.
    """

    keys: Numbers
    group: Numbers
    digest: Numbers
    reward: Floats
    evidence: Floats
    following: Numbers
    task: Floats
    vector: Singles
    void: Floats
    start: Numbers
    owner: Numbers
    pair: Floats
    credit: Floats
    prior: Floats
    case: Numbers
    case_ids: tuple[str, ...]
    vectors: Singles
    plan_vectors: Singles

    @property
    def known(self) -> Flags:
        """Which outcomes are known, shape (n,)."""
        return self.evidence > 0

    def design(self, column: Floats | None = None, at: int = -1) -> Floats:
        """The rows of the additive slate model, [psi(s), sum_c w_c phi(s, c)], shape (n, m + d).

        Args:
            column: the trained network's feature for every candidate, shape (N,); None leaves it 0.
            at: its place among the pair features.
        """
        pair = self.candidates(column, at)
        slates = np.zeros((len(self.keys), pair.shape[1]))
        np.add.at(slates, self.owner, self.credit[:, None] * pair)
        return np.concatenate([self.task, slates], axis=1)

    def candidates(self, column: Floats | None = None, at: int = -1) -> Floats:
        """phi(s, c) with the trained network's feature in its place, shape (N, d)."""
        pair = self.pair.copy()
        pair[:, at] = 0.0 if column is None else column
        return pair

    def opinions(self, network: Network, at: int, *, honest: Flags) -> Floats:
        """The network's feature for every candidate, shape (N,); 0 where embeddings have another dimension than its.

        Args:
            honest: episodes on which only the member that left their task out is asked, shape (n,).
        """
        if not {self.vector.shape[1], self.vectors.shape[1]} <= {network.dimension}:
            return np.zeros(len(self.pair))
        pair = np.delete(self.pair, at, axis=1)
        raw = np.empty(len(pair))
        for i in range(0, len(pair), 8192):
            rows = slice(i, i + 8192)
            owner, case = self.owner[rows], self.case[rows]
            said = network.members(pair[rows], self.vector[owner], self.vectors[case], self.plan_vectors[case])
            alone = said[self.fold(len(said))[owner], np.arange(len(owner))]
            raw[rows] = np.where(honest[owner], alone, said.mean(0))
        seen = np.any(self.vector != 0, axis=1)[self.owner]
        return np.where(seen, network.curve(raw), 0.0)

    @property
    def fingerprint(self) -> str:
        """Equal for equal data."""
        digest = hashlib.sha256()
        for part in (self.keys, self.reward, self.evidence, self.following, self.task, self.vector, self.pair):
            digest.update(np.ascontiguousarray(part).tobytes())
        for part in (self.start, self.case, self.credit, self.vectors, self.plan_vectors):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def fold(self, members: int) -> Numbers:
        """The member of the committee that is trained without each episode, shape (n,)."""
        return np.asarray(self.digest % members, np.int64)


def gather(
    log: Iterable[Logged], schema: str, most: int, *, until: float = math.inf, dimension: int | None = None
) -> Episodes:
    """Read the newest episodes of a log, without the vectors of their cases.

    Args:
        log: oldest first.
        schema: names of the features; episodes logged with others are left out.
        most: so many at most.
        until: what happened later, in seconds since the epoch, is not looked at.
        dimension: of the embeddings; those of another count as missing. By default the largest there is.
    """
    kept: deque[_Episode] = deque(maxlen=most)
    for entry in log:
        if entry.decision.candidates.schema == schema and entry.created_at <= until:
            kept.append(_Episode.of(entry, until))
    return _assembled(list(kept), dimension)


def with_vectors(episodes: Episodes, vectors: Singles, plan_vectors: Singles) -> Episodes:
    """The same episodes with the vectors of `case_ids`, shape (u, e) each, rows of nan where there is none.

    Tasks whose vectors have another dimension have none.
    """
    e = vectors.shape[1]
    task = episodes.vector if episodes.vector.shape[1] == e else np.zeros((len(episodes.keys), e), np.float32)
    return replace(episodes, vector=task, vectors=vectors, plan_vectors=plan_vectors)


@dataclass(frozen=True, slots=True)
class _Episode:
    """What is kept of one episode, compactly: a long log is read once and must fit into memory."""

    key: int
    task_name: tuple[str, str, str]
    reward: float
    evidence: float
    previous: int | None
    task: Singles
    vector: Singles
    void: float
    pair: Singles
    credit: Floats
    prior: Floats
    case_ids: tuple[str, ...]

    @classmethod
    def of(cls, entry: Logged, until: float) -> _Episode:
        decision, candidates = entry.decision, entry.decision.candidates
        prior, void = log_prior(candidates.similarity, threshold=decision.threshold)
        shown = list(decision.drawn)
        others = [i for i in np.argsort(-candidates.similarity, kind="stable").tolist() if i not in shown]
        seen = (shown + others)[: max(SEEN, len(shown))]
        weights = np.zeros(len(seen))
        weights[: len(shown)] = credit(entry.used)
        in_time = entry.recorded_at is not None and entry.recorded_at <= until
        outcome = entry.outcome if in_time and not entry.only_warned else None
        reward = outcome.reward if outcome else None
        return cls(
            key=entry.key,
            task_name=(entry.namespace, normalised(entry.task.text), normalised(entry.task.context)),
            reward=np.nan if reward is None else reward,
            evidence=0.0 if outcome is None or reward is None else outcome.evidence.weight,
            previous=entry.previous,
            task=candidates.task.astype(np.float32),
            vector=decision.vector.astype(np.float32),
            void=void,
            pair=candidates.pair[seen].astype(np.float32),
            credit=weights,
            prior=prior[seen],
            case_ids=tuple(candidates.case_ids[i] for i in seen),
        )


def _assembled(kept: Sequence[_Episode], dimension: int | None) -> Episodes:
    groups: dict[tuple[str, str, str], int] = {}
    task_of: dict[int, tuple[str, str, str]] = {}
    for episode in kept:  # what is known so far is part of a later state, but the task is still the first one's
        before = task_of.get(episode.previous) if episode.previous is not None else None
        task_of[episode.key] = before or episode.task_name
    cases: dict[str, int] = {}
    place = {episode.key: i for i, episode in enumerate(kept)}
    following = np.full(len(kept), -1, np.int64)
    for i, episode in enumerate(kept):
        if episode.previous is not None and episode.previous in place:
            following[place[episode.previous]] = i
    lengths = [len(episode.case_ids) for episode in kept]
    e = max((len(episode.vector) for episode in kept), default=0) if dimension is None else dimension
    group = np.array([groups.setdefault(task_of[episode.key], len(groups)) for episode in kept], np.int64)
    digests = np.array([zlib.crc32("\n".join(name).encode()) for name in groups], np.int64)
    case = np.array([cases.setdefault(name, len(cases)) for one in kept for name in one.case_ids], np.int64)
    nothing = np.full((len(cases), e), np.nan, np.float32)
    return Episodes(
        keys=np.array([episode.key for episode in kept], np.int64),
        group=group,
        digest=digests[group],
        reward=np.array([episode.reward for episode in kept]),
        evidence=np.array([episode.evidence for episode in kept]),
        following=following,
        task=_stacked([episode.task[None] for episode in kept]),
        vector=np.array([_padded(episode.vector, e) for episode in kept], np.float32).reshape(len(kept), e),
        void=np.array([episode.void for episode in kept]),
        start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        owner=np.repeat(np.arange(len(kept)), lengths),
        pair=_stacked([episode.pair for episode in kept]),
        credit=_joined([episode.credit for episode in kept]),
        prior=_joined([episode.prior for episode in kept]),
        case=case,
        case_ids=tuple(cases),
        vectors=nothing,
        plan_vectors=nothing,
    )


def _padded(vector: Singles, e: int) -> Singles:
    return vector if len(vector) == e else np.zeros(e, np.float32)


def _stacked(parts: Sequence[Singles]) -> Floats:
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros((0, 0))


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)


@dataclass(frozen=True, slots=True)
class Split:
    """Which episodes to learn from, and on which to judge what was learned, shape (n,) each; no task is in both."""

    train: Flags
    holdout: Flags


def split(episodes: Episodes, share: float) -> Split:
    """Hold out the newest tasks: every one of them was first met after all tasks that are learned from.

    Args:
        share: of the tasks with known outcomes, in (0, 1).
    """
    tasks = np.unique(episodes.group[episodes.known])  # numbered by first appearance
    newest = tasks[len(tasks) - round(share * len(tasks)) :]
    held = np.isin(episodes.group, newest)
    return Split(episodes.known & ~held, episodes.known & held)


def rows_of(episodes: Episodes, places: Numbers) -> Numbers:
    """The candidates of these episodes, in order."""
    bounds = [np.arange(episodes.start[i], episodes.start[i + 1]) for i in places]
    return np.concatenate(bounds) if bounds else np.zeros(0, np.int64)
