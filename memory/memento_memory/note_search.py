"""Finding the passages of notes that bear on a task: words and embeddings together, as cases are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from memento_memory.embedding.embedder import ModelInfo
from memento_memory.passages import Piece
from memento_memory.selection.fusion import Scores, fuse
from memento_memory.selection.lexical import BankWords, Wording, words
from memento_memory.text import cut

# Found on 63 tasks for three sets of real documentation (121 to 1,643 passages), and on tasks that are not for them.
DENSE_WEIGHT = 0.6
USEFUL_FROM = 0.37  # below this similarity a passage has nothing to do with the task
USEFUL_FROM_BY_WORDS = 0.5  # the same for a passage without a vector

_CANDIDATES = 50  # of each leg that are compared by both


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of a note that bears on a task.

    Attributes:
        note: the note's name.
        heading: titles of the sections it lies in, joined by " > ".
        similarity: to the task, in [0, 1].
    """

    note: str
    heading: str
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Shelf:
    """The passages of some namespaces, ready to be compared with a task."""

    changes: int
    pieces: list[tuple[str, Piece]] = field(default_factory=list)
    by_word: dict[str, NDArray[np.intp]] = field(default_factory=dict)  # folded word → the passages that have it
    mean_words: float = 1.0
    by_model: dict[str, tuple[NDArray[np.intp], NDArray[np.float32]]] = field(default_factory=dict)

    @classmethod
    def of(cls, changes: int, rows: Sequence[tuple[str, Piece, str, bytes | None]]) -> Shelf:
        total, found, embedded = 0, dict[str, list[int]](), dict[str, list[int]]()
        for at, (_, piece, model, vector) in enumerate(rows):
            in_order = words(piece.whole)
            total += len(in_order)
            for word in set(in_order):
                found.setdefault(word, []).append(at)
            if vector is not None:
                embedded.setdefault(model, []).append(at)
        return cls(
            changes,
            [(note, piece) for note, piece, _, _ in rows],
            {word: np.array(places) for word, places in found.items()},
            max(total, 1) / max(len(rows), 1),
            {model: (np.array(places), _matrix([rows[at][3] for at in places])) for model, places in embedded.items()},
        )

    def rank(self, state: str, asked: tuple[NDArray[np.float32], ModelInfo] | None) -> list[Passage]:
        """Passages above the threshold, best first, and each text once."""
        wording = Wording(state, BankWords(len(self.pieces), self.mean_words, self._frequency))
        cosine = self._cosine(asked)
        near = self._candidates(cosine, self._shared(state, wording))
        lexical = wording.similarity([self.pieces[at][1].whole for at in near])
        similarity = fuse(cosine[near], lexical, dense_weight=DENSE_WEIGHT)
        enough = similarity >= np.where(np.isnan(cosine[near]), USEFUL_FROM_BY_WORDS, USEFUL_FROM)
        best: dict[Piece, Passage] = {}
        for at in np.argsort(-similarity, kind="stable"):
            if enough[at]:
                note, piece = self.pieces[near[at]]
                best.setdefault(piece, Passage(note, piece.heading, piece.text, float(similarity[at])))
        return list(best.values())

    def _cosine(self, asked: tuple[NDArray[np.float32], ModelInfo] | None) -> Scores:
        """Cosines with all passages, shape (n,); nan for those without a vector of the same model."""
        cosine = np.full(len(self.pieces), np.nan)
        if asked is not None and (held := self.by_model.get(asked[1].weights_hash)):
            cosine[held[0]] = held[1] @ asked[0]
        return cosine

    def _shared(self, state: str, wording: Wording) -> Scores:
        """How telling the words are that each passage shares with the task, shape (n,)."""
        shared = np.zeros(len(self.pieces))
        for word in dict.fromkeys(words(state)):
            if (places := self.by_word.get(word)) is not None:
                shared[places] += wording.rarity(word)
        return shared

    def _candidates(self, cosine: Scores, shared: Scores) -> NDArray[np.intp]:
        """The passages nearest on either leg, in their order, shape (m,)."""
        legs = (np.where(np.isnan(cosine), -1.0, cosine), shared)
        return np.unique(np.concatenate([np.argsort(-leg, kind="stable")[:_CANDIDATES] for leg in legs]))

    def _frequency(self, word: str) -> int:
        places = self.by_word.get(word)
        return 0 if places is None else len(places)


def _matrix(vectors: Sequence[bytes | None]) -> NDArray[np.float32]:
    """Vectors of one model as a matrix, shape (n, d)."""
    return np.frombuffer(b"".join(vector for vector in vectors if vector), np.float32).reshape(len(vectors), -1)


def fitting(ranked: Sequence[Passage], k: int, max_chars: int) -> tuple[Passage, ...]:
    """The best that fit together; the best of all is cut where it alone is too long."""
    found: list[Passage] = []
    left = max_chars
    for passage in ranked:
        length = len(passage.heading) + len(passage.text)
        if len(found) >= k:
            break
        if length <= left:
            found.append(passage)
            left -= length
        elif not found:
            return (replace(passage, text=cut(passage.text, max(left - len(passage.heading), 0))),)
    return tuple(found)
