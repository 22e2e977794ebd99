"""The case bank: retrieve and retain, and what keeps it in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memento_memory import duplicates, keeping, retention, retrieval, upkeep
from memento_memory.case import Case, Episode, Outcome, Slate, Task
from memento_memory.curation.bounds import Bounds
from memento_memory.curation.curate import Action, curate
from memento_memory.decision import Decision
from memento_memory.desk import Desk
from memento_memory.embedding.supply import EmbedderSource, NoEmbedder
from memento_memory.embeddings import LOAD_WAIT_S, Embeddings
from memento_memory.errors import InputError
from memento_memory.lessons import Lessons
from memento_memory.notes import Notes
from memento_memory.plan import Plan
from memento_memory.retention import Report, Retained, new_id
from memento_memory.selection.policy import Policy
from memento_memory.store import cases, decisions, episodes, stats, traces, vectors
from memento_memory.store.codes import CodeCopy
from memento_memory.store.database import Database
from memento_memory.store.stats import Stats
from memento_memory.trace import ToolCall


class CaseBank:
    """Cases and episodes in one file, found again by what their tasks have in common; `notes` and `lessons` as well.

    Safe to use from several threads, and by several processes on one file.

    Args:
        path: the bank file; made when there is none.
        embedders: source of the embedding model.
        policy: how cases are chosen; None is greedy.
        seed: of the policy's chance; None takes a new one.
        clock: gives the time in seconds since the epoch.

    Raises:
        BankError: if the file cannot be used; the message says why and what to do.
    """

    def __init__(
        self,
        path: Path,
        embedders: EmbedderSource | None = None,
        *,
        policy: Policy | None = None,
        seed: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = Database(path)
        self._embedders = embedders or NoEmbedder()
        self.embeddings = Embeddings(self._embedders)
        self.notes = Notes(self.database, self.embeddings, clock)
        self.lessons = Lessons(self.database, self.embeddings, clock)
        self._clock = clock
        self._copy = CodeCopy()
        self._desk = Desk(policy, seed, clock)
        self._searched = False
        self._keeping_up = threading.Lock()
        self._embedding = ThreadPoolExecutor(4, "memento-embedding")

    def close(self) -> None:
        """Close the file; what was reported as done is on disk already."""
        self._embedding.shutdown(wait=False, cancel_futures=True)
        self.database.close()

    def retrieve(
        self,
        task: Task,
        *,
        k: int = 4,
        namespaces: Sequence[str] = ("default",),
        outcome: Outcome | None = None,
        tags: Sequence[str] = (),
        browse: bool = False,
        tools: frozenset[str] | None = None,
    ) -> Slate:
        """Choose at most k cases worth showing for a task; an empty slate means that none is.

        Args:
            k: 1 to 20.
            outcome: only cases with this outcome.
            tags: only cases with all of these.
            browse: rank whatever is found by similarity, without quotas, values or the void case.
            tools: names of the tools at hand, of which a plan may lack some (see `selection/at_hand.py`).

        Raises:
            ModelMismatchError: if the bank's vectors are another model's.
        """
        embedding = self._embedding.submit(self.embeddings.of, task)
        query = retrieval.Query(task, tuple(namespaces), k, outcome, tuple(tags), browse, tools)
        with self.database.reading() as db:

            def embedded() -> NDArray[np.float32] | None:
                vector, _, info = embedding.result()
                return vector if info is not None and vectors.is_bound(db, info) else None

            copy = self._copy if self._searched else None  # making it takes longer than one search without it
            self._searched = True
            return retrieval.retrieve(db, query, embedded, copy, self._desk)

    def retain(self, report: Report) -> Retained:
        """Record an outcome: append a case, merge it into a near-duplicate or correct one; on disk on return.

        Raises:
            InputError: if the report cannot be used; nothing is changed.
        """
        episode = self.episode(report.plan_id) if report.plan_id else None
        task = episode.task if episode else report.task
        plan = report.plan or (episode.draft if episode else None)
        vector, of_plan, info = self.embeddings.of(task, plan) if task else (None, None, None)
        with self.database.writing() as db:
            if info is not None and not vectors.admits(db, info):
                vector = None  # the outcome is kept all the same; retrieval says what is wrong
            now = self._clock()
            retained = keeping.screened(db, retention.retain(db, report, duplicates.state_cosines(vector), now), now)
            if vector is not None and retained.before is None and retained.case and not retained.case.quarantined_at:
                found = cases.by_id(db, retained.case.id)
                assert found is not None
                same = plan is not None and plan.skeleton == found[1].plan.skeleton
                vectors.put(db, found[0], vector, of_plan if same else None)
        return retained

    def open_episode(
        self,
        task: Task,
        slate: Slate,
        draft: Plan | None,
        *,
        namespace: str = "default",
        host: str = "",
        model: str = "",
        previous: str = "",
    ) -> Episode:
        """Write down what was asked and what was shown, so that an outcome can be tied to it.

        Args:
            previous: plan_id of the failed attempt at the same task that this one follows.
        """
        now = self._clock()
        episode = Episode(
            new_id("p"), namespace, task, slate, draft, previous=previous, host=host, model=model, created_at=now
        )
        with self.database.writing() as db:
            return episodes.open_(db, episode)

    def episode(self, plan_id: str) -> Episode:
        """One episode.

        Raises:
            NotFoundError: if there is none of this name.
        """
        with self.database.reading() as db:
            return episodes.named(db, plan_id)[1]

    def decision(self, plan_id: str) -> Decision | None:
        """What the policy saw and did for an episode; None where it was reported without a plan from here."""
        with self.database.reading() as db:
            return decisions.of(db, episodes.named(db, plan_id)[0])

    def record_calls(self, calls: Sequence[ToolCall]) -> None:
        """Append relayed tool calls to their episodes' traces, in one transaction; on disk on return.

        The first 500 calls of an episode are kept, the others are counted.

        Raises:
            NotFoundError: if some plan_id does not exist; the calls of the other episodes are on disk all the same.
        """
        traces.record(self.database, calls)

    def trace(self, plan_id: str) -> tuple[ToolCall, ...]:
        """The tool calls that were relayed for an episode, in the order in which they began.

        Raises:
            NotFoundError: if there is no episode of this name.
        """
        with self.database.reading() as db:
            return traces.of_episode(db, episodes.named(db, plan_id)[0], plan_id)

    def case(self, case_id: str) -> Case:
        """One case, forgotten or not; NotFoundError if there is none of this name."""
        with self.database.reading() as db:
            return cases.named(db, case_id)[1]

    def forget(self, case_id: str) -> Case:
        """Take a case out of every search; it can be restored until it is purged."""
        with self.database.writing() as db:
            keeping.forget(db, case_id, self._clock())
        return self.case(case_id)

    def restore(self, case_id: str) -> Case:
        """Bring a forgotten case back.

        Raises:
            InputError: if an equal case has been retained since.
        """
        kept = self.case(case_id)
        vector, plan, info = self.embeddings.of(kept.task, kept.plan)
        with self.database.writing() as db:
            suits = info is not None and vectors.admits(db, info)
            keeping.restore(db, case_id, vector if suits else None, plan)
        return self.case(case_id)

    def purge(self, *, older_than_days: float = 30.0) -> int:
        """Delete for good the cases forgotten longer ago than this; return how many."""
        with self.database.writing() as db:
            return cases.purge(db, self._clock() - older_than_days * 86_400)

    def pages(
        self,
        *,
        namespaces: Sequence[str] = (),
        outcome: Outcome | None = None,
        tag: str = "",
        forgotten: bool = False,
        newest_first: bool = False,
        size: int = 500,
    ) -> Iterator[list[Case]]:
        """All cases, page by page, each page in a short read transaction of its own."""
        after = 0
        while True:
            with self.database.reading() as db:
                rows = cases.page(
                    db,
                    after=after,
                    limit=size,
                    namespaces=namespaces,
                    outcome=outcome.value if outcome else "",
                    tag=tag,
                    forgotten=forgotten,
                    newest_first=newest_first,
                )
            if not rows:
                return
            yield [case for _, case in rows]
            after = rows[-1][0]

    def stats(self) -> Stats:
        """Counts of what is in the bank."""
        with self.database.reading() as db:
            return stats.of(db, self.database.path)

    def complete(self, what: str, prefix: str, limit: int = 50) -> list[str]:
        """Case ids ("case"), plan ids ("episode") or tags ("tag") that begin like this."""
        find = {"case": cases.with_prefix, "episode": episodes.with_prefix, "tag": cases.tags_with_prefix}[what]
        with self.database.reading() as db:
            return find(db, prefix, limit)

    def check(self) -> list[str]:
        """Problems found by a full check of the file and its indexes; none when it is intact."""
        return upkeep.problems(self.database)

    def embed_pending(self, progress: upkeep.Progress | None = None) -> int:
        """Do what was left for later: vectors for cases without, fusion weights where the bank has doubled.

        Safe to interrupt and to call from several threads and processes; a second call at the same time does nothing.

        Args:
            progress: called with (done, total) cases after each batch.

        Returns:
            How many cases got their vector.

        Raises:
            ModelMismatchError: if the bank's vectors are another model's.
        """
        embedder = self._embedders.get()
        if embedder is None or not self._keeping_up.acquire(blocking=False):
            return 0
        try:
            return upkeep.run(self.database, embedder, self._copy, progress)
        finally:
            self._keeping_up.release()

    def curate(self, bounds: Bounds | None = None) -> tuple[Action, ...]:
        """Merge, quarantine and evict what has to be among the cases that changed; returns what was done.

        Args:
            bounds: of a namespace; None keeps all.
        """
        return curate(self.database, now=self._clock(), bounds=bounds, copy=self._copy)

    def reembed(self, progress: upkeep.Progress | None = None) -> int:
        """Make all vectors anew with the model in use, going on where an earlier try was interrupted."""
        embedder = self._embedders.get(wait=LOAD_WAIT_S)
        if embedder is None:
            raise InputError("model", "the embedding model is not ready; run `memento doctor` to see why")
        upkeep.rebind(self.database, embedder)
        return self.embed_pending(progress)
