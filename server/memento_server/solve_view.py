"""A run as a person watches it: the plan with its steps, the calls, what is being written and what it costs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from memento_memory.plan import Plan
from memento_memory.text import harmless, shown
from memento_planner import events
from memento_server.jobs import words

if TYPE_CHECKING:
    from types import TracebackType

    from memento_planner.solve import Solved

_MARKS = {"": "[dim]·[/dim]", "working": "[cyan]▸[/cyan]", "done": "[green]✓[/green]"}
_WRONG = "[red]✗[/red]"
_LINES = 6
_WIDTH = 110


class SolveView:
    """Shows events as they come: a picture that moves on a terminal, a line each elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(console=console, auto_refresh=False, transient=True)
            if console.is_terminal and not console.is_dumb_terminal
            else None
        )
        self._head = ""
        self._plan: Plan | None = None
        self._status: dict[int, str] = {}
        self._log: deque[str] = deque(maxlen=_LINES)
        self._writer, self._writing = "", ""
        self._spent = ""
        self._said = ""

    def __enter__(self) -> SolveView:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live:
            self._live.stop()

    def watch(self, event: events.Event) -> None:
        """Take in what happened."""
        self._note(event)
        if self._live:
            self._live.update(self._picture(), refresh=True)
        elif not isinstance(event, events.Wrote | events.Spent) and (said := words(event)) != self._said:
            self._said = said
            _plainly(self._console, said)
            if isinstance(event, events.Planned):
                for line in event.plan.text().splitlines():
                    _plainly(self._console, f"  {line}")

    def _note(self, event: events.Event) -> None:
        match event:
            case events.Planned(cycle=cycle, plan=plan, source=source, cases=cases, plan_id=plan_id):
                self._plan, self._status, self._writing = plan, {}, ""
                told = f"by {escape(_line(source))} from {len(cases)} cases"
                self._head = f"[bold]Plan {cycle}[/bold] {told} [dim]{plan_id}[/dim]"
            case events.SubtaskStarted(subtask=subtask):
                self._status[subtask] = "working"
            case events.SubtaskEnded(subtask=subtask, status=status):
                self._status[subtask] = status
                self._writing = ""
            case events.ToolCalled(tool=tool, arguments=arguments):
                self._log.append(f"  → {escape(_line(tool))} [dim]{escape(_line(arguments))}[/dim]")
            case events.ToolReturned(tool=tool, is_error=is_error, text=text):
                colour = "red" if is_error else "dim"
                self._log.append(f"  ← [{colour}]{escape(_line(text))}[/{colour}]")
            case events.Wrote(role=role, text=text):
                self._writing = (self._writing if self._writer == role else "")[-_WIDTH:] + text
                self._writer = role
            case events.Spent():
                self._spent = spending(event.tokens, event.dollars, event.seconds, event.calls)
            case events.Planning() | events.CycleFailed() | events.Judged():
                self._log.append(escape(words(event)))

    def _picture(self) -> Group:
        parts = [_marked(self._head)] if self._head else []
        for step in self._plan.subtasks if self._plan else ():
            mark = _MARKS.get(self._status.get(step.id, ""), _WRONG)
            tool = f" [dim]({escape(_line(step.tool))})[/dim]" if step.tool else ""
            parts.append(_marked(f"{mark} {step.id}. {escape(_line(step.description))}{tool}"))
        parts += [_marked(line) for line in self._log]
        if self._writing:
            tail = " ".join(harmless(self._writing).split())[-_WIDTH:]
            parts.append(Text(f"{self._writer}: {tail}", style="italic dim"))
        if self._spent:
            parts.append(Text(self._spent, style="dim"))
        return Group(*parts)


def spending(tokens: int, dollars: float | None, seconds: float, calls: int) -> str:
    """What was spent, in words."""
    money = "" if not dollars else f", ${dollars:.4f}"
    return f"{tokens} tokens{money}, {calls} call{'' if calls == 1 else 's'}, {seconds:.1f} s"


def solved(console: Console, result: Solved) -> None:
    """How it ended: status, steps, answer and what it cost."""
    colour = {"solved": "green", "failed": "red"}.get(result.status.value, "yellow")
    what = f": {result.why}" if result.status.value == "gave_up" else ""
    console.print(_marked(f"[{colour} bold]{result.status.value}{escape(what)}[/]"))
    if result.why and not what:
        _plainly(console, shown(result.why, 600), "dim")
    for step in result.plan.subtasks if result.plan else ():
        tool = f" [dim]({escape(shown(step.tool, 60))})[/dim]" if step.tool else ""
        console.print(_marked(f"  {step.id}. {escape(shown(step.description, 400))}{tool}"))
    if result.answer:
        _plainly(console, harmless(result.answer))
    told = f"{result.outcome} by {result.evidence}; " if result.outcome else ""
    spent = spending(result.tokens, result.dollars, result.seconds, result.calls)
    case = f"; kept as {result.case_id}" if result.case_id else ""
    _plainly(console, f"{told}{spent}{case}\nplan_id: {result.plan_id}", "dim")


def _line(text: str) -> str:
    return shown(" ".join(text.split()), _WIDTH)


def _marked(text: str) -> Text:
    """A text with marks for its style; what looks like the name of an emoji stays as it is."""
    return Text.from_markup(text, emoji=False)


def _plainly(console: Console, text: str, style: str = "") -> None:
    """Print a text exactly as it is."""
    console.print(Text(text, style=style))
