"""What a person sees of a run: a picture that moves on a terminal, plain lines elsewhere, and how it ended."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from memento_memory.plan import Plan, Subtask
from memento_planner import events
from memento_planner.run_state import Status
from memento_planner.solve import Solved
from memento_server import solve_view
from memento_server.solve_view import SolveView

PLAN = Plan((Subtask(1, "Write [milk] to list.txt", (), "notes__write_note"), Subtask(2, "Read it at 10:100:20", (1,))))
PLANNED = events.Planned("p-1", 1, PLAN, "openai:[m]", ("c-1", "c-2"))
WORKED = (
    PLANNED,
    events.SubtaskStarted(1, "Write [milk] to list.txt"),
    events.ToolCalled(1, 1, "notes__write_note", '{"name": "[list]"}'),
    events.ToolReturned(1, 1, "notes__write_note", False, "wrote\n4 characters"),
    events.SubtaskEnded(1, "done", "wrote it"),
    events.SubtaskStarted(2, "Read it at 10:100:20"),
    events.SubtaskEnded(2, "failed", "no such file"),
    events.CycleFailed(1, "step 2: no such [file]"),
)
NO_CURSOR, CURSOR_AGAIN, UP, ERASED = "\x1b[?25l", "\x1b[?25h", "\x1b[1A", "\x1b[2K"
SOLVED = Solved(
    *("p-1", Status.SOLVED, "the file says milk", "The [list] says milk at 10:100:20.", PLAN, "success", "judge"),
    *(1, "c-9", 77, 0.0123, 6.84, 1),
)


def watched(*seen: events.Event, terminal: bool) -> str:
    """What is written of events."""
    out = io.StringIO()
    with SolveView(
        Console(
            file=out,
            force_terminal=terminal,
            width=150,
            color_system=None,
            legacy_windows=False,
            _environ={"TERM": "xterm"},
        )
    ) as view:
        for event in seen:
            view.watch(event)
    return out.getvalue()


def picture(*seen: events.Event) -> list[str]:
    """The lines that a terminal shows last."""
    until_the_end = watched(*seen, terminal=True).split(f"\n{CURSOR_AGAIN}")[0]
    return until_the_end.removeprefix(NO_CURSOR).rsplit(ERASED, 1)[-1].split("\n")


def told(result: Solved) -> str:
    out = io.StringIO()
    solve_view.solved(Console(file=out, width=150, soft_wrap=True), result)
    return out.getvalue()


def test_without_a_terminal_each_thing_that_happens_is_a_plain_line() -> None:
    assert watched(*WORKED, terminal=False).splitlines() == [
        "cycle 1: a plan of 2 steps by openai:[m]",
        "  1. Write [milk] to list.txt",
        "  2. Read it at 10:100:20",
        "step 1: Write [milk] to list.txt",
        "step 1 calls notes__write_note",
        "step 1: notes__write_note answered",
        "step 1: done",
        "step 2: Read it at 10:100:20",
        "step 2: failed",
        "cycle 1 did not work: step 2: no such [file]",
    ]


def test_without_a_terminal_nothing_is_said_of_single_words_and_costs() -> None:
    assert watched(events.Wrote("planner", "{"), events.Spent(7, None, 1.0, 0), terminal=False) == ""


def test_a_terminal_shows_the_plan_with_how_far_each_step_is_and_the_last_calls() -> None:
    assert picture(*WORKED[:4]) == [
        "Plan 1 by openai:[m] from 2 cases p-1",
        "▸ 1. Write [milk] to list.txt (notes__write_note)",
        "· 2. Read it at 10:100:20",
        '  → notes__write_note {"name": "[list]"}',
        "  ← wrote 4 characters",
    ]
    assert picture(*WORKED)[1:3] == ["✓ 1. Write [milk] to list.txt (notes__write_note)", "✗ 2. Read it at 10:100:20"]
    assert picture(*WORKED)[-1] == "cycle 1 did not work: step 2: no such [file]"


def test_only_the_last_calls_stay_in_the_picture() -> None:
    many = [events.ToolCalled(1, i, f"tool{i}", "{}") for i in range(9)]
    assert picture(PLANNED, *many)[3:] == [f"  → tool{i} {{}}" for i in range(3, 9)]


def test_the_end_of_what_is_being_written_is_shown_and_what_it_costs() -> None:
    written = [events.Wrote("synthesis", f"{i}\n") for i in range(1_000)]
    *_, line, cost = picture(*written, events.Spent(1_200, 0.5, 3.0, 1))
    assert line.startswith("synthesis: ")
    assert line.endswith(" 997 998 999")
    assert cost == "1200 tokens, $0.5000, 1 call, 3.0 s"


def test_what_another_role_writes_takes_the_place_of_what_was_written() -> None:
    assert picture(events.Wrote("planner", "abc"), events.Wrote("executor", "def")) == ["executor: def"]


def test_a_new_plan_takes_the_place_of_the_one_that_failed() -> None:
    second = events.Planned("p-2", 2, Plan((Subtask(1, "Look first"),)), "adapted", ())
    assert picture(*WORKED, second)[:2] == ["Plan 2 by adapted from 0 cases p-2", "· 1. Look first"]


def test_the_picture_is_gone_in_the_end_and_the_cursor_is_back() -> None:
    seen = watched(*WORKED[:4], terminal=True)
    assert seen.endswith(CURSOR_AGAIN + "\r" + f"{UP}{ERASED}" * 5)


def test_the_picture_is_gone_too_when_watching_breaks_off() -> None:
    out = io.StringIO()

    def breaks_off() -> None:
        with SolveView(Console(file=out, force_terminal=True, _environ={"TERM": "xterm"})) as view:
            view.watch(PLANNED)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks_off()
    assert out.getvalue().rpartition(CURSOR_AGAIN)[2].count(ERASED) == 3


def test_the_end_tells_status_steps_answer_and_cost() -> None:
    assert told(SOLVED).splitlines() == [
        "solved",
        "the file says milk",
        "  1. Write [milk] to list.txt (notes__write_note)",
        "  2. Read it at 10:100:20",
        "The [list] says milk at 10:100:20.",
        "success by judge; 77 tokens, $0.0123, 1 call, 6.8 s; kept as c-9",
        "plan_id: p-1",
    ]


def test_what_ran_out_stands_beside_the_status() -> None:
    gave_up = replace(SOLVED, status=Status.GAVE_UP, why="tokens", outcome="unknown", case_id="", dollars=None, calls=2)
    assert told(gave_up).splitlines()[0] == "gave_up: tokens"
    assert told(gave_up).splitlines()[-2] == "unknown by judge; 77 tokens, 2 calls, 6.8 s"


@pytest.mark.parametrize("answer", ["[red]{x}[/red]", ":warning: 10:100:20", "a\\[b]", "[/nothing]", "two\n  lines"])
def test_an_answer_is_shown_as_it_is(answer: str) -> None:
    assert f"\n{answer}\n" in told(replace(SOLVED, answer=answer))


def test_an_answer_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in told(replace(SOLVED, answer="\x1b]0;owned\x07 \x1b[2J milk"))
    assert "\x1b" not in watched(replace(PLANNED, source="\x1b[2J"), terminal=False)
    assert "\x1b[2J" not in watched(events.Wrote("planner", "\x1b[2J"), terminal=True)
    assert "\x1b[2J" not in watched(events.ToolCalled(1, 1, "a\x1b[2J", "\x1b[2J"), terminal=True)
