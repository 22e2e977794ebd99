"""Notes on the domain: Markdown of people who know it, of which the passages that bear on a task are found again.

They are kept by namespace, beside the cases, and found by the same two legs: words and embeddings. What they say is
their author's; to a model they are shown as data, like everything that was retrieved.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memento_memory.case import Task
from memento_memory.embeddings import Embeddings
from memento_memory.errors import InputError, NotFoundError
from memento_memory.limits import check_namespace
from memento_memory.note_search import Passage, Shelf, fitting
from memento_memory.passages import split
from memento_memory.store import notes as store
from memento_memory.store.database import Database
from memento_memory.text import KB, check, harmless

__all__ = ["Note", "Notes", "Passage", "check_name", "check_text"]

MAX_NOTE_BYTES = 1000 * KB
_MAX_NAME_BYTES = 200

_BATCH = 64
_MODEL_WAIT_S = 2.0
_SHELVES = 8
_NAMED = 10
_LINE_ENDS = str.maketrans({"\v": "\n", "\f": "\n", "\r": "\n"})


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a note without reading it.

    Attributes:
        passages: how many it was cut into.
        chars: its length.
        added_at: seconds since the epoch.
        replaced: whether adding it replaced one of the same name.
    """

    namespace: str
    name: str
    passages: int
    chars: int
    added_at: float
    replaced: bool = False


class Notes:
    """The notes of a bank. Safe to use from several threads, and by several processes on one file.

    Args:
        database: the bank's file.
        embeddings: of the bank; without a model, words alone are compared.
        clock: gives the time in seconds since the epoch.
    """

    def __init__(self, database: Database, embeddings: Embeddings, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._embeddings = embeddings
        self._clock = clock
        self._shelves: dict[tuple[str, ...], Shelf] = {}

    def add(self, namespace: str, name: str, text: str) -> Note:
        """Keep a note in place of one of the same name; on disk on return. Its vectors are left to `embed_pending`.

        Args:
            name: one line, at most 200 bytes.
            text: Markdown, at most 1 MB.

        Raises:
            InputError: if any of them cannot be used; nothing is changed.
        """
        check_namespace(namespace)
        name = check_name(name)
        text = check_text(text, name)
        now = self._clock()
        pieces = split(text)
        with self._database.writing() as db:
            replaced = store.put(db, namespace, name, text, pieces, now)
        return Note(namespace, name, len(pieces), len(text), now, replaced)

    def all(self, namespaces: Sequence[str] = ()) -> list[Note]:
        """All notes, or those of some namespaces, sorted by namespace and name."""
        with self._database.reading() as db:
            return [Note(*row) for row in store.all_(db, namespaces)]

    def read(self, namespace: str, name: str) -> str:
        """The text of a note.

        Raises:
            NotFoundError: if there is none of this name.
        """
        with self._database.reading() as db:
            text = store.text(db, namespace, _plain(name))
            if text is None:
                raise _not_found(namespace, name, store.names(db, namespace))
        return text

    def remove(self, namespace: str, name: str) -> None:
        """Delete a note for good.

        Raises:
            NotFoundError: if there is none of this name.
        """
        with self._database.writing() as db:
            if not store.remove(db, namespace, _plain(name)):
                raise _not_found(namespace, name, store.names(db, namespace))

    def retrieve(
        self, task: Task, namespaces: Sequence[str], *, k: int = 4, max_chars: int = 2000
    ) -> tuple[Passage, ...]:
        """The passages that bear on a task, best first; none where no note does.

        Args:
            k: how many at most.
            max_chars: how long headings and texts may be together. What does not fit any more is left out; the best
                passage is cut to it.
        """
        shelf = self._shelf(tuple(dict.fromkeys(namespaces)))
        if shelf is None or not shelf.pieces:
            return ()
        made = self._embeddings.of_texts([task.state], wait=_MODEL_WAIT_S)
        ranked = shelf.rank(task.state, None if made is None else (made[0][0], made[1]))
        return fitting(ranked, k, max_chars)

    def embed_pending(self, progress: Callable[[int], None] | None = None) -> int:
        """Give passages without a vector of the model in use one, in batches that are each on disk before the next.

        Safe to interrupt and to call from several threads and processes. Without a model nothing is done.

        Args:
            progress: called with the number of passages done so far after each batch.

        Returns:
            How many passages got their vector.
        """
        ready = self._embeddings.of_texts([], wait=0.0)
        if ready is None:
            return 0
        model = ready[1].weights_hash
        done, after = 0, -1
        while True:
            with self._database.reading() as db:
                rows = store.without_vector(db, model, after, _BATCH)
            made = self._embeddings.of_texts([piece.whole for _, piece in rows], wait=0.0) if rows else None
            if made is None or made[1].weights_hash != model:
                return done
            with self._database.writing() as db:
                vectors = (vector.tobytes() for vector in made[0])
                pairs = [(key, piece, vector) for (key, piece), vector in zip(rows, vectors, strict=True)]
                done += store.put_vectors(db, model, pairs)
            after = rows[-1][0]
            if progress:
                progress(done)

    def _shelf(self, namespaces: tuple[str, ...]) -> Shelf | None:
        """What is known of these namespaces' passages, read anew when notes have changed; None without any notes."""
        with self._database.reading() as db:
            changes = store.changes(db)
            if changes == 0:
                return None
            shelf = self._shelves.get(namespaces)
            if shelf is not None and shelf.changes == changes:
                return shelf
            shelf = Shelf.of(changes, store.passages(db, namespaces))
        if len(self._shelves) >= _SHELVES:
            self._shelves = {}
        self._shelves[namespaces] = shelf
        return shelf


def check_name(name: str) -> str:
    """A note's name: one line of at most 200 bytes, with nothing in it that is not shown.

    Raises:
        InputError: if it is empty or too long.
    """
    name = _plain(name)
    if not name:
        raise InputError("name", "is empty; give the note a name, such as that of its file")
    return check("name", name, limit=_MAX_NAME_BYTES)


def check_text(text: str, name: str) -> str:
    """A note's text without what a reader cannot see, with plain line ends.

    Raises:
        InputError: if it is empty or larger than 1 MB.
    """
    text = harmless(text.replace("\r\n", "\n").translate(_LINE_ENDS)).strip("\n")
    if not text.strip():
        raise InputError("text", f"the note {name!r} is empty; write something into it, or leave it out")
    size = len(text.encode())
    if size > MAX_NOTE_BYTES:
        raise InputError(
            "text", f"the note {name!r} is {size:,} bytes long, at most {MAX_NOTE_BYTES:,} are allowed; split it"
        )
    return text


def _plain(name: str) -> str:
    """A name on one line, without what is not shown, its accents composed: file systems differ in that."""
    return unicodedata.normalize("NFC", " ".join(harmless(" ".join(name.split())).split()))


def _not_found(namespace: str, name: str, there: Sequence[str]) -> NotFoundError:
    more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
    known = f"there are {', '.join(there[:_NAMED])}{more}" if there else "it has none; `memento notes add` adds one"
    return NotFoundError("name", f"there is no note {name!r} in the namespace {namespace!r}; {known}")
