"""The relay as the server holds it: where its files are, and how plans and outcomes meet the trace."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from mcp.server import MCPServer
from mcp.server.subscriptions import SubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp.types import CONNECTION_CLOSED

from memento_server.drift import Drift
from memento_server.tool_search import ToolSearch
from memento_server.traces import Traces
from memento_toolhub.backend import Backend
from memento_toolhub.config.hub import BackendConfig, Stdio, load
from memento_toolhub.errors import HubError
from memento_toolhub.process.serverlog import tail
from memento_toolhub.process.transport import CHAIN_VARIABLE, open_transport, refusal
from memento_toolhub.relay import Parts, Relay
from memento_toolhub.trust.pins import Pins
from memento_toolhub.trust.results import ResultStore

if TYPE_CHECKING:
    from memento_server.memory import Memory

_TAIL = 3


@dataclass(frozen=True, slots=True)
class Places:
    """Where the relay keeps what: approved tool definitions, results too long to pass on, and logs."""

    pins: Path
    results: Path
    logs: Path

    @classmethod
    def of_user(cls) -> Places:
        """The user's folders."""
        data = platformdirs.user_data_path("memento", appauthor=False)
        return cls(
            pins=data / "tools-approved.json",
            results=platformdirs.user_cache_path("memento", appauthor=False) / "results",
            logs=platformdirs.user_log_path("memento", appauthor=False),
        )

    @property
    def calls(self) -> Path:
        """The log of relayed calls, one JSON object a line."""
        return self.logs / "calls.jsonl"


@dataclass(frozen=True, slots=True)
class Relaying:
    """A relay, the trace it leaves, and what becomes of the tools that plans name."""

    relay: Relay
    traces: Traces
    drift: Drift

    def tools_at_hand(self) -> frozenset[str] | None:
        """The relayed tools of the servers that are connected now, under every name that plans may have for them.

        None while there are none. Waits for no server; to be called on the event loop.
        """
        return self.drift.see(self.relay.listings())

    def planned(self, ctx: Any, plan_id: str) -> None:
        """From here on the host's calls belong to this plan."""
        self.relay.plans.opened(ctx, plan_id)

    def recorded(self, plan_id: str) -> None:
        """The outcome of a plan is known: later calls do not belong to it."""
        self.relay.plans.closed(plan_id)


def build(file: Path, memory: Memory, bus: SubscriptionBus, own_names: tuple[str, ...]) -> Relaying:
    """The relay of a tools file.

    Raises:
        HubError: if the file cannot be used, or this server was started through the same file.
    """
    own_id, chain = relay_id(file), os.environ.get(CHAIN_VARIABLE, "")
    if own_id in chain.split(","):
        raise HubError(
            str(file), "starts this very server through itself: a loop; remove the entry that runs memento from it"
        )
    places = Places.of_user()
    traces = Traces(memory.bank, places.calls)

    def explain(config: BackendConfig, error: BaseException | None) -> str:
        return why(config, error, places.logs)

    pins = Pins(places.pins)
    drift = Drift(pins)
    memory.on_keep_up.append(drift.tell)
    parts = Parts(
        own_id=own_id,
        chain=chain,
        own_names=own_names,
        bus=bus,
        open_transport=lambda config, through: open_transport(config, places.logs, chain=through),
        explain=explain,
        pins=pins,
        results=ResultStore(places.results),
        record=traces.record,
        rank=ToolSearch(memory).rank,
    )
    return Relaying(Relay(load(file), parts), traces, drift)


def publish(server: MCPServer[Memory], relaying: Relaying) -> None:
    """Publish how the downstream servers are doing."""

    @server.resource(
        "memento://servers",
        title="Downstream servers",
        description="State, circuit breaker, tools and last error of each downstream server.",
        mime_type="application/json",
    )
    def servers() -> str:
        found = [_state(backend) for backend in relaying.relay.reach.backends.values()]
        return json.dumps({"servers": found}, ensure_ascii=False, indent=2)


def _state(backend: Backend) -> dict[str, Any]:
    health, connections = backend.health, backend.connections()
    return {
        "name": backend.name,
        "state": health.state,
        "breaker": health.breaker.value,
        "next_attempt_s": round(backend.breaker.wait_s, 1),
        "tools": max((len(connection.tools) for connection in connections), default=0),
        "error": health.error,
    }


def relay_id(file: Path) -> str:
    """What tells this relay from others in a chain: the machine and its tools file."""
    return hashlib.sha256(f"{platform.node()}:{file.resolve()}".encode()).hexdigest()[:12]


def why(config: BackendConfig, error: BaseException | None, logs: Path) -> str:
    """What kept a server from being reached, in words, with the end of its log."""
    if error is None:
        text = "went away by itself"
    elif isinstance(error, HubError):
        text = error.problem
    elif isinstance(error, MCPError) and error.error.code == CONNECTION_CLOSED:
        text = refusal(config) or "ended before it had answered"
    else:
        text = refusal(config) or " ".join(str(error).split()) or type(error).__name__
    last = _last_words(logs, config.name) if isinstance(config.transport, Stdio) else []
    return f"{text[:300]}; its log ends with: {' / '.join(last)[:300]}" if last else text[:300]


def _last_words(logs: Path, name: str) -> list[str]:
    """The last lines a server wrote since it was last started."""
    lines = tail(logs, name, 50)
    starts = [number for number, line in enumerate(lines) if line.startswith("--- ")]
    return [line for line in lines[starts[-1] + 1 if starts else 0 :] if line.strip()][-_TAIL:]
