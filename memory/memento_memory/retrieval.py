"""Retrieve: from a task to the cases worth showing for it.

Candidates come from two legs, dense and lexical; both scores are known for every candidate and fused under the weight
that suits the bank (see selection/fusion.py). The slate is chosen among them by prior, value and policy.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Case, Outcome, Slate, Task
from memento_memory.selection import fusion
from memento_memory.selection.lexical import BankWords, Wording
from memento_memory.selection.slate import browse, choose
from memento_memory.store import cases, meta, vectors, words
from memento_memory.store.query import fetch_all

if TYPE_CHECKING:
    from memento_memory.desk import Desk
    from memento_memory.store.codes import CodeCopy

CANDIDATES = 64
_FILTERED_CANDIDATES = 512
_PROBES = 400
_READ_A_PLACE, _FEWEST_READ = 8, 32  # candidates read for each place on the slate, and at least
_FIRST_CALIBRATION = 16
_REACH = 0.1  # how far below the threshold a case may be for its value to bring it in

Scores = NDArray[np.float64]
Vector = NDArray[np.float32]
Embedded = Callable[[], Vector | None]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for, and among which cases.

    Attributes:
        outcome: only cases with this outcome.
        tags: only cases with all of these.
        browse: rank by similarity alone, whatever is found.
        tools: names of the tools at hand, or None where that is not known.
    """

    task: Task
    namespaces: tuple[str, ...]
    k: int = 4
    outcome: Outcome | None = None
    tags: tuple[str, ...] = ()
    browse: bool = False
    tools: frozenset[str] | None = None

    @property
    def is_filtered(self) -> bool:
        return self.outcome is not None or bool(self.tags)

    def admits(self, case: Case) -> bool:
        """Whether a case passes the filters."""
        return (self.outcome is None or case.result.outcome is self.outcome) and set(self.tags) <= set(case.tags)


@dataclass(frozen=True, slots=True)
class Legs:
    """Candidates with both scores, arrays of shape (n,); cosine is nan where there is no vector.

    Attributes:
        vector: embedding of the task; without it words alone took part.
        wording: of the task, among the words of the bank.
    """

    keys: list[int]
    cosine: Scores
    lexical: Scores
    vector: Vector | None
    wording: Wording

    @property
    def is_hybrid(self) -> bool:
        return self.vector is not None


def retrieve(db: apsw.Connection, query: Query, embedded: Embedded, copy: CodeCopy | None, desk: Desk) -> Slate:
    """Choose the slate for a task; run it inside a read transaction.

    Args:
        embedded: gives the task's embedding, or None to compare by words only; called once, when it is needed.
    """
    limit = _FILTERED_CANDIDATES if query.is_filtered else CANDIDATES
    legs = search(db, query.task.state, embedded, query.namespaces, limit, copy)
    similarity = fusion.fuse(legs.cosine, legs.lexical, dense_weight=dense_weight(db, query.namespaces))
    ranking = "hybrid" if legs.is_hybrid else "lexical"
    threshold = fusion.USEFUL_FROM if legs.is_hybrid else fusion.USEFUL_FROM_BY_WORDS
    best = np.argsort(-similarity, kind="stable")
    if query.browse and not query.is_filtered:
        best = best[: query.k]
    elif not query.browse:
        # Reading a case takes longer than finding it, so those too far for any value to bring them in are not read.
        # The same task in other characters than ASCII may look far, to words and model alike.
        least = threshold - _REACH if query.task.state.isascii() else 0.0
        best = best[: max(_READ_A_PLACE * query.k, _FEWEST_READ)]
        best = best[similarity[best] >= least]
    found = cases.by_keys(db, [legs.keys[i] for i in best])
    kept = [i for i in best.tolist() if legs.keys[i] in found]
    if query.browse:
        kept = [i for i in kept if query.admits(found[legs.keys[i]])][: query.k]
    sight = desk.sight(
        db,
        query.task,
        [(legs.keys[i], found[legs.keys[i]]) for i in kept],
        similarity[kept],
        legs.cosine[kept],
        legs.vector,
        threshold=threshold,
        namespaces=query.namespaces,
        rarity=legs.wording.rarity,
        tools=query.tools,
    )
    chooser = desk.chooser(db)
    if query.browse:
        return browse(sight, chooser, ranking=ranking)
    return choose(sight, chooser, k=query.k, ranking=ranking, admits=query.admits)


