"""A server killed in the middle of its work loses nothing it has answered for."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from mcp import MCPError

from integration.banks import number, problems, rows
from integration.processes import Server, answer_of, serving, serving_here

_STREAMS = 4


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_acknowledged_is_lost_when_the_server_is_killed_while_recording(bank: Path, seed: int) -> None:
    with serving(bank) as server:
        acknowledged = server.do(_record_until_killed, server, random.Random(seed))
    assert acknowledged
    stored = dict(rows(bank, "SELECT id, task FROM cases"))
    assert {case: stored.get(case) for case in acknowledged} == acknowledged
    recorded = number(bank, "SELECT count(*) FROM outcomes JOIN episodes ON key = episode_key WHERE case_key NOT NULL")
    assert recorded == len(stored)
    assert problems(bank) == []
    with serving_here(bank) as server:
        last = list(acknowledged.values())[-1]
        assert server.ok("plan_with_memory", task=last)["cases"][0]["task"] == last
        assert (
            server.ok("record_outcome", outcome="success", task="afterwards", plan="1. go on")["status"] == "retained"
        )
    assert problems(bank) == []


async def _record_until_killed(server: Server, chance: random.Random) -> dict[str, str]:
    """Record cases in several streams until the server is killed; return the acknowledged ones, id to task."""
    acknowledged: dict[str, str] = {}
    enough = asyncio.Event()
    wanted = chance.randint(5, 60)

    async def stream(number: int) -> None:
        for i in range(100_000):
            task = f"Sort crate {number}-{i} by weight"
            arguments = {"outcome": "success", "task": task, "plan": f"1. Open crate {number}-{i}\n2. Sort"}
            try:
                answer = answer_of(await server.client.call_tool("record_outcome", arguments))
            except MCPError:
                return  # the server is gone
            assert not answer.is_error, answer.text
            acknowledged[answer.structured["case_id"]] = task
            if len(acknowledged) >= wanted:
                enough.set()

    async def kill() -> None:
        await enough.wait()
        await asyncio.sleep(chance.uniform(0, 0.03))
        server.process.kill()

    await asyncio.gather(kill(), *map(stream, range(_STREAMS)))
    return acknowledged
