"""`memento notes`: keep Markdown of people who know the domain beside the cases."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memento_server.options import AsJson, Bank, Namespace, settings_of

if TYPE_CHECKING:
    from rich.console import Console

    from memento_memory.notes import Note

app = typer.Typer(
    help="Keep notes on the domain, in Markdown: what they say about a task is shown when it is planned.",
    no_args_is_help=True,
)

NoteName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the note, as `memento notes list` shows it.")]


@app.command()
def add(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Markdown files; of a folder, the *.md in it; - is standard input."),
    ],
    name: Annotated[str, typer.Option(help="Name of the note; else that of its file. Needed for -.")] = "",
    bank: Bank = None,
    namespace: Namespace = "",
) -> None:
    """Add notes, or replace those of the same name, so that planning finds what they say."""
    from rich.markup import escape

    from memento_server import console
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    texts = _texts(files, name)
    out = console.stdout()
    with open_bank(settings, with_model=True) as opened:
        notes = opened.notes
        added = [notes.add(settings.namespace, name, text) for name, text in texts.items()]
        for note in added:
            done = "replaced" if note.replaced else "added"
            count = "1 passage" if note.passages == 1 else f"{note.passages} passages"
            out.print(f"{done} {escape(note.name)}: {count} in {escape(note.namespace)}")
        with console.progress("vectors", sum(note.passages for note in added)) as tick:
            notes.embed_pending(tick)


@app.command("list")
def list_(bank: Bank = None, namespace: Namespace = "", as_json: AsJson = False) -> None:
    """List notes."""
    from dataclasses import asdict

    from memento_server import console
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    with open_bank(settings) as opened:
        notes = opened.notes.all((settings.namespace,) if namespace else ())
    if as_json:
        known = [asdict(note) for note in notes]
        console.write_json([{key: value for key, value in note.items() if key != "replaced"} for note in known])
    else:
        _show(console.stdout(), notes)


@app.command()
def show(name: NoteName, bank: Bank = None, namespace: Namespace = "") -> None:
    """Show a note as it was written."""
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    with open_bank(settings) as opened:
        text = opened.notes.read(settings.namespace, name)
    sys.stdout.write(text + "\n")


@app.command()
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Names of notes.")],
    bank: Bank = None,
    namespace: Namespace = "",
) -> None:
    """Delete notes for good."""
    from memento_server import console
    from memento_server.session import open_bank

    settings = settings_of(bank, namespace)
    out = console.stdout()
    with open_bank(settings) as opened:
        notes = opened.notes
        for name in dict.fromkeys(names):
            notes.remove(settings.namespace, name)
            out.print(f"removed {name}", markup=False)


def _texts(files: Sequence[Path], name: str) -> dict[str, str]:
    """Names and texts of the notes to be added, all of them read and checked before any is.

    Raises:
        InputError: if one cannot be read or used, or two would have the same name.
    """
    from memento_memory.errors import InputError
    from memento_memory.notes import check_name, check_text

    found = _files(files)
    if name and len(found) > 1:
        raise InputError("name", f"is given for {len(found)} files; add them one by one, or leave --name out")
    if not name and any(str(file) == "-" for file in found):
        raise InputError("name", "is missing: standard input has none; give one with --name")
    names = [check_name(name or file.name) for file in found]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError("file", f"several files are called {twice[0]!r}; add them one by one, with --name")
    return {name: check_text(_text(file), name) for name, file in zip(names, found, strict=True)}


def _files(files: Sequence[Path]) -> list[Path]:
    """The files meant, each folder replaced by the Markdown files in it."""
    from memento_memory.errors import InputError

    found: dict[Path, None] = {}
    for file in files:
        if not file.is_dir():
            found[file] = None
            continue
        inside = sorted(path for path in file.iterdir() if path.suffix.lower() == ".md" and path.is_file())
        if not inside:
            raise InputError("file", f"the folder {file} has no *.md in it; give the files, or another folder")
        found.update(dict.fromkeys(inside))
    return list(found)


def _text(file: Path) -> str:
    """The text of a file, or of standard input; no more of it is read than a note may have."""
    from memento_memory.errors import InputError
    from memento_memory.notes import MAX_NOTE_BYTES

    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(MAX_NOTE_BYTES + 1)
        else:
            with file.open("rb") as opened:
                raw = opened.read(MAX_NOTE_BYTES + 1)
        if len(raw) > MAX_NOTE_BYTES:
            raise InputError("file", f"{file} is larger than {MAX_NOTE_BYTES:,} bytes; split it into several notes")
        return raw.decode()
    except OSError as error:
        raise InputError("file", f"{file} cannot be read ({error.strerror}); give the path of a text file") from error
    except UnicodeDecodeError as error:
        raise InputError("file", f"{file} is not text in UTF-8 (byte {error.start}); convert it first") from error


def _show(console: Console, notes: Sequence[Note]) -> None:
    """Notes, one a line."""
    from datetime import datetime

    from rich.markup import escape
    from rich.table import Table

    if not notes:
        console.print("No notes. Add some with `memento notes add FILE`.")
        return
    if not console.is_terminal:
        for note in notes:
            console.file.write(f"{note.name}\t{note.namespace}\t{note.passages}\t{note.chars}\n")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("name", "namespace", "passages", "characters", "added"):
        table.add_column(name, overflow="fold", justify="right" if name in ("passages", "characters") else "left")
    for note in notes:
        day = datetime.fromtimestamp(note.added_at).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(escape(note.name), escape(note.namespace), str(note.passages), f"{note.chars:,}", day)
    console.print(table)
