"""Reference servers from npm, installed once per machine and found there by every later run."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

VERSION = "2026.8.31"
SERVERS = ("everything", "filesystem", "memory")
_INSTALLING_S = 600


class MissingError(Exception):
    """The servers cannot be run on this machine; the message says why."""


def command(server: str) -> list[str]:
    """The command that starts one of `SERVERS` by node.

    Raises:
        MissingError: if there is no node, or they could not be installed.
    """
    node = shutil.which("node")
    if node is None:
        raise MissingError("node is not installed")
    return [node, str(_installed() / "node_modules" / _package(server) / "dist" / "index.js")]


@functools.cache
def _installed() -> Path:
    """The folder the packages are in; they are installed there first where they are not."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memento-tests" / "npm"
    home.mkdir(parents=True, exist_ok=True)
    folder = home / VERSION
    with FileLock(home / "lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=home) as unfinished:
                _install(Path(unfinished) / VERSION)
                (Path(unfinished) / VERSION).rename(folder)
    return folder


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("npm is not installed")
    folder.mkdir()
    packages = [f"{_package(server)}@{VERSION}" for server in SERVERS]
    install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages]
    try:
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=_INSTALLING_S)
    except subprocess.TimeoutExpired as error:
        raise MissingError(f"npm did not end within {_INSTALLING_S} s") from error
    except subprocess.CalledProcessError as error:
        raise MissingError(f"npm could not install them: {error.stderr[-300:]}") from error


def _package(server: str) -> str:
    return f"@modelcontextprotocol/server-{server}"
