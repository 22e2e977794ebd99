"""Loading the embedder beside a server that already answers."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Literal

from memento_memory.embedding.embedder import EmbeddingModelError
from memento_memory.embedding.onnx_embedder import load
from memento_memory.embedding.prepare import PreparationStoppedError, find_prepared, prepare
from memento_memory.embedding.source import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from memento_memory.embedding.embedder import Embedder

State = Literal["idle", "loading", "preparing", "ready", "failed"]

_log = logging.getLogger(__name__)
_CLOSING_S = 5.0  # for a load that cannot be interrupted; a preparation ends at once


class BackgroundEmbedder:
    """Loads a model in a thread, preparing it first if need be; retrieval never waits for a preparation."""

    def __init__(self, model: str = DEFAULT_MODEL, *, cache: Path | None = None) -> None:
        """Name the model; nothing is loaded before `start`.

        Args:
            model: a folder with a sentence-transformers model, or the name of one.
            cache: the cache directory; by default $MEMENTO_CACHE or the user's.
        """
        self._model = model
        self._cache = cache
        self._changed = threading.Condition()
        self._state: State = "idle"
        self._problem = ""
        self._embedder: Embedder | None = None
        self._callbacks: list[Callable[[Embedder], None]] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> State:
        """Where loading stands: idle → loading → (preparing → loading →) ready or failed."""
        return self._state

    @property
    def problem(self) -> str:
        """Why loading failed and what to do about it; empty otherwise."""
        return self._problem

    def start(self) -> None:
        """Begin to load; try again after a failure. Does nothing while loading goes on or once it is done."""
        with self._changed:
            if self._state not in ("idle", "failed"):
                return
            self._stop = threading.Event()
            self._state, self._problem = "loading", ""
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="memento-embedder", daemon=True)
            self._thread.start()

    def get(self, *, wait: float = 0.0) -> Embedder | None:
        """The embedder, or None when it is not there yet.

        Args:
            wait: seconds to wait at most, and only while a prepared model is being loaded.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._state != "loading", timeout=wait)
            return self._embedder

    def on_ready(self, callback: Callable[[Embedder], None]) -> None:
        """Call back once with the embedder: now if it is there, else later from the loading thread."""
        with self._changed:
            if self._embedder is None:
                self._callbacks.append(callback)
                return
        callback(self._embedder)

    def close(self) -> None:
        """Stop loading and end a preparation under way; an embedder that is there stays usable."""
        with self._changed:  # not between the making and the start of the thread
            self._stop.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=_CLOSING_S)

    def _run(self, stop: threading.Event) -> None:
        try:
            embedder = load(self._prepared(stop))
        except PreparationStoppedError:
            self._become("idle")
        except EmbeddingModelError as error:
            self._become("failed", str(error))
            _log.warning("no embeddings: %s", error)
        except Exception as error:
            self._become("failed", f"the embedding model could not be loaded: {type(error).__name__}: {error}")
            _log.exception("no embeddings")
        else:
            self._announce(embedder)

    def _prepared(self, stop: threading.Event) -> Path:
        if found := find_prepared(self._model, cache=self._cache):
            return found
        self._become("preparing")
        folder = prepare(self._model, cache=self._cache, stop=stop)
        self._become("loading")
        return folder

    def _become(self, state: State, problem: str = "") -> None:
        with self._changed:
            self._state, self._problem = state, problem
            self._changed.notify_all()

    def _announce(self, embedder: Embedder) -> None:
        with self._changed:
            self._embedder, self._state = embedder, "ready"
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        for callback in callbacks:
            try:
                callback(embedder)
            except Exception:
                _log.exception("a callback of the embedder failed")
