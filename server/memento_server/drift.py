"""Tells the bank when tools that its plans name have changed, gone or come back, as far as connected servers show it.

A server that is down, or lists nothing at all, says nothing about its tools: nothing is noted then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memento_toolhub.config.hub import Pin
from memento_toolhub.errors import HubError

if TYPE_CHECKING:
    from memento_memory.bank import CaseBank
    from memento_toolhub.catalogue import Listing
    from memento_toolhub.trust.pins import Pins

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _View:
    """The tools of the connected servers, under every name that plans may have for them.

    Attributes:
        present: all of them.
        changed: digests of the definitions that are not the approved ones.
    """

    present: frozenset[str]
    changed: dict[str, str]


class Drift:
    """Takes what servers list on the event loop, and writes what it means for plans in the bank's upkeep."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins
        self._seen: Sequence[Listing] = ()
        self._at_hand: frozenset[str] | None = None
        self._told = _View(frozenset(), {})
        self._telling = threading.Lock()

    def see(self, listings: Sequence[Listing]) -> frozenset[str] | None:
        """Take what the connected servers list now.

        Returns:
            The relayed tools under every name that plans may have for them; None where nothing is listed.
        """
        if listings != self._seen:
            found = (name for listing in listings for tool in listing.names for name in names_of(listing, tool))
            self._seen, self._at_hand = listings, frozenset(found) or None
        return self._at_hand

    def tell(self, bank: CaseBank) -> None:
        """Tell the bank what differs from what it was told before."""
        with self._telling:
            try:
                view = self._view(self._seen)
            except HubError as error:
                logger.warning("whether tools changed cannot be told: %s", error)
                return
            if view != self._told:
                _tell(bank, view, self._told)
                self._told = view

    def _view(self, listings: Sequence[Listing]) -> _View:
        changed: dict[str, str] = {}
        for listing in listings:
            for tool, digest in self._changed(listing).items():
                changed |= dict.fromkeys(names_of(listing, tool), digest)
        present = frozenset(name for listing in listings for tool in listing.tools for name in names_of(listing, tool))
        return _View(present, changed)

    def _changed(self, listing: Listing) -> dict[str, str]:
        where = listing.config.transport
        if listing.config.pin is Pin.OFF or where is None:
            return {}
        tools = [listing.tools[tool] for tool in listing.names]
        return self._pins.differing(listing.config.name, tools, identity=where.shown)


def names_of(listing: Listing, tool: str) -> Iterator[str]:
    """What plans may call a tool of a server: as they are drawn from calls, and as hosts see it."""
    from memento_memory.executed import tool_name

    yield tool_name(f"{listing.config.name}__{tool}")
    if tool in listing.names:
        yield listing.names[tool]


def _tell(bank: CaseBank, view: _View, told: _View) -> None:
    """Note what is new, for a note that is made again counts from its new time on."""
    from memento_memory.curation import drift
    from memento_memory.selection.at_hand import missing

    with bank.database.reading() as db:
        noted = drift.noted(db)
        gone = missing(drift.named(db), view.present)
    again = {tool for tool, digest in view.changed.items() if told.changed.get(tool, digest) != digest}
    changed = {tool for tool in view.changed if noted.get(tool) is not False} | again
    gone -= {tool for tool, is_missing in noted.items() if is_missing}
    back = (noted.keys() & view.present) - view.changed.keys()
    if not (gone or changed or back):
        return
    with bank.database.writing() as db:
        now = time.time()
        counts = (drift.tools_missing(db, gone, now), drift.tools_changed(db, changed, now), drift.tools_back(db, back))
    logger.info("cases whose tools went: %d, changed: %d, came back: %d", *counts)
