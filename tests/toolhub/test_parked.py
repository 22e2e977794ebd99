"""Calls that wait while their host fetches an answer."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp import types
from mcp.shared.exceptions import MCPError

from memento_toolhub.wire.parked import ParkedCall, ParkingLot

QUESTION = types.ListRootsRequest()


async def two_questions(call: ParkedCall) -> dict[str, Any]:
    return {"answers": [await call.ask(QUESTION), await call.ask(QUESTION)]}


def test_a_call_goes_on_with_each_answer_until_it_has_its_result() -> None:
    async def work() -> None:
        call = ParkedCall()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.run, lambda: two_questions(call))
            for key, value in (("input-1", "a"), ("input-2", "b")):
                asked = await call.outcome()
                assert isinstance(asked, types.InputRequiredResult)
                assert asked.request_state == call.handle
                assert list(asked.input_requests or {}) == [key]
                call.answer({key: value})
            assert await call.outcome() == {"answers": ["a", "b"]}

    anyio.run(work)


def test_two_questions_at_once_are_put_together_and_may_be_answered_one_by_one() -> None:
    async def work() -> None:
        call, got = ParkedCall(), []

        async def ask() -> None:
            got.append(await call.ask(QUESTION))

        async def both() -> dict[str, Any]:
            async with anyio.create_task_group() as asking:
                asking.start_soon(ask)
                asking.start_soon(ask)
            return {"answers": got}

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.run, both)
            await anyio.wait_all_tasks_blocked()
            first = await call.outcome()
            assert isinstance(first, types.InputRequiredResult)
            assert list(first.input_requests or {}) == ["input-1", "input-2"]
            call.answer({"input-2": "b"})
            second = await call.outcome()
            assert isinstance(second, types.InputRequiredResult)
            assert list(second.input_requests or {}) == ["input-1"]
            call.answer({"input-1": "a"})
            assert await call.outcome() == {"answers": ["b", "a"]}

    anyio.run(work)


def test_answers_nobody_asked_for_are_dropped() -> None:
    async def work() -> None:
        call = ParkedCall()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.run, lambda: two_questions(call))
            await call.outcome()
            call.answer({"input-9": "x"})
            assert isinstance(await call.outcome(), types.InputRequiredResult)
            call.answer({"input-1": "a", "input-2": "too early"})
            asked = await call.outcome()
            assert isinstance(asked, types.InputRequiredResult)
            assert list(asked.input_requests or {}) == ["input-2"]
            tasks.cancel_scope.cancel()

    anyio.run(work)


def test_a_failure_waits_for_the_host_and_is_raised_there() -> None:
    async def work() -> None:
        call = ParkedCall()

        async def fails() -> dict[str, Any]:
            raise MCPError(types.INVALID_PARAMS, "no such sheep")

        await call.run(fails)
        with pytest.raises(MCPError, match="no such sheep"):
            await call.outcome()

    anyio.run(work)


def test_a_call_that_was_ended_says_so() -> None:
    async def work() -> None:
        call = ParkedCall()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.run, lambda: two_questions(call))
            await anyio.wait_all_tasks_blocked()
            call.scope.cancel()
        with pytest.raises(MCPError, match="did not come back"):
            await call.outcome()

    anyio.run(work)


def test_a_parked_call_is_found_once_and_only_by_its_handle() -> None:
    async def work() -> None:
        lot: ParkingLot[str] = ParkingLot()
        call, other = ParkedCall(), ParkedCall()
        lot.park(call, "one host")
        lot.park(other, "another")
        assert call.handle != other.handle
        assert [lot.find(handle) for handle in ("", "guess")] == [None, None]
        assert lot.find(call.handle) == (call, "one host")
        assert lot.find(call.handle) is None
        assert lot.find(other.handle) == (other, "another")

    anyio.run(work)
