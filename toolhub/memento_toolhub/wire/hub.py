"""What a connection needs of the relay around it."""

from __future__ import annotations

from typing import Any, Protocol

from mcp import types

from memento_toolhub.wire.flight import Flight
from memento_toolhub.wire.profile import Profile


class Hub(Protocol):
    """What a connection tells the relay."""

    def level(self, profile: Profile) -> types.LoggingLevel | None: ...
    async def ask(self, flight: Flight, request: types.InputRequest) -> Any: ...
    async def log(
        self, flight: Flight | None, profile: Profile, params: types.LoggingMessageNotificationParams
    ) -> None: ...
    async def lists_changed(self, kind: str) -> None: ...
    async def resource_updated(self, uri: str) -> None: ...
