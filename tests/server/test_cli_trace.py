"""What people and models see of a trace: bounded, harmless, and what is left out is counted."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from memento_memory.case import Episode, Task
from memento_memory.trace import MAX_CALL_CHARS, MAX_CALLS, ToolCall
from memento_planner.brief import DATA_NOTICE
from memento_server.cli_trace import call_table
from memento_server.resources import episode_json


def a_call(number: int = 0, arguments: str = "{}", *, is_error: bool = False, infrastructure: bool = False) -> ToolCall:
    return ToolCall(
        "p-1", 2, "fs", "[red]read[/red]", arguments, "r", is_error, infrastructure, 12.3, None, 1e9 + number
    )


def an_episode(calls: int) -> Episode:
    return Episode("p-1", "default", Task("the task"), calls=calls)


def on_terminal(episode: Episode, calls: list[ToolCall]) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=160)
    call_table(console, episode, calls)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("letter", ["x", '"', "\\", "漢"])
def test_an_episode_with_the_longest_trace_there_can_be_is_a_bounded_resource(letter: str) -> None:
    huge = letter * MAX_CALL_CHARS
    calls = [ToolCall("p-1", 1, huge, huge, huge, huge, True, True, 1.0, 1, float(i)) for i in range(MAX_CALLS)]
    shown = episode_json(an_episode(MAX_CALLS + 9), calls)
    assert len(json.dumps(shown, ensure_ascii=False)) < 250_000
    assert [call["at"] for call in shown["trace"]] == [*range(50), *range(MAX_CALLS - 50, MAX_CALLS)]
    assert shown["calls_left_out"] == MAX_CALLS + 9 - 100
    assert shown["notice"] == DATA_NOTICE


def test_a_short_trace_is_shown_whole_and_without_what_cannot_be_seen() -> None:
    shown = episode_json(an_episode(1), [a_call(arguments='{"path": "a\u202eb"}')])
    (call,) = shown["trace"]
    assert call["arguments"] == '{"path": "ab"}'
    assert (call["subtask"], call["server"], call["duration_ms"]) == (2, "fs", 12.3)
    assert (shown["calls_left_out"], shown["plan_drawn_from_trace"]) == (0, False)


def test_a_terminal_shows_a_table_with_what_failed_and_what_was_only_counted() -> None:
    calls = [a_call(), a_call(1, is_error=True), a_call(2, "[bold]", is_error=True, infrastructure=True)]
    text = on_terminal(an_episode(10), calls)
    assert text.count("fs__[red]read[/red]") == 3
    assert [word in text for word in ("ok", "error", "infrastructure", "[bold]", "12 ms")] == [True] * 5
    assert "3 calls, 2 failed, 7 more were only counted" in text


def test_a_terminal_says_that_nothing_was_relayed() -> None:
    assert on_terminal(an_episode(0), []) == "No tool call was relayed for p-1.\n"
