"""Code that tries to see, reach or harm what is outside of its sandbox."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from bundled.code.sandboxed import needs_sandbox, outcome, told

pytestmark = needs_sandbox

TRIED = """
import ctypes, errno, fcntl, json, os, signal, socket, sys, termios
found = {}
def attempt(name, action):
    try:
        found[name] = repr(action())
    except BaseException as error:
        found[name] = type(error).__name__
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    if getattr(libc, function)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function)
    return 'done'
"""


def attempts(folder: Path, tries: dict[str, str], **bounds: Any) -> dict[str, str]:
    """What became of some expressions inside; the name of the error where it failed."""
    lines = [f"attempt({name!r}, lambda: {expression})" for name, expression in tries.items()]
    found: dict[str, str] = told(folder, TRIED + "\n".join(lines) + "\nprint(json.dumps(found))", **bounds)
    return found


def test_nothing_of_the_callers_environment_is_to_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMENTO_TEST_MARKER", "a-secret-of-the-caller")
    code = (
        "import glob, json\nfound = []\n"
        "kinds = ('environ', 'task/*/environ', 'cmdline')\n"
        "for name in [name for kind in kinds for name in glob.glob('/proc/*/' + kind)]:\n"
        "    try: text = open(name).read()\n    except OSError: continue\n"
        "    found.append(['secret-of' in text and 'cmd' not in name, 'MEMENTO' in text])\n"
        "print(json.dumps([len(found), sum(sum(f) for f in found)]))"
    )
    read, leaks = told(tmp_path, code)
    assert read >= 3
    assert leaks == 0


def test_nothing_of_the_home_folder_is_to_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_marker_of_this_test").write_text("key")
    monkeypatch.setenv("HOME", str(home))
    code = (
        "import json, os\nnames = []\nfor above, folders, files in os.walk('/'):\n"
        "    folders[:] = [f for f in folders if above + f not in ('/usr', '/proc') and f != 'site-packages']\n"
        "    names += files\n"
        f"print(json.dumps([len(names) > 10, 'id_marker_of_this_test' in names, os.path.exists({str(home)!r}),"
        " os.path.expanduser('~'), os.listdir('/home'), os.listdir(os.path.expanduser('~'))]))"
    )
    assert told(tmp_path, code) == [True, False, False, "/home/agent", ["agent"], []]


def test_no_file_descriptor_of_the_server_is_left_open(tmp_path: Path) -> None:
    with open(tmp_path / "mine.txt", "w") as file:
        os.set_inheritable(file.fileno(), True)
        found = told(
            tmp_path,
            "import json, os\nprint(json.dumps({fd: os.readlink(f'/proc/{p}/fd/{fd}') for p in ('self', '1')"
            " for fd in os.listdir(f'/proc/{p}/fd') if os.path.lexists(f'/proc/{p}/fd/{fd}')}))",
        )
    assert not [name for name in found.values() if name.startswith("/") and name not in ("/dev/null", "/")]
    assert {"0", "1", "2"} <= set(found) <= {"0", "1", "2", "3", "4", "5"}


def test_only_the_workspace_and_folders_in_memory_can_be_written(tmp_path: Path) -> None:
    places = (
        "/",
        "/usr",
        "/usr/bin",
        "/etc",
        "/dev",
        "/proc",
        "/proc/sys/kernel",
        "/home",
        "/run",
        "/run/memento",
        "/root",
    )
    tries = {
        place: f"open({place + '/mark'!r}, 'w')" for place in places if Path(place).exists() or place[:4] == "/run"
    }
    tries["python"] = "open(os.path.join(sys.prefix, 'lib', 'mark'), 'w')"
    tries["packages"] = "open(json.__file__, 'a')"
    tries["start"] = "open('/run/memento/start.py', 'a')"
    found = attempts(tmp_path, tries)
    assert set(found.values()) <= {"OSError", "PermissionError", "FileNotFoundError"}, found
    written = {
        place: f"open({place + '/mark'!r}, 'w').write('x')"
        for place in ("/workspace", "/tmp", "/dev/shm", "/home/agent")
    }
    assert set(attempts(tmp_path, written).values()) == {"1"}


def test_the_kernel_cannot_be_told_anything(tmp_path: Path) -> None:
    files = [
        "sys/kernel/core_pattern",
        "sys/kernel/hostname",
        "sys/vm/drop_caches",
        "sysrq-trigger",
        "self/oom_score_adj",
    ]
    tries = {name: f"os.open('/proc/{name}', os.O_WRONLY)" for name in files}
    tries |= {
        name: f"open({name!r}, 'rb').read(1)"
        for name in (
            "/proc/kcore",
            "/proc/kmsg",
            "/dev/mem",
            "/dev/kmsg",
            "/dev/sda",
            "/dev/vda",
            "/sys/kernel",
            "/etc/shadow",
        )
    }
    tries |= {
        "mount": "call('mount', b'none', b'/tmp', b'tmpfs', 0, None)",
        "umount": "call('umount2', b'/usr', 2)",
        "remount": "call('mount', b'none', b'/', None, 32 | 4096, None)",
        "user namespace": "call('unshare', 0x10000000)",
        "mount namespace": "call('unshare', 0x00020000)",
        "pid namespace": "call('unshare', 0x20000000)",
        "enter": "call('setns', os.open('/proc/1/ns/mnt', os.O_RDONLY), 0)",
        "chroot": "os.chroot('/tmp')",
        "hostname": "socket.sethostname('mine')",
        "root": "os.setuid(0)",
        "device": "os.mknod('/workspace/disk', 0o60666, os.makedev(8, 0))",
        "nice": "os.nice(-20)",
        "more": "__import__('resource').setrlimit(__import__('resource').RLIMIT_NOFILE, (10**6, 10**6))",
        "keys": "call('syscall', 250 if os.uname().machine == 'x86_64' else 219, 0, -3, 1)",
    }
    found = attempts(tmp_path, tries)
    assert set(found.values()) <= {"OSError", "PermissionError", "FileNotFoundError", "ValueError"}, found
    assert len(found) == len(tries)


def test_a_program_that_gives_rights_gives_none(tmp_path: Path) -> None:
    found = outcome(tmp_path, "grep -E 'NoNewPrivs|CapEff|CapBnd|Seccomp:' /proc/self/status", tool="shell")
    assert found["stdout"].split() == [
        *("CapEff:", "0000000000000000", "CapBnd:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2")
    ]


def test_processes_outside_are_neither_seen_nor_reached(tmp_path: Path) -> None:
    mine = os.getpid()
    code = (
        "import json, os, signal\nfound = [sorted(int(p) for p in os.listdir('/proc') if p.isdigit())]\n"
        "for pid in (os.getppid(), 1, -1):\n"
        "    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):\n"
        "        try: os.kill(pid, number)\n        except OSError as error: pass\n"
        f"try: found.append(os.kill({mine}, 9))\nexcept OSError as error: found.append(type(error).__name__)\n"
        "found += [os.getpid() < 10, os.path.exists('/proc/1/root/etc/shadow')]\n"
        "found.append(sorted(os.listdir('/proc/1/root')) == sorted(os.listdir('/')))\n"
        "print(json.dumps(found))"
    )
    pids, reached, low, shadow, same_root = told(tmp_path, code)
    assert len(pids) <= 3
    assert max(pids) < 10
    assert (reached, low, shadow, same_root) == ("ProcessLookupError", True, False, True)


def test_there_is_no_terminal_to_type_into(tmp_path: Path) -> None:
    found = attempts(
        tmp_path,
        {
            "tty": "open('/dev/tty')",
            **{f"type into {n}": f"fcntl.ioctl({n}, termios.TIOCSTI, b'x')" for n in (0, 1, 2)},
            "console": "open('/dev/console', 'w')",
        },
    )
    assert set(found.values()) <= {"OSError", "PermissionError", "FileNotFoundError"}, found


class Listening:
    """A server on loopback, and one with a name of its own; counts who comes."""

    def __init__(self) -> None:
        self.came = 0
        self.sockets = [socket.socket(socket.AF_INET), socket.socket(socket.AF_UNIX)]
        self.name = f"memento-test-{os.getpid()}"
        self.sockets[0].bind(("127.0.0.1", 0))
        self.sockets[1].bind(f"\0{self.name}")
        self.port: int = self.sockets[0].getsockname()[1]
        for one in self.sockets:
            one.listen()
            threading.Thread(target=self._accept, args=(one,), daemon=True).start()

    def _accept(self, one: socket.socket) -> None:
        while True:
            try:
                one.accept()[0].close()
            except OSError:
                return
            self.came += 1

    def close(self) -> None:
        for one in self.sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()


def test_the_network_is_not_reached_unless_it_is_allowed(tmp_path: Path) -> None:
    listening = Listening()
    tries = {
        "tcp": f"socket.create_connection(('127.0.0.1', {listening.port}), 2).close()",
        "named": f"socket.socket(socket.AF_UNIX).connect('\\0{listening.name}')",
    }
    try:
        closed = attempts(
            tmp_path,
            tries
            | {
                "outside": "socket.create_connection(('192.0.2.1', 80), 2)",
                "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
                "name": "socket.getaddrinfo('example.org', 80)",
                "raw": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
                "machine": "socket.socket(40, socket.SOCK_STREAM)",
                "crypto": "socket.socket(38, socket.SOCK_SEQPACKET)",
            },
        )
        assert set(closed.values()) <= {"ConnectionRefusedError", "OSError", "gaierror", "PermissionError"}, closed
        assert listening.came == 0
        assert told(tmp_path, "import json, socket\nprint(json.dumps(socket.if_nameindex()))") == [[1, "lo"]]
        assert set(attempts(tmp_path, tries, network=True).values()) == {"None"}
        assert listening.came == 2
    finally:
        listening.close()


def test_a_run_that_looked_for_the_network_is_told_that_there_is_none(tmp_path: Path) -> None:
    code = "import urllib.request\nurllib.request.urlopen('http://example.org/', timeout=5)"
    assert "no network" in outcome(tmp_path, code)["advice"]
    assert outcome(tmp_path, "1 / 0")["advice"] == ""


def test_python_without_a_network_can_talk_to_itself(tmp_path: Path) -> None:
    code = (
        "import json, socket\na = socket.create_server(('localhost', 0))\n"
        "b = socket.create_connection(('localhost', a.getsockname()[1]))\na.accept()[0].send(b'hi')\n"
        "print(json.dumps(b.recv(2).decode()))"
    )
    assert told(tmp_path, code) == "hi"


def test_programs_of_another_architecture_pass_by_no_filter(tmp_path: Path) -> None:
    """The x32 and i386 calls of x86_64 have other numbers."""
    if os.uname().machine != "x86_64":
        pytest.skip("only x86_64 has such calls")
    code = TRIED + ("attempt('x32', lambda: call('syscall', 0x40000000 + 319, b'x', 0))\nprint(json.dumps(found))\n")
    assert told(tmp_path, code) == {"x32": "OSError"}
    # mov eax, 20 (getpid); int 0x80; ret
    code = (
        "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('b814000000cd80c3'))\n"
        "f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\nprint(f())"
    )
    found = outcome(tmp_path, code)
    assert found["exit_code"] == 128 + 31, found
    assert found["stdout"] == ""
