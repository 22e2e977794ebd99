"""A server that does not want to end and has a grandchild that does not either.

    stubborn.py PIDS [leave] [session|daemon]

Both write their pids to the file PIDS and ignore SIGTERM. With "leave" the server ends with its stdin and leaves the
grandchild behind. The grandchild is in the server's process group, or in a session of its own, or also an orphan.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lines import LineServer, tool

# Long enough for every test, short enough not to stay when one fails.
LIFETIME = 90


class Stubborn(LineServer):
    """Stays when its stdin has ended."""

    name = "stubborn"

    def serve(self) -> None:
        """Answer while there is someone who asks, and stay."""
        for line in sys.stdin.buffer:
            self._take(json.loads(line))
        time.sleep(LIFETIME)


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pids, wishes = Path(sys.argv[1]), sys.argv[2:]
    # An ignored signal stays ignored in the grandchild.
    sleeper = [sys.executable, "-I", "-S", "-c", f"import time; time.sleep({LIFETIME})"]
    if "daemon" in wishes:
        start = f"import subprocess; print(subprocess.Popen({sleeper!r}, start_new_session=True, stdout=2).pid)"
        grandchild = int(subprocess.run([sys.executable, "-c", start], stdout=subprocess.PIPE, check=True).stdout)
    else:
        grandchild = subprocess.Popen(sleeper, stdout=2, start_new_session="session" in wishes).pid
    written = pids.with_suffix(".new")
    written.write_text(f"{os.getpid()} {grandchild}")
    written.replace(pids)
    server = LineServer if "leave" in wishes else Stubborn
    server(tool("nothing")).serve()


if __name__ == "__main__":
    main()
