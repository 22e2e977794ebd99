"""Code that takes all it can get is stopped, and the server goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundled.code import sandboxed
from bundled.code.sandboxed import MB, SMALL, Caller, needs_sandbox, running, with_server
from memento_toolhub.servers.code.tree import remove

pytestmark = needs_sandbox


def outcome(folder: Path, code: str, *, tool: str = "python", timeout: float = 20) -> dict[str, Any]:
    """What became of one run with little room."""
    return sandboxed.outcome(folder, code, tool=tool, timeout=timeout, limits=SMALL)


def told(folder: Path, code: str) -> Any:
    """What some code printed, as JSON."""
    return sandboxed.told(folder, code, limits=SMALL)


FORK_BOMBS = [
    ("python", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"),
    ("shell", "bomb() { bomb | bomb & }; bomb; sleep 60"),
    ("shell", "while :; do sleep 60 & done"),
    (
        "python",
        "import threading, time\nthreading.stack_size(65536)\n"
        "while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    ),
    (
        "python",
        "import os, time\nwhile True:\n    if os.fork():\n        os._exit(0)\n    os.setsid()\n"
        "    for _ in range(3):\n        if not os.fork(): time.sleep(60)",
    ),
]


@pytest.mark.parametrize(("tool", "code"), FORK_BOMBS)
def test_a_fork_bomb_is_stopped(tmp_path: Path, tool: str, code: str) -> None:
    found = outcome(tmp_path, code, tool=tool, timeout=15)
    # Where the main process ends by itself, so does everything it left behind.
    assert found["ended"] in ("killed: processes", "killed: memory", "exited"), found
    if "os._exit" not in code:
        assert found["ended"] != "exited"
        assert found["exit_code"] is None
        assert "fewer processes" in found["advice"] or found["ended"] == "killed: memory"  # which many take as well


def test_one_process_that_asks_for_too_much_memory_is_told_so(tmp_path: Path) -> None:
    found = outcome(tmp_path, "try:\n    bytearray(10**10)\nexcept MemoryError:\n    print('refused')")
    assert found["stdout"] == "refused\n"


MEMORY_HOGS = {
    "many processes": (
        "for _ in range(8):\n    if not os.fork():\n        x = bytearray(100 << 20)\n        time.sleep(60)"
    ),
    "shared maps": (
        "import mmap\nfor _ in range(8):\n    if not os.fork():\n        m = mmap.mmap(-1, 100 << 20)\n"
        "        m.write(bytes(100 << 20))\n        time.sleep(60)"
    ),
    "maps of one process": (
        "import mmap\nkept = []\nwhile True:\n    m = mmap.mmap(-1, 64 << 20)\n"
        "    m.write(bytes(64 << 20))\n    kept.append(m)"
    ),
}


@pytest.mark.parametrize("how", MEMORY_HOGS)
def test_many_that_take_too_much_memory_together_are_stopped(tmp_path: Path, how: str) -> None:
    found = outcome(tmp_path, f"import os, time\n{MEMORY_HOGS[how]}\ntime.sleep(60)")
    assert found["ended"] == "killed: memory", found


def test_memory_that_no_process_shows_is_not_to_be_had(tmp_path: Path) -> None:
    code = (
        "import os, ctypes, json\nlibc = ctypes.CDLL(None, use_errno=True)\nfound = {}\n"
        "try: found['memfd'] = os.memfd_create('x')\nexcept OSError as error: found['memfd'] = error.errno\n"
        "for name, values in {'shmget': (0, 4096, 0o1600), 'semget': (0, 9, 0o1600), 'msgget': (0, 0o1600)}.items():\n"
        "    found[name] = ctypes.get_errno() if getattr(libc, name)(*values) < 0 else 0\nprint(json.dumps(found))"
    )
    assert told(tmp_path, code) == {"memfd": 38, "shmget": 38, "semget": 38, "msgget": 38}


DISK_FILLERS = {
    "many files": "n = 0\nwhile True:\n    n += 1\n    open(f'f{n}', 'wb').write(bytes(1 << 20))",
    "deleted files still open": (
        "kept = []\nwhile True:\n    f = open('x', 'wb')\n    os.unlink('x')\n    kept.append(f)\n"
        "    f.write(bytes(8 << 20))\n    f.flush()"
    ),
    "a locked folder": (
        "os.mkdir('d')\nos.chdir('d')\nos.chmod('.', 0o300)\nn = 0\n"
        "while True:\n    n += 1\n    open(f'f{n}', 'wb').write(bytes(1 << 20))"
    ),
}


@pytest.mark.parametrize("how", DISK_FILLERS)
def test_who_fills_the_disk_is_stopped(tmp_path: Path, how: str) -> None:
    found = outcome(tmp_path, f"import os\n{DISK_FILLERS[how]}")
    assert found["ended"] in ("killed: disk", "killed: files"), found
    used = sum(file.lstat().st_blocks * 512 for file in (tmp_path / "scratch").rglob("*"))
    assert used < 10 * SMALL.disk


def test_one_file_cannot_grow_without_end(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        "import json, signal, os\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nfound = []\n"
        "for write in (lambda f: [f.write(bytes(1 << 20)) for _ in range(100)], lambda f: f.truncate(1 << 40)):\n"
        "    try:\n        with open('big', 'wb', buffering=0) as f: write(f)\n        found.append(0)\n"
        "    except OSError as error: found.append(error.errno)\nos.unlink('big')\nprint(json.dumps(found))",
    )
    assert found == [27, 27]


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "/home/agent"])
def test_folders_in_memory_are_small_and_hold_few_files(tmp_path: Path, folder: str) -> None:
    full = (
        f"import json\ntry:\n    with open('{folder}/x', 'wb', buffering=0) as f:\n"
        "        while True: f.write(bytes(1 << 20))\nexcept OSError as error: print(error.errno)"
    )
    assert told(tmp_path, full) == 28
    many = f"n = 0\nwhile True:\n    n += 1\n    open('{folder}/' + str(n), 'w').close()"
    assert outcome(tmp_path, many)["ended"] == "killed: files"


@pytest.mark.parametrize(
    "make", ["open(name, 'w').close()", "os.mkdir(name)", "os.symlink('x', name)", "os.mkfifo(name)"]
)
def test_who_makes_files_without_end_is_stopped(tmp_path: Path, make: str) -> None:
    found = outcome(tmp_path, f"import os\nn = 0\nwhile True:\n    n += 1\n    name = str(n)\n    {make}")
    assert found["ended"] == "killed: files", found


def test_folders_in_folders_without_end_are_stopped_and_can_be_removed(tmp_path: Path) -> None:
    found = outcome(tmp_path, "import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')", timeout=5)
    assert found["ended"] == "killed: files", found
    for workspace in (tmp_path / "scratch/workspaces").iterdir():
        remove(workspace)
    assert not list((tmp_path / "scratch/workspaces").iterdir())


def test_a_full_workspace_can_still_be_tidied_up(tmp_path: Path) -> None:
    async def ask(caller: Caller) -> None:
        found = await caller.python("import os\nn = 0\nwhile True:\n    n += 1\n    open(f'f{n}', 'w').close()")
        assert found["ended"] == "killed: files"
        assert "the workspace is full" in await caller("write_file", path="x", text="x")
        assert (await caller.shell("rm -f f*; ls"))["stdout"] == ""
        assert (await caller("write_file", path="x", text="x"))["is_new"]

    with_server(tmp_path, ask, limits=SMALL)


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_ten_gigabytes_of_output_are_stopped_and_never_held(tmp_path: Path, stream: str) -> None:
    found = outcome(tmp_path, f"yes 0123456789 | head -c 10G {stream}", tool="shell")
    assert found["ended"] == "killed: output"
    assert SMALL.output < found["output_bytes"] < SMALL.output + 4 * MB
    assert len(found["stdout"]) + len(found["stderr"]) <= 40_000


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ("shell", "sleep 4711"),
        ("python", "while True: pass"),
        ("shell", "trap '' TERM INT HUP XCPU; while :; do :; done"),
        ("shell", "kill -STOP $$"),
        ("shell", "exec >/dev/null 2>&1 </dev/null; setsid sleep 4711 & sleep 4711"),
        (
            "python",
            "import os, time\nfor fd in range(512):\n    try: os.close(fd)\n    except OSError: pass\ntime.sleep(60)",
        ),
    ],
)
def test_what_runs_too_long_is_ended(tmp_path: Path, tool: str, code: str) -> None:
    found = outcome(tmp_path, code, tool=tool, timeout=0.5)
    assert found["ended"] == "timed out"
    assert found["exit_code"] is None
    assert not running("sleep 4711")


def test_what_is_left_in_the_background_ends_with_the_command(tmp_path: Path) -> None:
    code = "(setsid sleep 4712 &); nohup sleep 4712 >/dev/null 2>&1 & (setsid setsid sleep 4712 >&2 &); echo started"
    found = outcome(tmp_path, code, tool="shell")
    assert (found["ended"], found["stdout"]) == ("exited", "started\n")
    assert not running("sleep 4712")


def test_a_full_device_harms_nobody(tmp_path: Path) -> None:
    found = outcome(tmp_path, "echo x > /dev/full; echo $?", tool="shell")
    assert found["stdout"] == "1\n"
