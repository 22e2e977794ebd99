"""Preparing a model once per machine: in a process of its own, one at a time, published by one rename."""

from __future__ import annotations

import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, TYPE_CHECKING

from memento_memory.embedding.cache import home_of, lookup, remember
from memento_memory.embedding.embedder import EmbeddingModelError
from memento_memory.embedding.manifest import Manifest, is_complete
from memento_memory.embedding.source import DEFAULT_MODEL, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memento_memory.embedding.source import Source

_log = logging.getLogger(__name__)
STEP, FAILURE = "memento step: ", "memento failure: "  # what the child's lines on stderr begin with
_EXPORT = "memento_memory.embedding.export"
_LONGEST_S = 1800.0  # a larger model may have to be downloaded first
_POLL_S = 0.1
_TEMPORARY = "unfinished-"


class PreparationStoppedError(EmbeddingModelError):
    """The caller no longer wants the model; nothing was published."""


def find_prepared(model: str = DEFAULT_MODEL, *, cache: Path | None = None) -> Path | None:
    """The folder of a model prepared earlier, or None; milliseconds, once the source's hash is known.

    Args:
        model: a folder with a sentence-transformers model, or the name of one.
        cache: the cache directory; by default $MEMENTO_CACHE or the user's.

    Raises:
        EmbeddingModelError: if there can be no such model.
    """
    return lookup(resolve(model), home_of(cache))


def prepare(
    model: str = DEFAULT_MODEL,
    *,
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> Path:
    """Make a model ready for ONNX Runtime and return its folder; does nothing when it is ready already.

    Takes about twenty seconds. When several processes ask at once, one works and the others wait for it.

    Args:
        model: a folder with a sentence-transformers model, or the name of one.
        cache: the cache directory; by default $MEMENTO_CACHE or the user's.
        progress: told each step in a few plain words; by default they are logged.
        stop: once set, the preparation is given up.

    Raises:
        EmbeddingModelError: if the model cannot be found, or its preparation fails or is stopped.
    """
    source, home = resolve(model), home_of(cache)
    if found := lookup(source, home):
        return found
    tell, stop = progress or _log.info, stop or threading.Event()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _only_one(home, tell, stop):
            if found := lookup(source, home):
                return found
            _sweep(home)
            return _make(source, home, tell, stop)
    except OSError as error:
        raise EmbeddingModelError(
            f"the embedding model {source.id!r} cannot be prepared in {home}: {error}; "
            "free some space there, or set MEMENTO_CACHE to a folder that can be written"
        ) from error


@contextmanager
def _only_one(home: Path, tell: Callable[[str], None], stop: threading.Event) -> Iterator[None]:
    """Hold the cache's lock. The operating system frees it when its holder dies, however that happens."""
    from filelock import FileLock, Timeout

    lock = FileLock(home / "prepare.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        tell("waiting for another process that prepares a model")
        while not lock.is_locked:
            _give_up_if(stop)
            try:
                lock.acquire(timeout=5 * _POLL_S)
            except Timeout:
                continue
    try:
        yield
    finally:
        lock.release()


def _sweep(home: Path) -> None:
    """Remove what killed preparations left behind; under the lock nobody else is at work."""
    for leftover in home.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _make(source: Source, home: Path, tell: Callable[[str], None], stop: threading.Event) -> Path:
    folder = Path(mkdtemp(prefix=_TEMPORARY, dir=home))
    try:
        _run_child(source, folder, tell, stop)
        if not is_complete(folder):
            raise EmbeddingModelError(
                f"preparing the embedding model {source.id!r} left incomplete files; is the disk with {home} full?"
            )
        return _publish(source, folder, home)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(source: Source, folder: Path, home: Path) -> Path:
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())  # a loss of power must not leave a published folder with empty files
    weights_hash = Manifest.read(folder).weights_hash
    target = home / weights_hash
    if not is_complete(target):
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    remember(source, home, weights_hash)
    return target


def _run_child(source: Source, folder: Path, tell: Callable[[str], None], stop: threading.Event) -> None:
    command = [sys.executable, "-P", "-m", _EXPORT, source.location, source.id, str(folder)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # closes when this process dies, and that ends the child
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(source),
    ) as child:
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        reader = threading.Thread(target=_forward, args=(child.stderr, lines), daemon=True)
        reader.start()
        try:
            said = _listen(lines, tell, stop)
            code = child.wait()
        finally:
            child.kill()
            reader.join(timeout=1.0)
    if code:
        raise EmbeddingModelError(_reason(source, code, said))


def _environment(source: Source) -> dict[str, str]:
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_ETAG_TIMEOUT": "5", "TOKENIZERS_PARALLELISM": "false"}
    offline = {"HF_HUB_OFFLINE": "1"} if source.folder else {}
    return {**quiet, **os.environ, **offline}


def _forward(stderr: IO[bytes], lines: queue.SimpleQueue[str | None]) -> None:
    for line in stderr:
        lines.put(line.decode("utf-8", "replace").strip())
    lines.put(None)


def _listen(lines: queue.SimpleQueue[str | None], tell: Callable[[str], None], stop: threading.Event) -> list[str]:
    """Pass on the child's steps until it closes stderr; returns the last other lines."""
    said: deque[str] = deque(maxlen=40)
    deadline = time.monotonic() + _LONGEST_S
    while True:
        _give_up_if(stop)
        if time.monotonic() > deadline:
            raise EmbeddingModelError(
                f"preparing the embedding model took over {_LONGEST_S / 60:.0f} minutes; try again"
            )
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            return list(said)
        if line.startswith(STEP):
            tell(line.removeprefix(STEP))
        elif line:
            said.append(line)


def _reason(source: Source, code: int, said: list[str]) -> str:
    explained = [line.removeprefix(FAILURE) for line in said if line.startswith(FAILURE)]
    if explained:
        return explained[-1]
    how = f"was killed by signal {-code} (out of memory?)" if code < 0 else f"ended with exit code {code}"
    tail = "\n  ".join(said[-8:]) or "(it said nothing)"
    return f"preparing the embedding model {source.id!r} failed: its process {how}. Its last lines:\n  {tail}"


def _give_up_if(stop: threading.Event) -> None:
    if stop.is_set():
        raise PreparationStoppedError("the preparation of the embedding model was stopped")
