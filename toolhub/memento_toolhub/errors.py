"""What can go wrong on the way to a downstream server, in words for the person who has to mend it."""

from __future__ import annotations


class HubError(Exception):
    """A problem with one thing (a file, a field, a downstream server) and what to do about it."""

    def __init__(self, thing: str, problem: str) -> None:
        super().__init__(f"{thing}: {problem}")
        self.thing = thing
        self.problem = problem
