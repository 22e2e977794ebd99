"""No process survives us: the guard against every kind of end, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from memento_toolhub.process.children import MARKER_VARIABLE, Children
from memento_toolhub.process.guard import Guard, ProcFiles, PsutilProcesses
from toolhub.processes import SERVERS, alive, all_gone, eventually, read_pids

pytestmark = pytest.mark.skipif(os.name == "nt", reason="job objects do the guard's work there")

STUBBORN = [sys.executable, str(SERVERS / "stubborn.py")]
SLEEPER = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def children() -> Iterator[Children]:
    """Children of this process with a guard of their own, which ends with the test."""
    own = Children()
    yield own
    guard = own.guard_pid
    own.close()
    assert guard is None or not psutil.pid_exists(guard)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that leads a session and that nobody watches."""
    process = subprocess.Popen(SLEEPER, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def hold(tmp_path: Path, *command: str) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    """Start a parent that holds a connection to a server; the processes it names when it does."""
    arguments = [sys.executable, str(SERVERS / "holder.py"), str(tmp_path / "logs"), *command]
    parent = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout as output:
        return parent, [psutil.Process(int(pid)) for pid in output.readline().split()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_stubborn_servers_and_their_grandchildren_end_wherever_they_are_with_a_parent_ended_by(
    number: signal.Signals, tmp_path: Path
) -> None:
    wheres = ["group", "session", "daemon"]
    commands = [[*STUBBORN, str(tmp_path / where), where] for where in wheres]
    commands += [["env", "-i", *STUBBORN, str(tmp_path / f"bare-{where}"), where] for where in wheres[:2]]
    parent, (guard, *children) = hold(tmp_path, *joined(commands))
    pairs = [read_pids(tmp_path / name) for name in (*wheres, "bare-group", "bare-session")]
    servers = [server for server, _ in pairs]
    assert set(children) == set(servers)
    assert [MARKER_VARIABLE in server.environ() for server in servers] == [True] * 3 + [False] * 2
    parent.send_signal(number)
    assert parent.wait(timeout=30) == -number
    all_gone([guard, *(process for pair in pairs for process in pair)])


def joined(commands: list[list[str]]) -> list[str]:
    """Several commands as the holder takes them."""
    return [word for command in commands for word in ("--and", *command)][1:]


def test_the_guard_notices_the_end_of_its_parent_although_a_fork_holds_the_pipe_open(tmp_path: Path) -> None:
    parent, (guard, server, fork) = hold(tmp_path, "--fork", *STUBBORN, str(tmp_path / "pids"))
    processes = read_pids(tmp_path / "pids")
    try:
        parent.kill()
        parent.wait()
        all_gone([guard, server, *processes])
        assert alive(fork)
    finally:
        fork.kill()


def test_a_guard_that_is_asked_to_end_goes_on_guarding(tmp_path: Path) -> None:
    parent, (guard, server) = hold(tmp_path, *STUBBORN, str(tmp_path / "pids"))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        guard.send_signal(number)
    parent.kill()
    parent.wait()
    all_gone([guard, server, *read_pids(tmp_path / "pids")])


def test_a_child_that_was_started_but_never_named_is_found_by_its_marker(children: Children) -> None:
    with children.watch() as child:
        process = subprocess.Popen(SLEEPER, env=os.environ | child.environment, start_new_session=True)
    assert process.wait(timeout=30) == -signal.SIGTERM


def test_only_what_belongs_to_the_closed_child_is_ended(children: Children) -> None:
    with children.watch() as stays:
        staying = subprocess.Popen(SLEEPER, env=os.environ | stays.environment, start_new_session=True)
        with children.watch() as leaves:
            leaving = subprocess.Popen(SLEEPER, env=os.environ | leaves.environment, start_new_session=True)
        assert leaving.wait(timeout=30) == -signal.SIGTERM
        assert staying.poll() is None
    assert staying.wait(timeout=30) == -signal.SIGTERM


def test_a_guard_that_was_killed_is_replaced_at_the_next_change(children: Children) -> None:
    with children.watch() as first:
        one = subprocess.Popen(SLEEPER, env=os.environ | first.environment, start_new_session=True)
        killed = children.guard_pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: children.guard_pid is None, "the guard is still there")
        with children.watch():
            assert children.guard_pid not in (None, killed)
        assert one.poll() is None
    assert one.wait(timeout=30) == -signal.SIGTERM


def test_the_marker_of_an_outer_memento_is_kept(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARKER_VARIABLE, "outer")
    with children.watch() as child:
        assert child.environment == {MARKER_VARIABLE: f"outer/{child.marker}"}
        assert children.guard_pid is not None
        eventually(lambda: "guard.py" in " ".join(psutil.Process(children.guard_pid).cmdline()), "no guard")
        assert MARKER_VARIABLE not in psutil.Process(children.guard_pid).environ()


def test_a_process_that_is_no_child_of_the_parent_is_never_touched(sleeper: subprocess.Popen[bytes]) -> None:
    guard = Guard(1, ProcFiles())
    guard.replace({"marker": sleeper.pid})
    guard.replace({})
    guard.step()
    assert not guard.busy
    assert sleeper.poll() is None


def test_a_process_that_got_the_number_of_an_ended_child_is_never_touched(sleeper: subprocess.Popen[bytes]) -> None:
    guard = Guard(os.getpid(), ProcFiles())
    guard.replace({"marker": sleeper.pid})
    guard._watched["marker"].start -= 1.0
    guard.replace({})
    guard.step()
    assert not guard.busy
    assert sleeper.poll() is None


def test_systems_without_proc_show_the_guard_the_same() -> None:
    process = subprocess.Popen(SLEEPER, env=os.environ | {MARKER_VARIABLE: "some/mark"}, start_new_session=True)
    try:
        # The environment of a new process shows a little after its pid.
        eventually(lambda: psutil.Process(process.pid).environ() != {}, "no environment")
        by_psutil = PsutilProcesses(str(Path(psutil.__file__).parents[1])).see(process.pid)
        by_files = ProcFiles().see(process.pid)
        assert by_psutil is not None
        assert by_files is not None
        for seen in (by_psutil, by_files):
            assert (seen.pid, seen.parent, seen.group, seen.marker) == (
                process.pid,
                os.getpid(),
                process.pid,
                "some/mark",
            )
        process.kill()
        eventually(lambda: ProcFiles().see(process.pid) is None, "a zombie is taken for a process")
        assert PsutilProcesses("").see(process.pid) is None
    finally:
        process.kill()
        process.wait()


def test_the_guard_imports_nothing_but_the_standard_library(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); print([m for m in sys.modules if 'psutil' in m or 'mem' in m])"
    )
    guard = Path(sys.modules[Guard.__module__].__file__ or "")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(guard)], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
