"""The bank as the server holds it: opened when first needed, with its embedding model loading in the background."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from memento_memory.errors import BankError, MementoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from memento_memory.bank import CaseBank
    from memento_memory.embedding import BackgroundEmbedder
    from memento_server.settings import Settings

_UPKEEP_EVERY_S = 10.0
_FIRST_TURN_S = 0.05  # the answer to `initialize` goes first; imports would hold it up

logger = logging.getLogger(__name__)


class Memory:
    """Opens the bank once, and again after a problem was mended, without a restart of the server.

    Attributes:
        on_keep_up: what else is done with the bank whenever it is kept in order.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.on_keep_up: list[Callable[[CaseBank], None]] = []
        self._lock = threading.RLock()
        self._bank: CaseBank | None = None
        self._embedder: BackgroundEmbedder | None = None
        self._next_upkeep = 0.0
        self._warming: threading.Timer | None = None
        self._closed = False

    def warm_up(self) -> None:
        """Load what the first call will need, off the path of `initialize`."""
        self._warming = threading.Timer(_FIRST_TURN_S, self._warm_up)
        self._warming.daemon = True
        self._warming.start()

    def bank(self) -> CaseBank:
        """The open bank.

        Raises:
            BankError: if it cannot be opened; the next call tries again. Or everything is being closed.
        """
        with self._lock:
            if self._closed:
                raise BankError("the bank is closed, for this process is about to end")
            if self._bank is None:
                from memento_memory.bank import CaseBank

                self._bank = CaseBank(self.settings.bank, self.embedder(), policy=self.settings.choosing.as_policy())
            return self._bank

    def embedder(self) -> BackgroundEmbedder:
        """The embedding model, which may still be loading or being prepared."""
        if self._embedder is None:
            from memento_memory.embedding import DEFAULT_MODEL, BackgroundEmbedder

            self._embedder = BackgroundEmbedder(self.settings.embedding_model or DEFAULT_MODEL)
            self._embedder.on_ready(lambda _: self.keep_up())
            self._embedder.start()
        return self._embedder

    def keep_up(self) -> None:
        """Keep the bank in order: vectors for new cases, curation, and a learner started where it is due.

        Failures are logged, for nothing is lost by them: the next time tries again.
        """
        if self._closed:
            return
        try:
            bank = self.bank()
            for work in self.on_keep_up:
                work(bank)
            self._embed(bank)
            for lesson in bank.lessons.review():
                logger.info("dropped lesson %s: %s", lesson.id, lesson.dropped_reason)
            for action in bank.curate(self.settings.choosing.as_bounds()):
                logger.info("%s %s: %s", action.kind.value, action.case_id, action.reason)
            self._learn_if_due(bank)
        except MementoError as error:
            logger.warning("upkeep of the bank was cut short: %s", error)

    def _embed(self, bank: CaseBank) -> None:
        """What is wrong with the vectors holds up nothing else."""
        try:
            bank.embed_pending()
            bank.notes.embed_pending()
        except MementoError as error:
            logger.warning("the cases' vectors have to wait: %s", error)

    def _learn_if_due(self, bank: CaseBank) -> None:
        from memento_memory.learning import spawn

        if not self.settings.choosing.learning:
            return
        with bank.database.reading() as db:
            due = spawn.is_due(db)
        if due and spawn.start(bank.database.path) is not None:
            logger.info("enough new outcomes are in: the slow learner was started in the background")

    def upkeep_soon(self) -> None:
        """The same in the background, every now and then; only vectors wait for the embedding model."""
        now = time.monotonic()
        if now > self._next_upkeep:
            self._next_upkeep = now + _UPKEEP_EVERY_S
            threading.Thread(target=self.keep_up, name="memento-upkeep", daemon=True).start()

    def close(self) -> None:
        """Close the bank and end a model preparation that is under way."""
        self._closed = True
        if self._warming is not None:
            self._warming.cancel()
        if self._embedder is not None:  # its thread may be waiting for the bank, and so for the lock
            self._embedder.close()
        with self._lock:
            if self._bank is not None:
                self._bank.close()

    def _warm_up(self) -> None:
        if self._closed:
            return
        try:
            bank = self.bank()
            purged = bank.purge(older_than_days=self.settings.retention_days)
            if purged:
                logger.info("purged %d forgotten cases", purged)
        except MementoError as error:
            logger.warning("%s", error)
