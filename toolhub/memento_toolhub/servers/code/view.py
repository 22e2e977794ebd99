"""What is to be seen inside the sandbox: programs and Python to read, one folder to write, nothing of the caller's."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from memento_toolhub.servers.code.inside import WORKSPACE
from memento_toolhub.servers.code.limits import Limits

HOME = "/home/agent"
START = "/run/memento/start.py"
"""The file what runs inside begins with; it is there when all else is."""
NAME = "sandbox"
USER = 1000
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = ("ld.so.cache", "alternatives", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "ca-certificates/extracted")
_ETC_MORE = ("fonts", "libreoffice", "localtime", "mime.types", "os-release", "magic")
_ETC_NETWORK = ("resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "services", "protocols")
_OF_A_PREFIX = ("bin", "lib", "lib64", "libexec", "include", "share", "ssl", "pyvenv.cfg")
_FILES = {
    "/etc/passwd": f"root:x:0:0:root:/:/bin/false\nagent:x:{USER}:{USER}:agent:{HOME}:/bin/sh\n",
    "/etc/group": f"root:x:0:\nagent:x:{USER}:\n",
}
_HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


def isolation(*, network: bool) -> list[str]:
    """The namespaces and the privileges, as bwrap's arguments."""
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        *(("--share-net",) if network else ()),
        *("--cap-drop", "ALL", "--uid", str(USER), "--gid", str(USER), "--hostname", NAME, "--clearenv"),
    ]


def mounts(workspace: Path, limits: Limits, *, network: bool) -> list[str]:
    """The file system but for our own small files, as bwrap's arguments."""
    etc = _ETC + _ETC_MORE + (_ETC_NETWORK if network else ())
    temporary, shared = str(limits.temporary), str(limits.shared)
    return [
        *("--ro-bind", "/usr", "/usr"),
        *(argument for name in _TOP for argument in _top(Path("/", name))),
        *(argument for name in etc for argument in _read_only(Path("/etc", name))),
        # Where the caller is root, files of /proc/sys are the sandbox's own to write, although it has no privilege.
        *("--proc", "/proc", "--remount-ro", "/proc"),
        *("--dev", "/dev", "--size", shared, "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
        *("--size", temporary, "--perms", "1777", "--tmpfs", "/tmp", "--size", temporary, "--tmpfs", HOME),
        *("--bind", str(workspace), WORKSPACE, "--chdir", WORKSPACE),
        # Last, for they may lie below one of the folders above.
        *(argument for folder in python_folders() for argument in _read_only(folder)),
    ]


def files(*, network: bool) -> dict[str, str]:
    """Files of our own, by their place."""
    return _FILES if network else {**_FILES, "/etc/hosts": _HOSTS, "/etc/nsswitch.conf": "hosts: files\n"}


def environment() -> dict[str, str]:
    """All there is of an environment."""
    path = [f"{sys.prefix}/bin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"]
    return {
        "HOME": HOME,
        "USER": "agent",
        "PATH": ":".join(dict.fromkeys(path)),
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        # Made anew in each run, the list of fonts would take seconds of it.
        "MPLCONFIGDIR": f"{WORKSPACE}/.cache/matplotlib",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def python_folders() -> list[Path]:
    """Where this Python and its packages lie, as far as programs need them; each in its place."""
    prefixes = [Path(prefix) for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)]
    prefixes += [hop.parent.parent for hop in _hops(Path(sys.executable))]
    found = dict.fromkeys(prefix for named in prefixes for prefix in (named, named.resolve()))
    outside = [prefix for prefix in found if not prefix.is_relative_to("/usr")]
    return [prefix / part for prefix in outside for part in _OF_A_PREFIX if (prefix / part).exists()]


def _hops(link: Path) -> Iterator[Path]:
    """A path and those its last link names, one after the other."""
    for _ in range(40):
        yield link
        if not link.is_symlink():
            return
        link = Path(os.path.normpath(link.parent / link.readlink()))


def _top(path: Path) -> tuple[str, ...]:
    if path.is_symlink():
        return ("--symlink", str(path.readlink()), str(path))
    return ("--ro-bind", str(path), str(path)) if path.is_dir() else ()


def _read_only(path: Path) -> tuple[str, ...]:
    return ("--ro-bind", str(path.resolve()), str(path)) if path.exists() else ()
