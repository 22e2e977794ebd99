"""Notes are kept safely beside the cases: listed, read, replaced and removed, whatever they say."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_memory.embedding import Ready
from memento_memory.errors import InputError, NotFoundError
from memento_memory.notes import Notes
from memento_memory.passages import split
from memento_memory.store import notes as store
from memento_memory.text import harmless
from memory.noting import ACCOUNTING, OPERATIONS, headings, rows


def test_a_note_is_kept_listed_read_and_removed(by_words, clock):
    note = by_words.add("default", "operations.md", OPERATIONS)
    assert (note.passages, note.chars, note.added_at) == (3, len(OPERATIONS.strip()), clock.now)
    assert not note.replaced
    assert by_words.all() == [note]
    assert by_words.read("default", "operations.md") == OPERATIONS.strip()
    by_words.remove("default", "operations.md")
    assert by_words.all() == []
    assert by_words.retrieve(Task("When a release misbehaves, restore the previous one"), ("default",)) == ()


def test_adding_a_note_again_replaces_it_with_all_its_passages(by_words, words_bank, clock):
    by_words.add("default", "operations.md", OPERATIONS)
    clock.advance(seconds=60)
    note = by_words.add("default", "operations.md", "# Gone\n\nThe shop was closed.")
    assert note.replaced
    assert [(kept.passages, kept.added_at) for kept in by_words.all()] == [(1, clock.now)]
    assert rows(words_bank, "SELECT heading, text FROM note_passages") == [("Gone", "The shop was closed.")]


def test_namespaces_keep_notes_apart(by_words):
    by_words.add("shop", "a.md", OPERATIONS)
    by_words.add("finance", "a.md", ACCOUNTING)
    assert [(note.namespace, note.name) for note in by_words.all()] == [("finance", "a.md"), ("shop", "a.md")]
    assert [note.namespace for note in by_words.all(("shop",))] == ["shop"]
    task = Task("head of finance signature for invoices above 10,000 EUR")
    assert by_words.retrieve(task, ("shop",)) == ()
    assert headings(by_words.retrieve(task, ("shop", "finance"))) == ["Invoices"]
    assert by_words.retrieve(task, ("shop",)) == ()


@pytest.mark.parametrize("verb", ["read", "remove"])
def test_a_note_that_is_not_there_is_named_with_those_that_are(by_words, verb):
    with pytest.raises(NotFoundError, match="it has none; `memento notes add` adds one"):
        getattr(by_words, verb)("default", "b.md")
    by_words.add("default", "a.md", "text")
    by_words.add("other", "b.md", "text")
    with pytest.raises(NotFoundError, match=r"no note 'b\.md' in the namespace 'default'; there are a\.md"):
        getattr(by_words, verb)("default", "b.md")


@pytest.mark.parametrize(
    ("namespace", "name", "text", "field"),
    [
        ("default", "a.md", " \n\t\u200b\n", "text"),
        ("default", "a.md", "x" * 1_000_001, "text"),
        ("default", "a.md", "é" * 500_001, "text"),
        ("default", " \u200b", "text", "name"),
        ("default", "é" * 101, "text", "name"),
        ("no such thing", "a.md", "text", "namespace"),
    ],
)
def test_what_cannot_be_a_note_is_refused_and_changes_nothing(by_words, namespace, name, text, field):
    with pytest.raises(InputError) as refused:
        by_words.add(namespace, name, text)
    assert refused.value.field == field
    assert by_words.all() == []


def test_what_a_reader_cannot_see_is_taken_out(by_words):
    by_words.add("default", "a\u200b\n b.md", "\ufeff# One\r\nTwo\x00 \u202ethree\x0cfour\ud800")
    assert by_words.read("default", "a b.md") == "# One\nTwo three\nfour"


def test_a_name_is_found_however_its_accents_were_written(by_words):
    by_words.add("default", "U\u0308bersicht.md", "text")
    assert by_words.read("default", "\u00dcbersicht.md") == "text"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=()), max_size=200), st.text(max_size=60))
def test_any_text_is_kept_readably_or_refused_with_a_reason(by_words, text, asked):
    if not harmless(text).strip():
        with pytest.raises(InputError, match="empty"):
            by_words.add("default", "any.md", text)
        return
    note = by_words.add("default", "any.md", text)
    kept = by_words.read("default", "any.md")
    assert by_words.add("default", "any.md", kept).chars == note.chars
    assert by_words.read("default", "any.md") == kept
    for passage in by_words.retrieve(Task(asked or "x"), ("default",)):
        assert 0 <= passage.similarity <= 1


def test_a_vector_never_goes_to_a_passage_that_took_the_row_of_a_deleted_one(by_words, words_bank):
    by_words.add("default", "a.md", "old text")
    with words_bank.database.reading() as db:
        ((key, piece),) = store.without_vector(db, "m", -1, 10)
    by_words.add("default", "a.md", "new text")
    assert rows(words_bank, "SELECT key FROM note_passages") == [(key,)]
    with words_bank.database.writing() as db:
        assert store.put_vectors(db, "m", [(key, piece, b"\0" * 8)]) == 0
    assert rows(words_bank, "SELECT embedding FROM note_passages") == [(None,)]


def test_notes_outlive_the_bank_and_another_process_sees_every_change(notes, bank, embedder):
    second = CaseBank(bank.database.path, Ready(embedder))
    there = Notes(second.database, second.embeddings)
    task = Task("roll the shop back to the previous release")
    before = notes.retrieve(task, ("default",))
    assert there.retrieve(task, ("default",)) == before != ()
    there.add("default", "operations.md", "# Rollback\n\nRoll back to the previous release with `shop undo`.")
    there.embed_pending()
    assert "shop undo" in notes.retrieve(task, ("default",))[0].text
    there.remove("default", "operations.md")
    second.close()
    assert notes.retrieve(task, ("default",)) == ()
    assert [note.name for note in notes.all()] == ["accounting.md"]
    assert bank.check() == []


KILLED = """
import os, signal, sys
from pathlib import Path
from memento_memory.bank import CaseBank
from memento_memory.notes import Notes
from memento_memory.passages import split
from memento_memory.store import notes as store
from memento_memory.text import harmless
bank = CaseBank(Path(sys.argv[1]))
Notes(bank.database, bank.embeddings).add("default", "kept.md", "# Kept")
with bank.database.writing() as db:
    store.put(db, "default", "operations.md", "half", split("half " * 1000), 0.0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_process_killed_while_it_replaces_a_note_leaves_the_old_one_and_all_it_said_it_had_added(
    notes: Notes, bank: CaseBank
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, bank.database.path], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert [note.name for note in notes.all()] == ["accounting.md", "kept.md", "operations.md"]
    assert notes.read("default", "operations.md") == OPERATIONS.strip()
    kept = rows(bank, "SELECT p.text FROM note_passages p JOIN notes n ON note_key = n.key WHERE name LIKE 'op%'")
    assert [text for (text,) in kept] == [piece.text for piece in split(OPERATIONS)]
    assert bank.check() == []


def test_a_large_note_is_kept_whole(by_words, tmp_path: Path):
    text = "\n\n".join(f"# Part {i}\n\n{'word ' * 150}{i}" for i in range(1200))
    assert by_words.add("default", "large.md", text).passages == 1200
    assert by_words.read("default", "large.md") == text
