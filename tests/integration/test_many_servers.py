"""Several servers write to one bank at once, as several agents on one machine do."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from integration.banks import number, problems
from integration.processes import Server, answer_of, serving
from memento_memory.store.database import LOCK_WAIT_S

_SERVERS = 4
_WRITES = 100  # by each server
_AT_ONCE = 5  # in each server


def test_four_servers_on_one_bank_lose_none_of_four_hundred_writes_and_report_no_error(bank: Path) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(_SERVERS) as pool:
        servers = list(pool.map(lambda _: stack.enter_context(serving(bank)), range(_SERVERS)))
        waits = [
            wait
            for waited in pool.map(lambda item: item[1].do(_write, item[1], item[0]), enumerate(servers))
            for wait in waited
        ]
    assert len(waits) == _SERVERS * _WRITES
    slowest = max(waits)
    assert slowest < LOCK_WAIT_S, f"the slowest of {len(waits)} writes took {slowest:.1f} s"
    assert number(bank, "SELECT count(DISTINCT task) FROM cases") == len(waits), f"slowest write: {slowest:.1f} s"
    assert number(bank, "SELECT count(*) FROM cases") == len(waits)
    assert number(bank, "SELECT count(*) FROM outcomes") == len(waits)
    assert problems(bank) == []


async def _write(server: Server, which: int) -> list[float]:
    """Record one server's share of the cases; return how long each call took."""
    left = iter(range(_WRITES))
    waits: list[float] = []

    async def stream() -> None:
        for i in left:
            name = f"{which}-{i}"
            arguments = {"outcome": "success", "task": f"Label box {name}", "plan": f"1. Print label {name}\n2. Stick"}
            started = time.monotonic()
            answer = answer_of(await server.client.call_tool("record_outcome", arguments))
            waits.append(time.monotonic() - started)
            assert not answer.is_error, answer.text
            assert answer.structured["status"] == "retained", answer.text

    await asyncio.gather(*(stream() for _ in range(_AT_ONCE)))
    return waits
