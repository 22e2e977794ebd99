"""What the code server needs of the machine."""

from __future__ import annotations

from collections.abc import Mapping

from memento_toolhub.servers.code.finding import NoSandbox, find_sandbox
from memento_toolhub.servers.kit.options import Need


def needs(environment: Mapping[str, str]) -> tuple[Need, ...]:
    """A sandbox that really starts."""
    found = find_sandbox(environment)
    if isinstance(found, NoSandbox):
        return (Need("bubblewrap", False, found.why, found.fix),)
    network = "with" if found.network else "without"
    return (Need("bubblewrap", True, f"{found.bwrap}, {network} network"),)
