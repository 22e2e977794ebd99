"""Run the official MCP conformance suite on our fixture server, directly and through the relay, and compare.

`python tools/conformance.py` ends with status 0 when both protocol revisions are met, 1 when they are not, and 3 when
the suite cannot be run here; with --optional that last case is a success too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from conformance_suite import Suite, UnavailableError, install
from conformance_verdict import Results, judge, table

ROOT = Path(__file__).resolve().parent.parent
FIXTURE = ROOT / "tests" / "conformance" / "fixture_server.py"
REVISIONS = ("2025-11-25", "2026-07-28")
START_S = 120
STOP_S = 15


class NotServingError(Exception):
    """A server that was started did not come up; the message ends with what it logged."""


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given = _arguments()
    try:
        suite = install()
    except UnavailableError as why:
        print(f"conformance: not run: {why}")
        return 0 if given.optional else 3
    with tempfile.TemporaryDirectory(prefix="memento-conformance-") as folder:
        work = Path(folder)
        try:
            direct = _direct(suite, given.revision, work)
            relayed: dict[str, Results] = {
                f"relayed ({name})": _relayed(suite, given.revision, work, name, given.relay)
                for name in _backends(given.backend)
            }
        except (NotServingError, UnavailableError) as why:
            print(f"conformance: stopped: {why}")
            return 1
    verdict = judge(direct, relayed)
    print(*table({"directly": direct} | relayed), sep="\n")
    for remark in verdict.remarks:
        print(f"  remark: {remark}")
    for problem in verdict.problems:
        print(f"  PROBLEM: {problem}")
    print("conformance: not met" if verdict.problems else "conformance: met")
    return 1 if verdict.problems else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--backend",
        choices=["http", "stdio", "both", "none"],
        default="http",
        help="how the relay reaches the fixture server; 'none' leaves the relay out (default: http)",
    )
    parser.add_argument(
        "--revision", action="append", choices=REVISIONS, help="a protocol revision; may be repeated (default: all)"
    )
    parser.add_argument(
        "--relay", help="another relay to run instead of Memento: a command with {port} and {target} in it"
    )
    parser.add_argument("--optional", action="store_true", help="succeed where the suite cannot be run")
    given = parser.parse_args()
    given.revision = given.revision or list(REVISIONS)
    return given


def _backends(chosen: str) -> tuple[str, ...]:
    return {"both": ("http", "stdio"), "none": ()}.get(chosen, (chosen,))


def _direct(suite: Suite, revisions: list[str], work: Path) -> Results:
    with _fixture(work) as url:
        return {revision: suite.run(url, revision, work / "directly" / revision) for revision in revisions}


def _relayed(suite: Suite, revisions: list[str], work: Path, backend: str, other_relay: str | None) -> Results:
    port = _free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    out = work / f"relayed-{backend}"
    with contextlib.ExitStack() as stack:
        stdio = [sys.executable, str(FIXTURE)]
        target = stack.enter_context(_fixture(work)) if backend == "http" else shlex.join(stdio)
        if other_relay:
            command = shlex.split(other_relay.format(port=port, target=shlex.quote(target)))
        else:
            entry = {"type": "http", "url": target} if backend == "http" else {"command": stdio[0], "args": stdio[1:]}
            command = _memento(port, entry, work / f"tools-{backend}.json")
        stack.enter_context(_serving(f"relay-{backend}", command, port, work))
        if backend == "stdio":
            # The suite gives one call 0.6 s, and a child that serves a host of that kind takes longer to start.
            suite.run(url, revisions[-1], out / "first, not counted")
        return {revision: suite.run(url, revision, out / revision) for revision in revisions}


def _memento(port: int, entry: Mapping[str, object], tools: Path) -> list[str]:
    """The command that serves one downstream server as if it were served directly: the suite knows its tools' names."""
    config = {"mcpServers": {"fixture": {**entry, "prefix": "", "expose": "all"}}}
    tools.write_text(json.dumps(config), encoding="utf-8")
    serve = [sys.executable, "-m", "memento_server", "serve", "--http", "--port", str(port)]
    return [*serve, "--tools", str(tools)]


@contextlib.contextmanager
def _fixture(work: Path) -> Iterator[str]:
    port = _free_port()
    with _serving("fixture", [sys.executable, str(FIXTURE), "--http", str(port)], port, work):
        yield f"http://127.0.0.1:{port}/mcp"


@contextlib.contextmanager
def _serving(name: str, command: list[str], port: int, work: Path) -> Iterator[None]:
    """A server that accepts connections on its port for as long as the context lasts, with nothing of the user's."""
    log = work / f"{name}.log"
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            env=_environment(work / name),
            start_new_session=True,
        )
        try:
            _wait(name, process, port, log)
            yield
        finally:
            _stop(name, process)


def _environment(home: Path) -> Mapping[str, str]:
    """This environment with the bank and every folder for data, configuration, state and cache replaced by fresh ones.

    Only the prepared embedding models are shared, because making them takes minutes.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMENTO_")}
    models = os.environ.get("MEMENTO_CACHE") or f"{os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'}/memento"
    shared = {"MEMENTO_CACHE": models} if Path(models).is_dir() else {}
    fresh = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("DATA", "CONFIG", "STATE", "CACHE")}
    return kept | fresh | shared | {"MEMENTO_BANK": str(home / "bank.sqlite3")}


def _wait(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    tail = " | ".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])
    state = f"did not listen within {START_S} s" if process.poll() is None else f"ended with {process.returncode}"
    raise NotServingError(f"{name} {state}: {tail}")


def _stop(name: str, process: subprocess.Popen[bytes]) -> None:
    """End a server; one that does not go is killed with its process group, and that is said."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        print(f"conformance: {name} did not end within {STOP_S} s of being asked to, and was killed")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
