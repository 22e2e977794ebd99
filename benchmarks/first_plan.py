"""From spawning the server to the first plan, against the same with sentence-transformers in the process."""

from __future__ import annotations

import subprocess
from pathlib import Path

from measure import Figure, Setup, alternate, median, spread, stopwatch
from wire import Server, beside, memento

from memento_memory.bank import CaseBank
from memento_memory.embedding import Ready
from memento_memory.transfer import import_cases
from memento_server.demo import example

_SECONDS, _SHARE = 2.0, 0.25
_TASK = "Rename every '.htm' file in 'site/old' to '.html'"


def run(setup: Setup) -> list[Figure]:
    """Time until the first `plan_with_memory` is answered from a bank with the example cases."""
    path = setup.folder / "example.sqlite3"
    bank = CaseBank(path, Ready(setup.banks.embedder))
    import_cases(bank, example.case_lines())
    bank.embed_pending()
    bank.close()
    _ours(path), _original(path)
    found = alternate(setup.rounds(30) // 3, {"ours": lambda _: _ours(path), "original": lambda _: _original(path)})
    ours, original = median(found["ours"]), median(found["original"])
    return [
        Figure("first plan: spawn to answer", ours, "s", bound=_SECONDS, note=spread(found["ours"])),
        Figure("first plan: against torch", ours, "s", original, "sentence-transformers, no server around", _SHARE),
    ]


def _ours(bank: Path) -> float:
    with stopwatch() as elapsed, Server(memento(bank)) as server:
        server.initialize()
        answer = server.call("plan_with_memory", task=_TASK)["structuredContent"]
        seconds = elapsed()
    if not answer["cases"] or "by words only" in answer["brief"]:
        raise RuntimeError(f"the first plan did not use the embedding model: {answer['brief']}")
    return seconds


def _original(bank: Path) -> float:
    command = [*beside("bare_model_plan.py"), str(bank), _TASK]
    with stopwatch() as elapsed, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as script:
        assert script.stdout
        answer = script.stdout.readline()
        seconds = elapsed()
    if answer.split() != [b"hybrid", b"cases"]:
        raise RuntimeError(f"{command[1]} answered {answer!r}")
    return seconds
