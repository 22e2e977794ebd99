"""The trained part of the value model: a committee of small networks that looks at what tasks and plans mean.

Each member sees the pair's features and low-rank views of three embeddings, the task's s, the case's task's t and the
case's plan's p, under one projection P it has learned:

    x = [phi(s, c),  Ps * Pt,  |Ps - Pt|,  Ps * Pp,  |Ps - Pp|],      a(s, c) = o . tanh(H x + h)

The members' mean goes through a monotone curve, found when the committee was calibrated, and is the feature `network`
of the last layer. Every member was trained without a share of the tasks, so that there is an honest opinion on each
task that was trained on: that of the one member which left it out. Inference needs NumPy alone.
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from memento_memory.errors import BankError

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

VIEWS = 4
LIMIT = 4.0  # features further than this from their mean, in standard deviations, count as this far

_MAGIC = b"MNN1"
_HEAD = struct.Struct("<4s6I")
_CHUNK = 8192
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Network:
    """A committee of k members over d features and embeddings of dimension e, with projections of rank r.

    Attributes:
        centre, scale: mean and standard deviation of the features in training, shape (d,).
        projection: P, shape (k, e, r).
        hidden, bias: H and h, shapes (k, d + 4 r, n) and (k, n).
        output: o, shape (k, n).
        knots: the curve from the members' mean to the feature, shape (2, m), the first row increasing, the second not
            decreasing; constant beyond its ends.
    """

    centre: Singles
    scale: Singles
    projection: Singles
    hidden: Singles
    bias: Singles
    output: Singles
    knots: Singles

    @property
    def dimension(self) -> int:
        """Of the embeddings it looks at."""
        return int(self.projection.shape[1])

    def advantage(self, pair: Floats, vector: Singles, vectors: Singles, plan_vectors: Singles) -> Floats:
        """The feature `network` for n cases.

        Args:
            pair: phi(s, c) without the feature itself, shape (n, d).
            vector: unit embedding of the task, shape (e,), or one for each case, shape (n, e).
            vectors, plan_vectors: of the cases' tasks and plans, shape (n, e); rows of nan where there is none.

        Returns:
            Shape (n,); 0 where the embeddings are of another dimension than those it was trained on.
        """
        if not {vector.shape[-1], vectors.shape[1], plan_vectors.shape[1]} <= {self.dimension}:
            return np.zeros(len(pair))
        return self.curve(self.members(pair, vector, vectors, plan_vectors).mean(0))

    def members(self, pair: Floats, vector: Singles, vectors: Singles, plan_vectors: Singles) -> Floats:
        """a(s, c) of each member, shape (k, n); arguments as for `advantage`."""
        task = np.atleast_2d(vector)
        parts = []
        for at in range(0, len(pair), _CHUNK):
            rows = slice(at, at + _CHUNK)
            here = task if len(task) == 1 else task[rows]
            parts.append(self._members(pair[rows], here, vectors[rows], plan_vectors[rows]))
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(self.output), 0))

    def curve(self, raw: Floats) -> Floats:
        """Calibrated values for what the members say, of any shape."""
        return np.asarray(np.interp(raw, self.knots[0], self.knots[1]))

    def to_bytes(self) -> bytes:
        """All of it, little-endian; the same network always gives the same bytes."""
        k, e, r = self.projection.shape
        head = _HEAD.pack(_MAGIC, k, e, r, len(self.centre), self.bias.shape[1], self.knots.shape[1])
        return head + b"".join(getattr(self, field.name).astype("<f4").tobytes() for field in fields(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> Network:
        """Read what `to_bytes` wrote.

        Raises:
            BankError: if it is something else.
        """
        if len(data) < _HEAD.size or data[:4] != _MAGIC:
            raise BankError("the stored network is not in a format this version reads; run `memento learn`")
        _, k, e, r, d, n, m = _HEAD.unpack_from(data)
        shapes = [(d,), (d,), (k, e, r), (k, d + VIEWS * r, n), (k, n), (k, n), (2, m)]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        if len(data) != _HEAD.size + 4 * int(ends[-1]):
            raise BankError(f"the stored network is cut short ({len(data)} bytes); run `memento learn`")
        numbers = np.frombuffer(data, "<f4", offset=_HEAD.size).astype(np.float32)
        if not np.all(np.isfinite(numbers)):
            raise BankError("the stored network is damaged; run `memento learn`")
        parts = np.split(numbers, ends[:-1])
        return cls(*(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))

    def _members(self, pair: Floats, task: Singles, vectors: Singles, plan_vectors: Singles) -> Floats:
        ours, theirs = task @ self.projection, _known(vectors) @ self.projection
        plans = _known(plan_vectors) @ self.projection
        features = standardised(pair, self.centre, self.scale)
        shape = (len(self.output), *features.shape)
        views = [np.broadcast_to(features, shape)]
        for other, source in ((theirs, vectors), (plans, plan_vectors)):
            there = has_vector(source)[:, None]
            views += [ours * other * there, np.abs(ours - other) * there]
        hidden = np.tanh(np.concatenate(views, axis=2) @ self.hidden + self.bias[:, None])
        return np.asarray((hidden @ self.output[:, :, None])[..., 0], np.float64)


def readable(data: bytes | None) -> Network | None:
    """The stored network; None where there is none, or it is damaged, which is logged."""
    try:
        return None if data is None else Network.from_bytes(data)
    except BankError as error:
        _log.warning("going on without the trained network: %s", error)
        return None


def standardised(pair: Floats, centre: Singles, scale: Singles) -> Singles:
    """Features in standard deviations from their mean, at most `LIMIT` away."""
    return np.clip((pair - centre) / scale, -LIMIT, LIMIT).astype(np.float32)


def has_vector(vectors: Singles) -> Singles:
    """1 where there is an embedding and 0 where its row is nan, shape (n,)."""
    return (~np.isnan(vectors[:, 0])).astype(np.float32) if vectors.size else np.zeros(len(vectors), np.float32)


def _known(vectors: Singles) -> Singles:
    return np.nan_to_num(vectors, nan=0.0)
