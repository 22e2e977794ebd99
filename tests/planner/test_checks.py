"""Checks that a caller gives: by answer, by schema, by command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anyio
import psutil
import pytest

from memento_memory.case import Evidence, Outcome
from memento_memory.errors import InputError
from memento_planner.checks import Checks, check_schema, parse_check, run_checks


def outcome(checks: Checks, answer: str) -> Outcome:
    result = anyio.run(run_checks, checks, answer)
    assert result.evidence is Evidence.TEST_PASSED
    return result.outcome


def test_a_right_answer_passes_and_a_wrong_one_fails() -> None:
    assert outcome(Checks(answer="1,250"), "1250") is Outcome.SUCCESS
    assert outcome(Checks(answer="1,250"), "1251") is Outcome.FAILURE
    assert outcome(Checks(answer="Paris", exact=True), "paris") is Outcome.FAILURE


def test_an_answer_is_held_to_a_schema_even_inside_prose() -> None:
    schema = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
    assert outcome(Checks(schema=schema), 'Here you are:\n```json\n{"total": 3}\n```') is Outcome.SUCCESS
    assert outcome(Checks(schema=schema), '{"total": "three"}') is Outcome.FAILURE
    assert outcome(Checks(schema=schema), "three") is Outcome.FAILURE


def test_a_command_reads_the_answer_and_its_exit_status_decides(tmp_path: Path) -> None:
    assert outcome(Checks(command="grep -q 42"), "it is 42") is Outcome.SUCCESS
    assert outcome(Checks(command="grep -q 42"), "it is 43") is Outcome.FAILURE
    assert outcome(Checks(command="true"), "x" * 1_000_000) is Outcome.SUCCESS
    assert outcome(Checks(command=f"test -e {tmp_path}/missing"), "") is Outcome.FAILURE


def test_a_failed_command_says_why() -> None:
    result = anyio.run(run_checks, Checks(command="echo 'two rows are missing' >&2; exit 3"), "")
    assert "exited with 3: two rows are missing" in result.notes


def test_a_check_that_cannot_be_made_says_nothing_about_the_plan() -> None:
    assert outcome(Checks(command="there-is-no-such-command-here"), "x") is Outcome.UNKNOWN
    assert outcome(Checks(command="sleep 30", seconds=0.2), "x") is Outcome.UNKNOWN


@pytest.mark.skipif(sys.platform == "win32", reason="has no process groups")
def test_cancelling_ends_a_command_with_all_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = f"sleep 300 & echo $! > {started}.new; mv {started}.new {started}; wait"

    def is_alive(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run_checks, Checks(command=command), "")
            while not started.exists():
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        pid = int(started.read_text())
        with anyio.fail_after(60):
            while is_alive(pid):
                await anyio.sleep(0.01)

    anyio.run(main)


def test_all_checks_have_to_hold() -> None:
    assert outcome(Checks(answer="7", command="grep -q 8"), "7") is Outcome.FAILURE
    assert outcome(Checks(answer="7", command="grep -q 7"), "7") is Outcome.SUCCESS


def test_checks_are_read_from_json() -> None:
    assert parse_check("  ") is None
    assert parse_check('{"answer": 42}') == Checks(answer="42")
    assert parse_check('{"answer": "A", "match": "exact"}') == Checks(answer="A", exact=True)
    assert parse_check('{"schema": {"type": "array"}}') == Checks(schema={"type": "array"})


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "[]",
        "{}",
        "not json",
        '{"command": "rm -rf /"}',
        '{"answer": "x", "match": "fuzzy"}',
        '{"match": "exact"}',
        '{"schema": 5}',
        '{"schema": {"type": "nonsense"}}',
        "[" * 100_000,
    ],
)
def test_other_forms_are_refused_with_the_form_that_is_wanted(text: str) -> None:
    with pytest.raises(InputError, match=r"check: .*"):
        parse_check(text)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/secret.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#"},
        {"properties": {"a": {"items": [{"$dynamicRef": "other.json"}]}}},
    ],
)
def test_a_schema_that_refers_to_anything_outside_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(InputError, match="refers to"):
        check_schema(schema)


def test_a_schema_that_leads_nowhere_or_in_circles_says_nothing_about_the_plan() -> None:
    assert outcome(Checks(schema={"$ref": "#/$defs/missing"}), "1") is Outcome.UNKNOWN
    circle = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    assert outcome(Checks(schema=circle), "1") is Outcome.UNKNOWN


def test_patterns_are_taken_from_people_but_not_from_hosts() -> None:
    check_schema({"pattern": "^a+$"})
    with pytest.raises(InputError, match="pattern"):
        parse_check('{"schema": {"properties": {"a": {"pattern": "^(a+)+$"}}}}')


def test_a_schema_is_looked_at_before_anything_is_spent() -> None:
    check_schema(json.loads('{"type": "object"}'))
    with pytest.raises(InputError):
        check_schema({"properties": []})
