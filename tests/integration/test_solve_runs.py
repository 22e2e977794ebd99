"""Runs of solve_task that take longer than a call: asked for again, cancelled, cut short and gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from integration.processes import answer_of
from integration.solve_desk import Desk, plan_id_of, there, until_over
from server.behind_relay import entry
from server.notes_here import notes_here

ECHO = entry("echo.py")


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The notes server in a tools file."""
    with notes_here(tmp_path / "notes") as made:
        yield made


@pytest.fixture(params=["auto", "legacy"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk in either era, where a call waits for as long as it takes."""
    return Desk(tmp_path, monkeypatch, request.param)


@pytest.fixture(params=["auto", "legacy"])
def hasty(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk where a call does not wait at all."""
    return Desk(tmp_path, monkeypatch, request.param, patience_s=0.0)


def test_a_call_that_would_take_long_says_running_and_is_asked_again(hasty: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    hasty.host.steps = [("echo__hold", {"gate": str(gate)})]

    async def use(client: Client) -> dict[str, Any]:
        answer = answer_of(await hasty.solve(client, task="Hold")).structured
        assert answer["status"] == "running"
        while not gate.with_suffix(".begun").exists():
            answer = answer_of(await hasty.solve(client, plan_id=answer["plan_id"])).structured
            assert answer["status"] == "running", answer
        assert (await hasty.solve(client, plan_id=answer["plan_id"])).structured_content["progress"]
        gate.touch()
        return await until_over(hasty, client, answer)

    out = hasty.run({"echo": ECHO}, use)
    assert (out["status"], out["calls"]) == ("solved", 1)


def test_a_run_that_is_asked_for_is_not_given_another_task(desk: Desk) -> None:
    async def use(client: Client) -> Any:
        return await desk.solve(client, plan_id="p-1", task="Another one")

    refused = desk.run({"echo": ECHO}, use)
    assert refused.is_error
    assert "plan_id: names a run that has its task already" in refused.content[0].text


def test_cancelling_the_call_that_began_a_run_cancels_it_and_it_can_be_gone_on_with(desk: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    desk.host.steps = [("echo__hold", {"gate": str(gate)})]

    async def use(client: Client) -> dict[str, Any]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(desk.solve, client, task="Hold"))
            await there(gate.with_suffix(".begun"))
            tasks.cancel_scope.cancel()
        await there(gate.with_suffix(".cancelled"))
        gate.touch()
        return await until_over(desk, client, {"status": "running", "plan_id": plan_id_of(desk)})

    out = desk.run({"echo": ECHO}, use)
    assert (out["status"], out["cycles"], out["calls"]) == ("solved", 1, 2)


def test_cancelling_a_call_that_only_asks_leaves_the_run_at_work(desk: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    desk.host.steps = [("echo__hold", {"gate": str(gate)})]
    ended: list[dict[str, Any]] = []

    async def use(client: Client) -> None:
        async def begin() -> None:
            ended.append(answer_of(await desk.solve(client, task="Hold")).structured)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(begin)
            await there(gate.with_suffix(".begun"))
            desk.heard.clear()
            async with anyio.create_task_group() as asking:
                asking.start_soon(partial(desk.solve, client, plan_id=plan_id_of(desk)))
                while not desk.heard:
                    await anyio.sleep(0.02)
                asking.cancel_scope.cancel()
            gate.touch()

    desk.run({"echo": ECHO}, use)
    assert not gate.with_suffix(".cancelled").exists()
    assert [(out["status"], out["calls"]) for out in ended] == [("solved", 1)]


def test_a_run_cut_short_by_the_end_of_the_server_is_gone_on_with_by_the_next(
    hasty: Desk, tmp_path: Path, notes: dict[str, Any]
) -> None:
    gate, note = tmp_path / "gate", {"name": "a.txt", "text": "42"}
    hasty.host.steps = [("notes__write_note", note), ("echo__hold", {"gate": str(gate)})]
    servers = {"echo": ECHO, "notes": notes}

    async def begin(client: Client) -> str:
        answer = answer_of(await hasty.solve(client, task="Note and hold")).structured
        while not gate.with_suffix(".begun").exists():
            answer = answer_of(await hasty.solve(client, plan_id=answer["plan_id"])).structured
            assert answer["status"] == "running", answer
        return str(answer["plan_id"])

    async def go_on(client: Client, plan_id: str) -> dict[str, Any]:
        return await until_over(hasty, client, {"status": "running", "plan_id": plan_id})

    plan_id = hasty.run(servers, begin)
    gate.touch()
    planned = sum("write the plan" in (params.system_prompt or "") for params in hasty.host.asked)
    out = hasty.run(servers, partial(go_on, plan_id=plan_id))
    assert (out["status"], out["plan_id"]) == ("solved", plan_id)
    assert sum("write the plan" in (params.system_prompt or "") for params in hasty.host.asked) == planned == 1

    again = hasty.run(servers, partial(go_on, plan_id=plan_id))
    assert again == out  # by then from the bank


def test_a_run_whose_budget_ran_out_goes_on_when_it_is_given_more(desk: Desk, notes: dict[str, Any]) -> None:
    desk.host.steps = [("notes__write_note", {"name": f"{i}.txt", "text": str(i)}) for i in range(2)]

    async def use(client: Client) -> None:
        out = answer_of(await desk.solve(client, task="Write two notes", budget="calls=1")).structured
        assert (out["status"], out["why"]) == ("gave_up", "calls")
        assert answer_of(await desk.solve(client, plan_id=out["plan_id"])).structured == out
        more = answer_of(await desk.solve(client, plan_id=out["plan_id"], budget="calls=9")).structured
        assert (more["status"], more["plan_id"]) == ("solved", out["plan_id"])

    desk.run({"notes": notes}, use)
