"""`memento solve`, in a process or in this one, before a model on loopback that says what a test wants."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from typer.main import get_command

from integration.banks import rows
from integration.processes import PATIENCE_S, Run, changed_environment, memento, until
from integration.relays import kept_in, tools_file
from memento_memory.bank import CaseBank
from memento_memory.case import Episode
from memento_planner import run_state
from memento_planner.run_state import RunState
from memento_server.cli import app
from planner.openai_talk import call, chunk, said, stream, usage
from planner.wire_server import Answer, WireServer
from server.behind_relay import notes
from server.notes_here import notes_here

TASK = "Write the shopping list to list.txt and read it back"
WRITE, READ = ("Write milk to list.txt", "notes__write_note"), ("Read list.txt", "notes__read_note")
SILENCE = Answer(["never sent"], pause_s=3_600.0)
BROKEN = stream(chunk(content="I was about to"), cut=True)
GOOD = said('{"reason": "the file says milk", "verdict": "success", "score": 1}')


def a_plan(*steps: tuple[str, str]) -> Answer:
    """A plan of (description, tool), each step after the one before."""
    listed = [
        {"id": i, "description": text, "depends_on": [i - 1] if i > 1 else [], "tool": tool}
        for i, (text, tool) in enumerate(steps, start=1)
    ]
    return said(json.dumps({"plan": listed}))


def a_call(tool: str, **given: Any) -> Answer:
    """A reply that wants a tool called."""
    wanted = call(0, id="call-1", name=tool, arguments=json.dumps(given))
    return stream(chunk(tool_calls=[wanted]), chunk(finish="tool_calls"), usage(9, 2), "[DONE]")


WRITES = a_call("notes__write_note", name="list.txt", text="milk")
READS = a_call("notes__read_note", name="list.txt")
PLAN, FIRST_STEP, SECOND_STEP = a_plan(WRITE, READ), [WRITES, said("wrote it")], [READS, said("it says milk")]
THE_END = [said("The list says milk."), GOOD]


@dataclass(frozen=True)
class Ended:
    """What a process left."""

    status: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        return dict(json.loads(self.out))

    @property
    def plan_id(self) -> str:
        """As it is told to people."""
        return self.out.rpartition("plan_id: ")[2].strip()


class Begun:
    """A process at work."""

    def __init__(self, process: psutil.Popen, out: Path, err: Path) -> None:
        self.process = process
        self._seen: set[psutil.Process] = set()
        self._out, self._err = out, err

    @property
    def err(self) -> str:
        """What is on its stderr so far."""
        return self._err.read_text(encoding="utf-8")

    def until_said(self, words: str) -> None:
        """Wait until it has said something on stderr."""
        until(lambda: words in self.err or not self.process.is_running(), words)
        assert words in self.err, self.err
        self.children()

    def until_asked(self, model: WireServer, times: int) -> None:
        """Wait until the model was asked so often."""
        until(lambda: len(model.requests) >= times or self.process.poll() is not None, f"request {times}")
        assert len(model.requests) >= times, self.err
        self.children()

    def children(self) -> set[psutil.Process]:
        """Every process it has started, as far as somebody looked."""
        if self.process.is_running():
            self._seen.update(self.process.children(recursive=True))
        return self._seen

    def signal(self, *numbers: int) -> Ended:
        """Send signals, one right after the other, and wait for the end."""
        self.children()
        for number in numbers:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> Ended:
        """Wait for the end."""
        status = self.process.wait(PATIENCE_S)
        return Ended(int(status), self._out.read_text(encoding="utf-8"), self.err)

    def nothing_left(self) -> bool:
        """Whether all it has started is gone, at the latest after a while."""
        return until(lambda: not any(map(_lives, self._seen)), "the end of all its processes")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Desk:
    """A folder with a bank, notes, and a tools file for them.

    Attributes:
        servers: what the tools file names; None for no file.
        served: where the notes are served already; None for a process that each run starts.
    """

    path: Path
    servers: Mapping[str, Any] | None = None
    served: Mapping[str, Any] | None = None
    notes: Path = field(init=False)
    bank: Path = field(init=False)
    _begun: int = 0

    def __post_init__(self) -> None:
        self.notes, self.bank = self.path / "notes", self.path / "bank.sqlite3"
        self.notes.mkdir(exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """An environment in which nothing of this machine's user is touched."""
        return kept_in(self.path) | {"MEMENTO_TOOLS": "none", "MEMENTO_MODEL": "", "COLUMNS": "200"}

    def with_notes(self, **more: Any) -> Desk:
        """The same with the notes server, and others."""
        self.servers = {"notes": self.served or notes(self.notes), **more}
        return self

    def arguments(self, model: WireServer | None, *given: str) -> list[str]:
        """The command line after `memento`."""
        named = ["--model", f"openai:scripted@{model.url}/v1"] if model else []
        tools = ["--tools", str(tools_file(self.path, self.servers))] if self.servers is not None else []
        return ["solve", *given, *named, *tools, "--bank", str(self.bank)]

    def run(self, model: WireServer | None, *given: str, by: Run = memento, **more: str) -> Ended:
        """Solve to the end.

        Args:
            by: what runs the command line.
            more: for `by`, such as what is `given` on stdin.
        """
        done = by(*self.arguments(model, *given), env=self.environment, **more)
        return Ended(done.returncode, done.stdout, done.stderr)

    def run_here(self, model: WireServer | None, *given: str) -> Ended:
        """Solve to the end in this process, which saves the start of another; an error it ends with is raised."""
        out, err = io.StringIO(), io.StringIO()
        with changed_environment(self.environment), redirect_stdout(out), redirect_stderr(err):
            status = _command().main(self.arguments(model, *given), "memento", standalone_mode=False)
        return Ended(int(status), out.getvalue(), err.getvalue())

    @contextmanager
    def begin(self, model: WireServer, *given: str) -> Iterator[Begun]:
        """Begin to solve; gone afterwards, whatever happened."""
        self._begun += 1
        out, err = (self.path / f"{name}-{self._begun}.txt" for name in ("out", "err"))
        command = [sys.executable, "-m", "memento_server", *self.arguments(model, *given)]
        with out.open("w") as stdout, err.open("w") as stderr:
            process = psutil.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **self.environment},
                start_new_session=True,  # so that what `timeout` sends to its group does not reach the tests
            )
        begun = Begun(process, out, err)
        try:
            yield begun
        finally:
            if process.is_running():
                process.kill()
            process.wait(PATIENCE_S)

    @contextmanager
    def opened(self) -> Iterator[CaseBank]:
        """The bank, opened as any process would."""
        bank = CaseBank(self.bank)
        try:
            yield bank
        finally:
            bank.close()

    def state(self, plan_id: str) -> RunState:
        """A run as it is written down."""
        with self.opened() as bank:
            return run_state.load(bank.database, plan_id)

    def episode(self, plan_id: str) -> Episode:
        """An episode as it is written down."""
        with self.opened() as bank:
            return bank.episode(plan_id)

    def the_run(self) -> str:
        """The plan_id of the only run."""
        ((plan_id,),) = rows(self.bank, "SELECT plan_id FROM runs JOIN episodes ON key = episode_key")
        return str(plan_id)

    @property
    def note(self) -> str:
        """What is in the list."""
        return (self.notes / "list.txt").read_text(encoding="utf-8")


@contextmanager
def desk_with_notes(path: Path) -> Iterator[Desk]:
    """A desk with the notes server, which listens in this process."""
    with notes_here(path / "notes") as served:
        yield Desk(path, served=served).with_notes()


@cache
def _command() -> Any:
    """The command line; to build it takes a tenth of a second."""
    return get_command(app)