def search(
    db: apsw.Connection,
    state: str,
    embedded: Embedded,
    namespaces: Sequence[str],
    limit: int,
    copy: CodeCopy | None,
    bank: BankWords | None = None,
) -> Legs:
    """Candidates of both legs, each with both scores; words are looked up while the embedding is under way."""
    bank = bank or words.bank_words(db)
    wording = Wording(state, bank)
    told = words.nearest(db, state, namespaces, limit, bank)
    lexical = _scored(db, wording, told)
    if copy is not None:
        copy.refresh(db)
    vector = embedded()
    near = {} if vector is None else dict(vectors.nearest(db, vector, namespaces, limit, copy))
    lexical |= _scored(db, wording, [key for key in near if key not in lexical])
    keys = [key for key in dict.fromkeys([*near, *told]) if key in lexical]
    if vector is not None and len(near) < len(keys):
        others, matrix = vectors.of_cases(db, [key for key in keys if key not in near], copy)
        near |= dict(zip(others, (matrix @ vector).tolist(), strict=True)) if others else {}
    return Legs(
        keys,
        np.array([near.get(key, np.nan) for key in keys], np.float64),
        np.array([lexical[key] for key in keys], np.float64),
        vector,
        wording,
    )


def _scored(db: apsw.Connection, wording: Wording, keys: Sequence[int]) -> dict[int, float]:
    states = cases.states(db, keys) if keys else {}
    return dict(zip(states, wording.similarity(list(states.values())).tolist(), strict=True))


def dense_weight(db: apsw.Connection, namespaces: Sequence[str]) -> float:
    """The weight of the dense leg that was found for these namespaces, or the default."""
    found = [float(text.split()[0]) for name in namespaces if (text := meta.get(db, _weight_name(name)))]
    return sum(found) / len(found) if found else fusion.DEFAULT_DENSE_WEIGHT


def stale_weights(db: apsw.Connection) -> list[str]:
    """Namespaces whose cases have doubled since their weight was found."""
    counts = fetch_all(db, "SELECT namespace, count(*) FROM case_vectors GROUP BY namespace")
    return [name for name, count in counts if count >= max(_FIRST_CALIBRATION, 2 * _weighed_at(db, name))]


def find_dense_weight(db: apsw.Connection, namespace: str, copy: CodeCopy | None) -> tuple[float, int]:
    """Let a sample of a namespace's cases be queries, and find under which weight like tasks have like plans.

    Returns:
        The weight, and the number of cases it was found for.
    """
    keys = [key for (key,) in fetch_all(db, "SELECT case_key FROM case_vectors WHERE namespace = ?", (namespace,))]
    drawn = random.Random(0).sample(keys, min(_PROBES, len(keys)))
    bank = words.bank_words(db)
    probes = [probe for key in drawn if (probe := _probe(db, key, namespace, copy, bank))]
    return fusion.estimate_dense_weight(probes), len(keys)


def put_dense_weight(db: apsw.Connection, namespace: str, weight: float, cases_seen: int) -> None:
    """Write down a weight and for how many cases it was found."""
    meta.put(db, _weight_name(namespace), f"{weight} {cases_seen}")


def _probe(
    db: apsw.Connection, key: int, namespace: str, copy: CodeCopy | None, bank: BankWords
) -> fusion.Probe | None:
    _, matrix = vectors.of_cases(db, [key])
    own = cases.by_keys(db, [key]).get(key)
    if own is None or not len(matrix):
        return None
    legs = search(db, own.task.state, lambda: matrix[0], (namespace,), CANDIDATES, copy, bank)
    found = cases.by_keys(db, legs.keys)
    kept = [i for i, other in enumerate(legs.keys) if other in found and not found[other].task.is_same_as(own.task)]
    plans = [found[legs.keys[i]].plan.text() for i in kept]
    return fusion.Probe(legs.cosine[kept], legs.lexical[kept], fusion.plan_agreement(own.plan.text(), plans))


def _weight_name(namespace: str) -> str:
    return f"dense_weight:{namespace}"


def _weighed_at(db: apsw.Connection, namespace: str) -> int:
    text = meta.get(db, _weight_name(namespace))
    return int(text.split()[1]) if text else 0
