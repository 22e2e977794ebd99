"""Opens the transports to servers as Memento does, says so, and holds them until it is ended.

    holder.py LOGS [--fork] COMMAND [ARGS...] [--and COMMAND [ARGS...]]...

Prints the pids of its guard and of the servers; with --fork also that of a copy of itself that stays.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from mcp import Client

from memento_toolhub.config.hub import BackendConfig, Stdio
from memento_toolhub.process.children import of_this_process
from memento_toolhub.process.transport import open_transport


def copy() -> int:
    """A fork that holds all our pipes open."""
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return pid


async def main(logs: Path, commands: Sequence[Sequence[str]], *, fork: bool) -> None:
    async with AsyncExitStack() as held:
        for number, (command, *arguments) in enumerate(commands):
            config = BackendConfig(name=f"held{number}", transport=Stdio(command=command, args=tuple(arguments)))
            await held.enter_async_context(Client(open_transport(config, logs), mode="legacy"))
        pids = [of_this_process().guard_pid, *of_this_process().pids]
        print(*pids, *([copy()] if fork else []), flush=True)
        await asyncio.sleep(60)


def parts(words: list[str]) -> list[list[str]]:
    """The commands between the --and."""
    if "--and" not in words:
        return [words]
    end = words.index("--and")
    return [words[:end], *parts(words[end + 1 :])]


if __name__ == "__main__":
    if os.name != "nt":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored by whatever is started
    forks = sys.argv[2] == "--fork"
    asyncio.run(main(Path(sys.argv[1]), parts(sys.argv[3 if forks else 2 :]), fork=forks))
