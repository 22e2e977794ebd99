"""Checks a caller gives: the strongest evidence there is of how a task went."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import anyio

from memento_memory.case import Evidence, Outcome, Result
from memento_memory.errors import InputError
from memento_memory.text import shown
from memento_planner.metrics import exact_match
from memento_planner.models.structured import lenient_json

_NOT_RUN = (126, 127)  # what a shell says of a command that cannot be run
_MOST_SAID = 300
_MOST_READ = 4_000
_FORMS = 'give {"answer": "…"}, with "match": "exact" for the very same text, or {"schema": {…}}'


@dataclass(frozen=True, slots=True)
class Checks:
    """What a right answer satisfies; all that are given have to hold.

    Attributes:
        command: for a shell, in the working directory; reads the answer on standard input and exits 0 if it is right.
        schema: JSON schema that the answer follows.
        answer: the right answer.
        exact: compare with it character by character instead of up to form (see `metrics.exact_match`).
        seconds: the command may take.
    """

    command: str = ""
    schema: Mapping[str, Any] | None = None
    answer: str | None = None
    exact: bool = False
    seconds: float = 600.0

    @property
    def harmless(self) -> Checks | None:
        """The same without the command; None where nothing is left."""
        left = replace(self, command="")
        return None if left.schema is None and left.answer is None else left


def parse_check(text: str) -> Checks | None:
    """A check from JSON; None for an empty text. A command is never taken from here.

    Raises:
        InputError: if it is of another form, or the schema is none.
    """
    if not text.strip():
        return None
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("check", f"is no JSON ({error}); {_FORMS}") from None
    if not isinstance(given, dict) or not given or not given.keys() <= {"answer", "schema", "match"}:
        raise InputError("check", f"is of another form; {_FORMS}")
    answer, schema, match = given.get("answer"), given.get("schema"), given.get("match", "normalised")
    if match not in ("exact", "normalised") or (answer is None and schema is None):
        raise InputError("check", f"is of another form; {_FORMS}")
    if schema is not None:
        check_schema(schema)
    return Checks(schema=schema, answer=None if answer is None else str(answer), exact=match == "exact")


def check_schema(schema: Any) -> None:
    """Make sure that something is a JSON schema.

    Raises:
        InputError: if it is none.
    """
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    if not isinstance(schema, dict):
        raise InputError("check", f"the schema is no object; {_FORMS}")
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise InputError("check", f"the schema is none ({shown(error.message, _MOST_SAID)})") from None


async def run_checks(checks: Checks, answer: str) -> Result:
    """What the checks say of an answer; unknown where one could not be made."""
    for made in (_by_answer(checks, answer), _by_schema(checks, answer), await _by_command(checks, answer)):
        if made is not None:
            return made
    return Result.graded(Outcome.SUCCESS, None, Evidence.TEST_PASSED, "the check passed")


def _by_answer(checks: Checks, answer: str) -> Result | None:
    if checks.answer is None:
        return None
    right = answer == checks.answer if checks.exact else exact_match(answer, checks.answer)
    return None if right else _failed("the answer is not the right one")


def _by_schema(checks: Checks, answer: str) -> Result | None:
    if checks.schema is None:
        return None
    from jsonschema.validators import validator_for

    try:
        value = lenient_json(answer)
    except ValueError as error:
        return _failed(str(error))
    first = next(validator_for(checks.schema)(checks.schema).iter_errors(value), None)
    return None if first is None else _failed(f"the answer does not follow the schema: {first.message}")


async def _by_command(checks: Checks, answer: str) -> Result | None:
    if not checks.command:
        return None
    with anyio.move_on_after(checks.seconds):
        status, said = await _run(checks.command, answer)
        if status == 0:
            return None
        if status in _NOT_RUN:
            return _unknown(f"the check could not be run (exit status {status}): {said}".rstrip(": "))
        return _failed(f"the check exited with {status}: {said}")
    return _unknown(f"the check did not end within {checks.seconds:g} s")


async def _run(command: str, answer: str) -> tuple[int, str]:
    """Exit status of a command and the end of what it said; cancelling ends it with all it started."""
    with tempfile.TemporaryFile() as given:  # a command need not read the answer, which a pipe would mind
        given.write(answer.encode(errors="replace"))
        given.seek(0)
        async with await anyio.open_process(
            command, stdin=given, stderr=subprocess.STDOUT, start_new_session=True
        ) as process:
            assert process.stdout is not None
            said = b""
            try:
                async for piece in process.stdout:
                    said = (said + piece)[-_MOST_READ:]
                status = await process.wait()
            except BaseException:
                _end(process.pid)
                raise
    return status, shown(said.decode(errors="replace").strip(), _MOST_SAID)


def _end(pid: int) -> None:
    """End a process that was started in a session of its own, with its children."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _failed(why: str) -> Result:
    return Result.graded(Outcome.FAILURE, None, Evidence.TEST_PASSED, shown(why, _MOST_SAID + 100))


def _unknown(why: str) -> Result:
    return Result(Outcome.UNKNOWN, None, Evidence.TEST_PASSED, why)
