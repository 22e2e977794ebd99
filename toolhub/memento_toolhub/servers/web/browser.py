"""A Chromium found on the machine, started anew for each page, with no network of its own."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil

from memento_toolhub.process.children import of_this_process
from memento_toolhub.servers.kit.call_error import CallError

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Playwright

logger = logging.getLogger(__name__)

PROGRAM_VARIABLE = "MEMENTO_BROWSER"
SANDBOX_VARIABLE = "MEMENTO_BROWSER_SANDBOX"

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
_DOWNLOADED = ("*/chrome", "*/chrome.exe", "*/*.app/Contents/MacOS/*")

# Interception sees what a page asks for, not what the browser prepares (preconnect) or sends beside HTTP (WebSocket,
# TURN): a proxy that cannot exist and a resolver that knows nobody stop the rest.
_NO_NETWORK = (
    "--proxy-server=http://nothing.invalid:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_SWITCHES = (*_NO_NETWORK, "--disable-quic", "--block-new-web-contents", "--js-flags=--max-old-space-size=512")
# WebRTC sends UDP past every proxy unless the profile forbids it; the switch of that name does nothing when headless.
_PREFERENCES = {
    "webrtc": {
        "ip_handling_policy": "disable_non_proxied_udp",
        "multiple_routes_enabled": False,
        "nonproxied_udp_enabled": False,
    }
}
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "LOCALAPPDATA", "PROGRAMFILES")
_LONGEST_TMPDIR = 60
_LAUNCH_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Program:
    """The browser that is used.

    Attributes:
        path: of its program; None where there is none.
        sandbox: whether its own sandbox stays on.
        problem: why no page can be rendered, and what to do; empty where one can.
    """

    path: Path | None
    sandbox: bool
    problem: str = ""


def find_program(environment: Mapping[str, str]) -> Program:
    """The browser the settings name, or one found on the machine."""
    from importlib.util import find_spec

    sandbox = environment.get(SANDBOX_VARIABLE, "on").lower() not in ("off", "0", "no", "false")
    named = environment.get(PROGRAM_VARIABLE, "")
    if named.lower() == "none":
        return Program(None, sandbox, f"the browser is switched off ({PROGRAM_VARIABLE}=none)")
    path = Path(named).expanduser() if named else _found()
    if find_spec("playwright") is None:
        return Program(
            path, sandbox, "playwright is not installed; install it with: pip install 'memento-cbr[browser]'"
        )
    if path is None:
        return Program(path, sandbox, f"no Chromium or Chrome was found; install one or set {PROGRAM_VARIABLE}")
    if not os.access(path, os.X_OK) or path.is_dir():
        return Program(path, sandbox, f"{PROGRAM_VARIABLE}: {path} is no program that can be run")
    if sandbox and _is_root():
        unsafe = f"set {SANDBOX_VARIABLE}=off where a container is the boundary"
        return Program(path, sandbox, f"Chromium's sandbox refuses to run as root; use another account, or {unsafe}")
    return Program(path, sandbox)


def _found() -> Path | None:
    places = [*map(shutil.which, _NAMES), *_PLACES]
    installed = [Path(place) for place in places if place and Path(place).is_file()]
    return next(iter([*installed, *_downloaded()]), None)


def _downloaded() -> list[Path]:
    """The browsers that Playwright's own installer put into its cache, the newest first."""
    caches = {
        "darwin": Path.home() / "Library" / "Caches",
        "win32": Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")),
    }
    default = caches.get(sys.platform, Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))) / "ms-playwright"
    folders = sorted(Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", default)).glob("chromium-*"), reverse=True)
    return [path for folder in folders for pattern in _DOWNLOADED for path in folder.glob(pattern) if path.is_file()]


def _is_root() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


@asynccontextmanager
async def isolated(program: Program) -> AsyncIterator[tuple[BrowserContext, Path]]:
    """An empty browser in a process of its own, and the folder of its profile; both are gone afterwards.

    Raises:
        CallError: if it cannot be started.
    """
    if program.problem:
        raise CallError(f"render: {program.problem}")
    from playwright.async_api import async_playwright

    with (
        tempfile.TemporaryDirectory(prefix="memento-browser-", ignore_cleanup_errors=True) as folder,
        of_this_process().watch() as child,
    ):
        home = Path(folder)
        manager = async_playwright()
        # Half-started, it could not be closed.
        with anyio.CancelScope(shield=True):
            playwright = await manager.start()
        try:
            with anyio.CancelScope(shield=True):
                context = await _launch(playwright, program, home, child.environment)
            yield context, home
        finally:
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True) as closing:
                await manager.__aexit__()
            if closing.cancelled_caught:
                logger.warning("The browser did not close in %g s and is ended", _CLOSE_SECONDS)


def memory_mb(home: Path) -> int:
    """What the processes of the browser with this profile hold, without what they share."""
    total, folder = 0, str(home)
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if folder in " ".join(process.cmdline()):
                family = [process, *process.children(recursive=True)]
                total += sum(_own_memory(member) for member in family)
                break
    return total >> 20


def _own_memory(process: psutil.Process) -> int:
    try:
        info = process.memory_info()
    except psutil.Error:  # it has just ended
        return 0
    return int(info.rss - getattr(info, "shared", 0))


async def _launch(playwright: Playwright, program: Program, home: Path, marker: Mapping[str, str]) -> BrowserContext:
    from playwright.async_api import Error

    default = home / "profile" / "Default"
    default.mkdir(parents=True)
    (default / "Preferences").write_text(json.dumps(_PREFERENCES), encoding="utf-8")
    try:
        # Only a profile of ours can hold preferences; pages get a context that keeps everything in memory.
        persistent = await playwright.chromium.launch_persistent_context(
            home / "profile",
            executable_path=program.path,
            chromium_sandbox=program.sandbox,
            args=list(_SWITCHES),
            env={**_environment(home), **marker},
            timeout=_LAUNCH_SECONDS * 1000,
        )
        if persistent.browser is None:
            raise CallError("render: this version of Playwright is too old; update it")
        return await persistent.browser.new_context(service_workers="block", accept_downloads=False)
    except Error as error:
        raise CallError(f"render: {program.path} does not start{_why(str(error))}") from error


def _environment(home: Path) -> dict[str, str]:
    """Nothing of ours beyond what a program needs to start."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # It makes a socket in the folder for temporary files, whose path may have about a hundred characters.
    short = {"TMPDIR": str(home)} if len(str(home)) < _LONGEST_TMPDIR else {}
    return {**kept, **short, "HOME": str(home)}


def _why(message: str) -> str:
    lines = message.splitlines() or [""]
    fatal = next((line for line in lines if "FATAL" in line or "usable sandbox" in line), lines[0])
    if "sandbox" in fatal:
        return f": its sandbox cannot work here; set {SANDBOX_VARIABLE}=off where a container is the boundary"
    return f" ({fatal[:300]})"
