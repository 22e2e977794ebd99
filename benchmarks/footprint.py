"""What a warm server holds in memory, and what its tools cost a model to read."""

from __future__ import annotations

import json

from banks import copied
from measure import Figure, Setup
from warm_calls import plan
from wire import Server, memento

_MEGABYTES, _TOKENS = 300, 2_500
_CHARACTERS_A_TOKEN = 4


def run(setup: Setup) -> list[Figure]:
    """Resident memory after 50 plans, and the size of tools/list."""
    (size,) = setup.sizes(10_000)
    bank = copied(setup.banks.build([size])[size], setup.folder)
    with Server(memento(bank)) as server:
        server.initialize()
        for task in setup.banks.corpus.held_out[:50]:
            plan(server, task)
        resident = server.resident_bytes() / 1e6
        tools = tokens(server)
    return [
        Figure(f"resident memory, {size:,} cases, after 50 plans", resident, "MB", bound=_MEGABYTES),
        Figure("tools/list", tools, "tokens", bound=_TOKENS, note="characters of its JSON / 4"),
    ]


def tokens(server: Server) -> float:
    """About how many tokens a model reads before it can use the tools."""
    return len(json.dumps(server.request("tools/list", {})["tools"], ensure_ascii=False)) / _CHARACTERS_A_TOKEN
