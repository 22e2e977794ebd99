"""A server of the handshake era that ends with its stdin; its one tool tells what it was started with.

Each argument is a line for its stderr.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from lines import Call, LineServer, text, tool


class Plain(LineServer):
    """Tells its pid, folder and environment."""

    name = "plain"

    def call(self, call: Call) -> Any:
        """Answer the one tool."""
        return text(json.dumps({"pid": os.getpid(), "cwd": os.getcwd(), "env": dict(os.environ)}))


if __name__ == "__main__":
    for line in sys.argv[1:]:
        print(line, file=sys.stderr, flush=True)
    Plain(tool("told")).serve()
