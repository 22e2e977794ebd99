"""Writing relayed calls down beside the calls themselves, so that none waits for the disk."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from memento_memory.errors import MementoError

if TYPE_CHECKING:
    from memento_memory.bank import CaseBank
    from memento_toolhub.trace import RelayedCall

logger = logging.getLogger(__name__)
_LOG_BYTES, _LOG_FILES = 1_000_000, 3
_GATHER_S = 0.05  # one commit for all calls of a busy moment


class Traces:
    """Keeps every call in a log file, and those made for a plan with its episode in the bank."""

    def __init__(self, bank: Callable[[], CaseBank], log: Path) -> None:
        self._bank = bank
        self._log = log
        self._waiting: queue.SimpleQueue[Callable[[], RelayedCall] | threading.Event] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def record(self, call: Callable[[], RelayedCall]) -> None:
        """Take a call; it is written a moment later."""
        self._waiting.put(call)
        self._start()

    def flush(self) -> None:
        """Return when every call taken so far is on disk."""
        if self._thread is not None:
            written = threading.Event()
            self._waiting.put(written)
            written.wait()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="memento-traces", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(self._log, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1, encoding="utf-8")
        self._log.chmod(0o600)
        while True:
            taken = self._batch()
            try:
                calls = [item() for item in taken if not isinstance(item, threading.Event)]
                for call in calls:
                    line = json.dumps(asdict(call), ensure_ascii=False)
                    file.emit(logging.LogRecord("calls", logging.INFO, "", 0, line, None, None))
                self._keep([call for call in calls if call.plan_id])
            finally:
                for item in taken:
                    if isinstance(item, threading.Event):
                        item.set()

    def _batch(self) -> list[Callable[[], RelayedCall] | threading.Event]:
        """What came in within a moment of the first, or until somebody wants it on disk now."""
        taken = [self._waiting.get()]
        end = time.monotonic() + _GATHER_S
        while not isinstance(taken[-1], threading.Event) and (left := end - time.monotonic()) > 0:
            try:
                taken.append(self._waiting.get(timeout=left))
            except queue.Empty:
                break
        return taken

    def _keep(self, calls: list[RelayedCall]) -> None:
        from memento_memory.trace import ToolCall

        if not calls:
            return
        try:
            self._bank().record_calls([ToolCall(**asdict(call)) for call in calls])
        except MementoError as error:
            logger.warning("the trace of %d calls is in %s only: %s", len(calls), self._log, error)
