"""The demo's second story: a plan carried out with the tools of another server, through the relay."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from memento_server.demo import view

if TYPE_CHECKING:
    from memento_server.demo.tool_client import ToolClient


@dataclass(frozen=True, slots=True)
class Work:
    """A task, the server whose tools do it, and the calls an agent makes.

    Attributes:
        server: its entry in a tools file.
        calls: tools by the server's own names, with their arguments.
        again: a task like it, asked afterwards.
    """

    name: str
    server: dict[str, Any]
    task: str
    context: str
    calls: tuple[tuple[str, dict[str, Any]], ...]
    again: str


def choose(folder: Path) -> Work:
    """Work for the server that is there: mcp-server-git, else server-filesystem, else the one bundled with Memento."""
    if importlib.util.find_spec("mcp_server_git") and shutil.which("git"):
        return _git(folder)
    if command := shutil.which("mcp-server-filesystem"):
        return _filesystem(folder, command)
    return _notes(folder)


@contextlib.contextmanager
def tools_file(folder: Path, work: Work) -> Iterator[Path]:
    """A tools file that names the server of this work."""
    file = folder / "tools.json"
    file.write_text(json.dumps({"mcpServers": {work.name: work.server}}, indent=2), encoding="utf-8")
    yield file


async def tell(client: ToolClient, work: Work, out: Console) -> dict[str, Any]:
    """Plan, carry the plan out with relayed tools, record it without saying how, and look at what was kept."""
    view.heading(out, f"Task: {work.task}")
    planned = await client.call("plan_with_memory", task=work.task, context=work.context)
    view.planned(out, planned)
    out.print(f"Carried out with the tools of {work.name}, through Memento:")
    for tool, arguments in work.calls:
        text = await client.call_text(f"{work.name}__{tool}", **arguments)
        out.print(f"  {work.name}__{tool}: {text.splitlines()[0][:80] if text else 'done'}", markup=False)
    recorded = await client.call(
        "record_outcome", outcome="success", plan_id=planned["plan_id"], evidence="tool_result"
    )
    view.recorded(out, recorded)
    episode = await client.read_json(f"memento://episodes/{planned['plan_id']}")
    out.print("The episode keeps the trace:")
    for call in episode["trace"]:
        fate = "failed" if call["is_error"] else "ok"
        out.print(f"  {call['server']}__{call['tool']} {fate}, {call['duration_ms']:.0f} ms", markup=False)
    view.heading(out, f"A task like it: {work.again}")
    again = await client.call("plan_with_memory", task=work.again, context=work.context)
    view.planned(out, again, most=1)
    return {"task": work.task, "planned": planned, "recorded": recorded, "trace": episode["trace"], "again": again}


def _git(folder: Path) -> Work:
    repository = folder / "website"
    repository.mkdir()
    who = {"GIT_AUTHOR_NAME": "Demo", "GIT_AUTHOR_EMAIL": "demo@example.org"}
    who |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in who.items()}
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True, capture_output=True)
    (repository / "pricing.html").write_text("<h1>Pricing</h1>\n", encoding="utf-8")
    path = str(repository)
    return Work(
        name="git",
        server={"command": sys.executable, "args": ["-m", "mcp_server_git"], "env": who},
        task="Put the new file pricing.html under version control in the website repository",
        context="git repository website",
        calls=(
            ("git_status", {"repo_path": path}),
            ("git_add", {"repo_path": path, "files": ["pricing.html"]}),
            ("git_commit", {"repo_path": path, "message": "Add pricing.html"}),
            ("git_log", {"repo_path": path, "max_count": 1}),
        ),
        again="Put the new file contact.html under version control in the website repository",
    )


def _filesystem(folder: Path, command: str) -> Work:
    room = folder / "notes"
    room.mkdir()
    file = str(room / "minutes.txt")
    return Work(
        name="files",
        server={"command": command, "args": [str(room)], "env": {"PATH": os.environ.get("PATH", "")}},
        task="Write the minutes of the meeting into minutes.txt in the notes folder",
        context="notes folder",
        calls=(
            ("write_file", {"path": file, "content": "Present: everybody.\n"}),
            ("read_text_file", {"path": file}),
            ("list_directory", {"path": str(room)}),
        ),
        again="Write the agenda of the meeting into agenda.txt in the notes folder",
    )


def _notes(folder: Path) -> Work:
    room = folder / "notes"
    room.mkdir()
    return Work(
        name="notes",
        server={"command": sys.executable, "args": ["-m", "memento_toolhub.servers.notes", str(room)]},
        task="Write the minutes of the meeting into minutes.txt in the notes folder",
        context="notes folder",
        calls=(
            ("write_note", {"name": "minutes.txt", "text": "Present: everybody.\n"}),
            ("read_note", {"name": "minutes.txt"}),
            ("list_notes", {}),
        ),
        again="Write the agenda of the meeting into agenda.txt in the notes folder",
    )
