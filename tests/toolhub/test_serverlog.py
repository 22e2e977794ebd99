"""The stderr of downstream servers: kept, rotated, shared, and never in a server's way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memento_toolhub.process.serverlog import FILES, ROTATE_AT, ServerLog, log_file, tail

WRITER = """
import os, sys
from pathlib import Path
from memento_toolhub.process.serverlog import ServerLog
log = ServerLog(Path(sys.argv[1]), "shared")
child = os.dup(log.sink.fileno())
log.started(os.getpid())
with open(child, "w") as stream:
    for number in range(15_000):
        stream.write(f"{sys.argv[2]} {number:>40}\\n")
log.close()
"""


def say(logs: Path, name: str, code: str) -> None:
    """Run a Python program with its stderr in the log of a server."""
    log = ServerLog(logs, name)
    child = subprocess.Popen([sys.executable, "-I", "-c", code], stderr=log.sink)
    log.started(child.pid)
    assert child.wait(timeout=60) == 0
    log.close()


def test_each_start_writes_a_line_with_the_pid_and_lines_are_kept_as_they_come(tmp_path: Path) -> None:
    say(tmp_path, "files", "import sys; sys.stderr.write('first\\n  key=s3cret\\nno newline at the end')")
    say(tmp_path, "files", "import os, sys; sys.stderr.write(f'pid {os.getpid()}\\n')")
    start, *lines, second, last = log_file(tmp_path, "files").read_text().splitlines()
    assert lines == ["first", "  key=s3cret", "no newline at the end"]
    assert "started, pid " in start
    assert f"started, {last}," in second


def test_what_a_child_says_before_its_start_is_noted_stands_behind_the_note(tmp_path: Path) -> None:
    log = ServerLog(tmp_path, "quick")
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stderr.write('here')"], stderr=log.sink)
    assert child.wait(timeout=60) == 0
    log.started(child.pid)
    log.close()
    start, *lines = tail(tmp_path, "quick", 5)
    assert f"started, pid {child.pid}," in start
    assert lines == ["here"]


def test_a_log_whose_child_never_started_leaves_nothing_open(tmp_path: Path) -> None:
    log = ServerLog(tmp_path, "none")
    log.close()
    assert "stderr of none" not in {thread.name for thread in threading.enumerate()}
    assert tail(tmp_path, "none", 5) == []


@pytest.mark.skipif(os.name == "nt", reason="file modes")
def test_the_log_is_for_its_owner_only(tmp_path: Path) -> None:
    say(tmp_path / "logs", "files", "")
    assert log_file(tmp_path / "logs", "files").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o700


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    assert log_file(tmp_path, "../../etc/passwd").parent == tmp_path


def test_tail_gives_the_last_lines_across_a_rotation(tmp_path: Path) -> None:
    assert tail(tmp_path, "files", 5) == []
    file = log_file(tmp_path, "files")
    file.with_name("files.log.1").write_text("a\nb\nc\n")
    file.write_bytes(b"d\r\n\n\xff\n")
    assert tail(tmp_path, "files", 4) == ["b", "c", "d", "�"]
    assert tail(tmp_path, "files", 1) == ["�"]
    assert tail(tmp_path, "files", 0) == []


def test_a_flood_is_taken_without_a_pause_and_bounded_on_disk(tmp_path: Path) -> None:
    say(tmp_path, "loud", "import sys; [sys.stderr.write('x' * 999 + '\\n') for _ in range(20_000)]")
    files = sorted(tmp_path.glob("loud.log*"))
    files = [file for file in files if file.suffix != ".lock"]
    assert len(files) == FILES
    assert all(file.stat().st_size < ROTATE_AT + 200_000 for file in files)
    assert tail(tmp_path, "loud", 1) == ["x" * 999]


def test_a_line_without_an_end_is_not_kept_in_memory(tmp_path: Path) -> None:
    say(tmp_path, "endless", "import sys; sys.stderr.write('y' * 300_000)")
    assert log_file(tmp_path, "endless").read_text().count("y") == 300_000


def test_several_processes_write_whole_lines_into_one_file(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"w{n}"]) for n in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    files = [file for file in tmp_path.glob("shared.log*") if file.suffix != ".lock"]
    lines = [line for file in files for line in file.read_text().splitlines() if line[:1] != "-"]
    assert 1 < len(files) <= FILES
    assert {line[:2] for line in lines} == {"w0", "w1", "w2"}
    assert {len(line) for line in lines} == {43}


def test_the_reader_ends_although_a_grandchild_keeps_the_pipe_open(tmp_path: Path) -> None:
    log = ServerLog(tmp_path, "left")
    keeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stderr=log.sink)
    log.started(keeper.pid)
    try:
        log.close()
        assert "stderr of left" not in {thread.name for thread in threading.enumerate()}
        assert keeper.poll() is None
    finally:
        keeper.kill()
        keeper.wait()


def test_the_reader_ends_although_a_grandchild_never_stops_writing(tmp_path: Path) -> None:
    log = ServerLog(tmp_path, "noisy")
    code = "import sys\nwhile True: sys.stderr.write('more and more\\n')"
    keeper = subprocess.Popen([sys.executable, "-c", code], stderr=log.sink)
    log.started(keeper.pid)
    try:
        log.close()
        assert "stderr of noisy" not in {thread.name for thread in threading.enumerate()}
    finally:
        keeper.kill()
        keeper.wait()


def test_a_folder_that_vanishes_does_not_stop_the_server(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "logs", "files")
    (tmp_path / "logs").rmdir()
    code = "import sys; sys.stderr.write('z' * 500_000)"
    child = subprocess.Popen([sys.executable, "-c", code], stderr=log.sink)
    log.started(child.pid)
    assert child.wait(timeout=60) == 0
    log.close()
