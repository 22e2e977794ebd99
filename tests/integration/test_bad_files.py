"""Files that cannot be a bank, or not now: the server starts, says what is wrong, and works once it is mended."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.banks import digest, make_bank, number, problems
from integration.processes import Answer, Server, serving, serving_here

_CALLS = (
    ("plan_with_memory", {"task": "Check shelf 7 of the archive"}),
    ("record_outcome", {"outcome": "success", "task": "Dust the shelves", "plan": "1. Dust"}),
    ("retrieve_cases", {"query": "shelf"}),
)
_HEED_PERMISSIONS = """
import ctypes, os, sys
drop, read_search, override = 24, 2, 1  # PR_CAPBSET_DROP and two capabilities
if os.geteuid() == 0 and any(ctypes.CDLL(None).prctl(drop, held, 0, 0, 0) for held in (read_search, override)):
    sys.exit("cannot drop the capabilities")
os.execv(sys.argv[1], sys.argv[1:])
"""
_LIMIT_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
os.execv(sys.argv[1], sys.argv[1:])
"""
# Permission bits apply to what this starts, even when the tests run as root.
UNPRIVILEGED = (sys.executable, "-c", _HEED_PERMISSIONS)


def _not_sqlite(bank: Path) -> str:
    bank.write_text("Dear diary,\n" * 50, encoding="utf-8")
    return "not an SQLite file"


def _another_program(bank: Path) -> str:
    with sqlite3.connect(bank) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
        db.execute("INSERT INTO recipes VALUES ('soup')")
    db.close()
    return "not a Memento bank"


def _truncated(bank: Path) -> str:
    make_bank(bank, 200)
    os.truncate(bank, bank.stat().st_size // 2)
    return "damaged"


def _newer(bank: Path) -> str:
    make_bank(bank, 20)
    with sqlite3.connect(bank) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {version + 1}")
    db.close()
    return "newer Memento"


_FIX = {
    "not an SQLite file": "--bank",
    "not a Memento bank": "--bank",
    "damaged": "backup",
    "newer Memento": "pip install --upgrade",
}


@pytest.mark.parametrize("spoil", [_not_sqlite, _another_program, _truncated, _newer])
def test_a_file_that_cannot_be_used_is_named_with_the_fix_left_alone_and_used_once_it_is_mended(
    bank: Path, spoil: Callable[[Path], str]
) -> None:
    what = spoil(bank)
    before = digest(bank)
    with serving_here(bank) as server:
        for tool, arguments in _CALLS:
            _explains(server.call(tool, **arguments), bank, what, _FIX[what])
        assert digest(bank) == before
        good = bank.with_name("good.sqlite3")
        make_bank(good, 20)
        for leftover in bank.parent.glob(f"{bank.name}-*"):
            leftover.unlink()
        good.replace(bank)
        _works(server)
    assert problems(bank) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux capabilities or an ordinary user")
@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "what"),
    [(0o444, 0o755, "written"), (0o444, 0o555, "written"), (0o644, 0o000, "cannot be opened")],
    ids=["read-only file", "read-only folder", "locked folder"],
)
def test_a_bank_without_permission_is_named_with_the_fix_left_alone_and_used_once_it_can_be_written(
    bank: Path, file_mode: int, folder_mode: int, what: str
) -> None:
    _needs_permission_bits(bank.parent)
    bank = bank.parent / "shelf" / bank.name
    bank.parent.mkdir()
    make_bank(bank, 20)
    before = digest(bank)
    bank.chmod(file_mode)
    bank.parent.chmod(folder_mode)
    with serving(bank, under=UNPRIVILEGED, logs=bank.parent.parent) as server:
        try:
            for tool, arguments in _CALLS:
                _explains(server.call(tool, **arguments), bank, what, "--bank")
        finally:
            bank.parent.chmod(0o755)
            bank.chmod(0o644)
        assert digest(bank) == before
        _works(server)
    assert problems(bank) == []


@pytest.mark.parametrize("limit", ["disk", "file size"])
def test_a_full_disk_is_named_with_the_fix_and_what_was_acknowledged_stays(bank: Path, limit: str) -> None:
    bank = bank.parent / "volume" / bank.name
    bank.parent.mkdir()
    under = _small_disk(bank.parent) if limit == "disk" else _small_files()
    with serving(bank, under=under, logs=bank.parent.parent) as server:
        done = _fill(server, bank)
        assert server.read("memento://stats")["cases"] == {"success": done}
        inside = Path(f"/proc/{server.process.pid}/root{bank}") if limit == "disk" else bank
        copy = _copied(inside, bank.parent.parent)
        assert number(copy, "SELECT count(*) FROM outcomes") == done
        assert problems(copy) == []
        if limit == "disk":
            inside.with_name("ballast").unlink()
            assert server.ok("record_outcome", outcome="success", task="now there is room", plan="1. go on")


def _copied(bank: Path, folder: Path) -> Path:
    """A copy of a bank that nobody is writing to, its write-ahead log included."""
    for file in bank.parent.glob(f"{bank.name}*"):
        if not file.name.endswith("-shm"):
            shutil.copyfile(file, folder / file.name)
    return folder / bank.name


def _fill(server: Server, bank: Path) -> int:
    """Record cases with long notes until the disk is full; return how many went in."""
    for done in range(1_000):
        notes = f"{done} " * 4_000
        answer = server.call(
            "record_outcome", outcome="success", task=f"Fill jar {done}", plan=f"1. Fill {done}", notes=notes[:19_000]
        )
        if answer.is_error:
            _explains(answer, bank, "nothing was written", "disk")
            return done
    raise AssertionError("the disk never became full")


def _explains(answer: Answer, bank: Path, what: str, fix: str) -> None:
    assert answer.is_error
    for part in (str(bank), what, fix):
        assert part in answer.text
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    assert "\n" not in answer.text
    assert not answer.structured


def _works(server: Server) -> None:
    assert server.ok("plan_with_memory", task="Check shelf 7 of the archive")["verdict"] == "cases"
    recorded = server.ok("record_outcome", outcome="success", task="Dust the shelves", plan="1. Dust")
    assert recorded["status"] == "retained"


def _needs_permission_bits(folder: Path) -> None:
    """Skip where a process that ignores permission bits cannot be kept from it."""
    locked = folder / "locked"
    locked.write_text("", encoding="utf-8")
    locked.chmod(0o444)
    attempt = subprocess.run([*UNPRIVILEGED, sys.executable, "-c", f"open({str(locked)!r}, 'a')"], capture_output=True)
    if b"PermissionError" not in attempt.stderr:
        pytest.skip("this user ignores permission bits and may not give that up")


def _small_disk(folder: Path) -> list[str]:
    """A command under which a folder is a disk of 2 MB of its own, half of it taken by a file named ballast."""
    script = 'mount -t tmpfs -o size=2m tmpfs "$0" && head -c 1000000 /dev/zero > "$0/ballast" && exec "$@"'
    for unshare in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        command = [*unshare, "sh", "-c", script, str(folder)]
        if shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True).returncode:
            return command
    pytest.skip("this user may not mount a small disk of its own")


def _small_files() -> list[str]:
    """A command under which no file can grow beyond 1 MB."""
    if sys.platform == "win32":
        pytest.skip("Windows does not limit the size of files")
    return [sys.executable, "-c", _LIMIT_FILES]
