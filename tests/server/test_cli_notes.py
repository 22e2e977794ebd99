"""`memento notes` on a real bank."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from memento_memory.bank import CaseBank
from memento_memory.errors import InputError, NotFoundError
from memento_server import cli_notes

app = typer.Typer()
app.add_typer(cli_notes.app, name="notes")


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder with two notes and something else."""
    folder = tmp_path / "docs"
    (folder / "below").mkdir(parents=True)
    (folder / "deploy.md").write_text("# Deploy\n\nTag first.\n\n# Undo\n\nRestore [the] old one.\n", encoding="utf-8")
    (folder / "bills.MD").write_text("\ufeffPay within 30 days.\r\n", encoding="utf-8")
    (folder / "code.py").write_text("print()", encoding="utf-8")
    (folder / "below" / "deeper.md").write_text("deeper", encoding="utf-8")
    return folder


def run(bank: Path, *words: str, stdin: str | bytes | None = None) -> str:
    result = CliRunner().invoke(app, ["notes", *words, "--bank", str(bank)], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def listed(bank: Path, *words: str) -> list[str]:
    return [note["name"] for note in json.loads(run(bank, "list", "--json", *words))]


def test_a_folder_of_notes_is_added_embedded_listed_shown_and_removed(bank: Path, docs: Path) -> None:
    said = run(bank, "add", str(docs))
    assert said.splitlines() == ["added bills.MD: 1 passage in default", "added deploy.md: 2 passages in default"]
    opened = CaseBank(bank)
    with opened.database.reading() as db:
        assert db.execute("SELECT count(*) FROM note_passages WHERE length(embedding) = 4 * 384").get == 3
    opened.close()
    (bills, deploy) = json.loads(run(bank, "list", "--json"))
    assert deploy.keys() == {"namespace", "name", "passages", "chars", "added_at"}
    assert (bills["name"], bills["chars"]) == ("bills.MD", 19)
    assert "deploy.md\tdefault\t2\t" in run(bank, "list")
    assert run(bank, "show", "deploy.md") == (docs / "deploy.md").read_text(encoding="utf-8")
    assert run(bank, "rm", "deploy.md", "bills.MD").splitlines() == ["removed deploy.md", "removed bills.MD"]
    assert "memento notes add" in run(bank, "list")


def test_adding_again_says_that_it_replaced(bank: Path, docs: Path) -> None:
    run(bank, "add", str(docs / "deploy.md"))
    assert run(bank, "add", str(docs / "deploy.md")).startswith("replaced deploy.md: 2 passages")
    assert listed(bank) == ["deploy.md"]


def test_standard_input_is_added_under_the_name_given(bank: Path) -> None:
    run(bank, "add", "-", "--name", "from [pipe]", stdin="# Größe\n\nHöchstens 3 m.")
    assert run(bank, "show", "from [pipe]") == "# Größe\n\nHöchstens 3 m.\n"
    with pytest.raises(InputError, match="give one with --name"):
        run(bank, "add", "-", stdin="text")


def test_a_namespace_has_notes_of_its_own(bank: Path, docs: Path) -> None:
    run(bank, "add", str(docs / "deploy.md"), "--namespace", "shop")
    assert listed(bank) == ["deploy.md"]
    assert listed(bank, "--namespace", "shop") == ["deploy.md"]
    assert listed(bank, "--namespace", "other") == []
    with pytest.raises(NotFoundError, match="there is no note"):
        run(bank, "show", "deploy.md")
    with pytest.raises(NotFoundError, match=r"there are deploy\.md"):
        run(bank, "rm", "deploi.md", "--namespace", "shop")


def test_what_cannot_be_added_is_refused_before_anything_is(bank: Path, docs: Path) -> None:
    bad = {"empty.md": b" \n", "latin.md": "Größe".encode("latin-1"), "huge.md": b"x" * 1_000_001}
    for name, raw in bad.items():
        (docs / "below" / name).write_bytes(raw)
    for name, said in {
        "empty.md": "is empty",
        "latin.md": "not text in UTF-8",
        "huge.md": "larger than 1,000,000 bytes",
        "none.md": "cannot be read",
    }.items():
        with pytest.raises(InputError, match=said):
            run(bank, "add", str(docs / "deploy.md"), str(docs / "below" / name))
    assert listed(bank) == []


def test_two_files_of_one_name_and_a_name_for_two_files_are_refused(bank: Path, docs: Path) -> None:
    (docs / "below" / "deploy.md").write_text("other", encoding="utf-8")
    with pytest.raises(InputError, match=r"several files are called 'deploy\.md'"):
        run(bank, "add", str(docs), str(docs / "below"))
    with pytest.raises(InputError, match="given for 2 files"):
        run(bank, "add", str(docs), "--name", "one")
    run(bank, "add", str(docs / "below" / "deploy.md"), "--name", "other.md")
    assert listed(bank) == ["other.md"]


def test_a_folder_without_notes_says_so(bank: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \*\.md"):
        run(bank, "add", str(tmp_path / "empty"))
