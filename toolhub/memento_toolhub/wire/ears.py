"""What a server says of its own accord: questions, log messages, changes."""

from __future__ import annotations

import json
from typing import Any

from mcp import types
from mcp.client import advertise
from mcp.client.session import ClientRequestContext
from mcp.shared.exceptions import MCPError

from memento_toolhub.wire.changes import Changes
from memento_toolhub.wire.flight import Flight, attribute
from memento_toolhub.wire.hub import Hub
from memento_toolhub.wire.profile import Profile


class Ears:
    """The callbacks of one connection.

    Args:
        flights: the requests under way, kept by the connection.
    """

    def __init__(self, hub: Hub, profile: Profile, flights: list[Flight], changes: Changes) -> None:
        self._hub = hub
        self._profile = profile
        self._flights = flights
        self._changes = changes

    def options(self) -> dict[str, Any]:
        """What `mcp.Client` is made with to hear the server, and to declare what its hosts can do and no more."""
        profile = self._profile
        options: dict[str, Any] = {
            "message_handler": self._on_message,
            "logging_callback": self._on_log,
        }
        if profile.sampling:
            options["sampling_callback"] = self._on_sampling
            options["sampling_capabilities"] = profile.sampling_capability
        if profile.elicitation:
            options["elicitation_callback"] = self._on_elicitation
        if profile.roots:
            options["list_roots_callback"] = self._on_roots
        if profile.extensions:
            options["extensions"] = [advertise(name, given) for name, given in json.loads(profile.extensions).items()]
        return options

    async def _on_sampling(self, _: ClientRequestContext, params: types.CreateMessageRequestParams) -> Any:
        return await self._ask(types.CreateMessageRequest(params=params))

    async def _on_elicitation(self, _: ClientRequestContext, params: types.ElicitRequestParams) -> Any:
        return await self._ask(types.ElicitRequest(params=params))

    async def _on_roots(self, _: ClientRequestContext) -> Any:
        return await self._ask(types.ListRootsRequest())

    async def _ask(self, request: types.InputRequest) -> Any:
        flight = attribute(self._flights)
        if flight is None:
            return types.ErrorData(
                code=types.INVALID_REQUEST,
                message="the relay cannot tell which of several hosts this question is for; ask during one call only",
            )
        try:
            with flight.deadline.held():
                return await self._hub.ask(flight, request)
        except MCPError as error:
            return error.error

    async def _on_log(self, params: types.LoggingMessageNotificationParams) -> None:
        flight = attribute(self._flights)
        if flight is not None:
            flight.deadline.alive()
        await self._hub.log(flight, self._profile, params)

    async def _on_message(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changes.stir("tools")
        elif isinstance(message, types.PromptListChangedNotification):
            self._changes.stir("prompts")
        elif isinstance(message, types.ResourceListChangedNotification):
            self._changes.stir("resources")
        elif isinstance(message, types.ResourceUpdatedNotification):
            await self._hub.resource_updated(str(message.params.uri))
