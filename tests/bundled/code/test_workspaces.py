"""The files of a workspace, in which the code that runs there can lay traps."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bundled.code.sandboxed import Caller, needs_sandbox, with_server
from memento_toolhub.servers.code import tree
from memento_toolhub.servers.code.workspaces import KEPT_DAYS, Workspaces
from memento_toolhub.servers.kit.call_error import CallError


@needs_sandbox
def test_files_are_written_listed_and_read(tmp_path: Path) -> None:
    async def ask(caller: Caller) -> None:
        first = await caller("write_file", path="notes/day one.txt", text="häus\n")
        assert first == {"name": "notes/day one.txt", "size": 6, "is_new": True}
        assert not (await caller("write_file", path="/workspace/notes/day one.txt", text="two"))["is_new"]
        assert (await caller("read_file", path="./notes/day one.txt"))["text"] == "two"
        found = await caller("list_files")
        assert found == {"files": [{"name": "notes/day one.txt", "size": 3}], "more_files": 0, "bytes_used": 3}
        assert "see list_files" in await caller("read_file", path="none.txt")
        assert "is a folder" in await caller("read_file", path="notes")
        await caller.shell("head -c 100 /dev/zero > zeros; printf 'a%.0s' $(seq 3000) > long.txt")
        assert "is no text (100 bytes); read it with run_python" in await caller("read_file", path="zeros")
        long = await caller("read_file", path="long.txt", max_chars=1000)
        assert (len(long["text"]), long["chars_left"]) == (1000, 2000)

    with_server(tmp_path, ask)


@needs_sandbox
def test_links_and_pipes_the_code_leaves_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")

    async def ask(caller: Caller) -> None:
        await caller.shell(
            f"ln -s {outside}/secret.txt file; ln -s {outside} folder; ln -s ../../../outside up; mkfifo pipe; "
            "ln -s /proc/self/environ env; ln -s loop loop; mkdir locked; touch locked/x; chmod 0 locked; "
            "python -c 'import socket as s; s.socket(s.AF_UNIX).bind(\"sock\")'"
        )
        for path in ("file", "folder/secret.txt", "up/secret.txt", "pipe", "env", "loop", "sock", "loop/x"):
            answer = await caller("read_file", path=path)
            assert isinstance(answer, str)
            assert "path: " in answer
            assert "secret" not in answer.replace(path, "")
        for path in ("folder/new.txt", "folder/secret.txt", "up/secret.txt", "loop/x"):
            assert "path: " in await caller("write_file", path=path, text="mine now")
        assert (await caller("write_file", path="file", text="mine now"))["size"] == 8
        assert "file" in [file["name"] for file in (await caller("list_files"))["files"]]

    with_server(tmp_path, ask)
    assert [file.name for file in outside.iterdir()] == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == "secret"


@given(st.lists(st.sampled_from(["..", ".", "", "/", "a", "workspace", "\0", "~", "x" * 300]), min_size=1, max_size=6))
def test_no_path_leads_out_of_the_workspace(parts: list[str]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        workspace = Path(folder, "in")
        workspace.mkdir()
        try:
            tree.write(workspace, "/".join(parts), b"x")
        except CallError:
            pass
        else:
            assert [file for file in workspace.rglob("*") if file.is_file()]
        assert os.listdir(folder) == ["in"]


def test_a_folder_that_turns_into_a_link_all_the_time_is_never_followed(tmp_path: Path) -> None:
    workspace, outside = tmp_path / "in", tmp_path / "out"
    for folder in (workspace, outside):
        folder.mkdir()
        (folder / "data").mkdir()
        (folder / "data" / "x").write_text(folder.name)
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            os.rename(workspace / "data", workspace / "old")
            with suppress(FileExistsError):  # the writer may have made it anew
                os.symlink(outside / "data", workspace / "data")
            os.rename(workspace / "data", workspace / "gone")
            os.rename(workspace / "old", workspace / "data")
            if (workspace / "gone").is_symlink():
                (workspace / "gone").unlink()
            while (workspace / "gone").exists():
                with suppress(OSError):  # the writer may be at work there, as nobody ever is otherwise
                    tree.remove(workspace / "gone")

    turning = threading.Thread(target=turn)
    turning.start()
    seen = set()
    try:
        for _ in range(2000):
            try:
                seen.add(tree.read(workspace, "data/x", 10)[0])
                tree.write(workspace, "data/y", b"y")
            except CallError:
                seen.add(b"refused")
            seen.update(os.fsencode(entry.name) for entry in tree.entries(workspace))
    finally:
        stop.set()
        turning.join()
    assert b"in" in seen
    assert b"out" not in seen
    assert os.listdir(outside / "data") == ["x"]


def test_a_file_is_never_seen_half_written(tmp_path: Path) -> None:
    tree.write(tmp_path, "x", b"a" * 100_000)
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            tree.write(tmp_path, "x", b"b" * 100_000)

    writing = threading.Thread(target=rewrite)
    writing.start()
    try:
        seen = {tree.read(tmp_path, "x", 200_000)[0] for _ in range(500)}
    finally:
        stop.set()
        writing.join()
    assert seen <= {b"a" * 100_000, b"b" * 100_000}
    assert os.listdir(tmp_path) == ["x"]


def test_names_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).touch()
    assert [tree.shown(entry.name) for entry in tree.entries(tmp_path)] == ["\ufffd.txt"]


@given(st.text(max_size=80), st.text(max_size=80))
def test_every_plan_has_a_folder_of_its_own_below_the_workspaces(one: str, other: str) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        workspaces = Workspaces(Path(folder, "workspaces"))
        places = [workspaces.of(one), workspaces.of(other)]
        assert (places[0] == places[1]) == (one == other)
        assert all(place.parent == Path(folder, "workspaces").resolve() and place.is_dir() for place in places)
        assert Path(folder, "workspaces").stat().st_mode & 0o777 == 0o700


def test_old_workspaces_are_removed_and_others_kept(tmp_path: Path) -> None:
    for name, days in (("plan-old", KEPT_DAYS + 1), ("plan-new", KEPT_DAYS - 1)):
        place = tmp_path / name / "a" / "b"
        place.mkdir(parents=True)
        (place / "link").symlink_to(tmp_path / "plan-new")
        place.chmod(0)
        when = time.time() - days * 86_400
        os.utime(tmp_path / name, (when, when))
    mine = Workspaces(tmp_path).of("mine")
    assert set(tmp_path.iterdir()) == {tmp_path / "plan-new", mine}
    assert (tmp_path / "plan-new" / "a" / "b").exists()
