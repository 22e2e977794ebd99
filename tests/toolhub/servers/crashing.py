"""A server that ends at once when it is started, shaken hands with, or asked for its tools, until it is repaired.

    crashing.py start|initialize|listing REPAIRED

It works as soon as the file REPAIRED is there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from echo import Echo
from lines import Message, die


class Crashing(Echo):
    """Crashes at one moment, until its repair."""

    name = "crashing"

    def __init__(self, moment: str, repaired: Path) -> None:
        super().__init__()
        self._moment = moment
        self._repaired = repaired
        self.reached("start")

    def reached(self, moment: str) -> None:
        """Crash if this is the moment."""
        if moment == self._moment and not self._repaired.exists():
            print("the disk is on fire", file=sys.stderr, flush=True)
            die()

    def initialize(self, params: Message) -> Any:
        self.reached("initialize")
        return super().initialize(params)

    def list_tools(self) -> Any:
        self.reached("listing")
        return super().list_tools()


if __name__ == "__main__":
    Crashing(sys.argv[1], Path(sys.argv[2])).serve()
