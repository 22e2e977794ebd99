"""Checks a caller gives: the strongest evidence there is of how a task went."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
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
    def form(self) -> str:
        """What form the answer has to have, for who writes it; nothing of what it has to be."""
        if self.schema is not None:
            return f"The answer has to be JSON that follows this schema, and nothing else: {json.dumps(self.schema)}"
        if self.answer is not None:
            return "Reply with the bare answer and nothing else: a name, a number or a list, no sentence around it."
        return ""

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
        check_schema(schema, trusted=False)
    return Checks(schema=schema, answer=None if answer is None else str(answer), exact=match == "exact")


def check_schema(schema: Any, *, trusted: bool = True) -> None:
    """Make sure that something is a JSON schema that refers to nothing but itself.

    Args:
        trusted: whether it may hold patterns and references, of which some take for ever to follow.

    Raises:
        InputError: if it is none.
    """
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    if not isinstance(schema, dict):
        raise InputError("check", f"the schema is no object; {_FORMS}")
    for key, value in _pairs(schema):
        if key in ("$ref", "$dynamicRef", "$recursiveRef") and not str(value).startswith("#/"):
            raise InputError("check", f"the schema refers to {shown(str(value), 80)}; write everything into it")
        keyword = isinstance(value, dict if key == "patternProperties" else str)
        if key in ("pattern", "patternProperties", "$ref", "$dynamicRef") and keyword and not trusted:
            raise InputError("check", f"the schema holds {key}, which is not taken from here; leave it out")
    try:
        validator_for(schema).check_schema(schema)
    except (SchemaError, RecursionError) as error:
        said = error.message if isinstance(error, SchemaError) else "it is nested too deeply"
        raise InputError("check", f"the schema is none ({shown(said, _MOST_SAID)})") from None


def _pairs(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value in a schema, however deep."""
    left = [schema]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield from node.items()
        left.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())


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
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        value = lenient_json(answer)
    except ValueError as error:
        return _failed(str(error))
    validator = validator_for(checks.schema)(checks.schema, registry=Registry())  # one that fetches nothing
    try:
        first = next(validator.iter_errors(value), None)
    except (Unresolvable, RecursionError) as error:
        return _unknown(f"the schema cannot be followed ({shown(str(error), _MOST_SAID)})")
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
    # Files instead of pipes: a command need not read the answer, and what it leaves running may keep its output open.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out:
        given.write(answer.encode(errors="replace"))
        given.seek(0)
        async with await anyio.open_process(
            command, stdin=given, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        ) as process:
            try:
                status = await process.wait()
            except BaseException:
                _end(process.pid)
                raise
        out.seek(max(0, out.seek(0, os.SEEK_END) - _MOST_READ))
        said = out.read()
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
