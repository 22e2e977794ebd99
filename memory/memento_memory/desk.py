"""What one process chooses slates with: the value model in force, the expected plans, the policy and its chance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Case, Task
from memento_memory.expectations import Expectations
from memento_memory.online import layer_in_use
from memento_memory.selection.at_hand import missing
from memento_memory.selection.network import readable
from memento_memory.selection.policy import Policy
from memento_memory.selection.sight import Sight
from memento_memory.selection.slate import Chooser
from memento_memory.selection.value import QFunction
from memento_memory.store import decisions, episodes, vectors, versions

Floats = NDArray[np.float64]
Vector = NDArray[np.float32]


class Desk:
    """Keeps what is costly to read, and reads it anew when it has changed; safe to use from several threads."""

    def __init__(self, policy: Policy | None, seed: int | None, clock: Callable[[], float]) -> None:
        self.policy = policy or Policy()
        self._rng = np.random.default_rng(seed)
        self._clock = clock
        self._expectations = Expectations()
        self._lock = threading.Lock()
        self._held: tuple[tuple[int, int], QFunction] | None = None

    def chooser(self, db: apsw.Connection) -> Chooser:
        """The value model in force, the policy, and this process's chance, which locks itself."""
        with self._lock:
            mark = versions.mark_in_force(db)
            if self._held is None or self._held[0] != mark:
                version = versions.in_force(db)
                before = self._held[1] if self._held else QFunction(0, layer_in_use(version))
                same = before.version == version.version and version.network is not None
                network = before.network if same else readable(version.network)
                self._held = mark, QFunction(version.version, layer_in_use(version), network)
            return Chooser(self._held[1], self.policy, self._rng)

    def sight(
        self,
        db: apsw.Connection,
        task: Task,
        found: Sequence[tuple[int, Case]],
        similarity: Floats,
        cosine: Floats,
        vector: Vector | None,
        *,
        threshold: float,
        namespaces: Sequence[str],
        rarity: Callable[[str], float],
        tools: frozenset[str] | None = None,
    ) -> Sight:
        """Everything that is known of a task and these candidates.

        Args:
            found: row key and case of every candidate.
            rarity: inverse document frequency of a word.
            tools: names of the tools at hand.
        """
        keys = [key for key, _ in found]
        tasks, plans = vectors.pairs_of(db, keys)
        return Sight(
            task,
            [case for _, case in found],
            similarity,
            threshold,
            cosine,
            vector,
            tasks,
            plans,
            self._expectations.of(db, namespaces, vector),
            decisions.history(db, keys, vector),
            rarity,
            *episodes.failures_of(db, namespaces, task),
            _not_missing(tools, found),
            self._clock(),
        )


def _not_missing(tools: frozenset[str] | None, found: Sequence[tuple[int, Case]]) -> frozenset[str] | None:
    if tools is None:
        return None
    needed = {step.tool for _, case in found for step in case.plan.subtasks if step.tool}
    return frozenset(needed - missing(needed, tools))
