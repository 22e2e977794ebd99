"""What the server tells the bank of the tools that connected servers list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mcp.types import Tool

from memento_memory.bank import CaseBank
from memento_memory.case import Outcome, Result, Task
from memento_memory.curation import drift
from memento_memory.plan import Plan, Subtask
from memento_memory.retention import Report
from memento_server.drift import Drift
from memento_toolhub.catalogue import Listing
from memento_toolhub.config.hub import BackendConfig, Pin, Stdio
from memento_toolhub.trust.pins import Pins

LONG = "a_tool_whose_name_is_too_long_for_the_hosts_that_there_are"
SHORT = "mail__a_tool_whose_name-12345678"


@pytest.fixture
def pins(tmp_path: Path) -> Pins:
    return Pins(tmp_path / "pins.json")


@pytest.fixture
def server(pins: Pins) -> Drift:
    return Drift(pins)


def test_the_names_at_hand_are_those_of_relayed_tools_as_plans_are_drawn_and_as_hosts_see_them(server: Drift) -> None:
    listed = listing("send", LONG, names={LONG: SHORT})
    assert server.see([listed]) == {f"mail__{LONG}", SHORT}
    assert server.see([listed, listing("read", server="fs")]) == {f"mail__{LONG}", SHORT, "fs__read"}
    assert server.see([]) is None


def test_a_tool_that_went_is_noted_and_no_more_when_it_is_back(server: Drift, bank: CaseBank) -> None:
    planned(bank, "mail__send", "fs__read", "Bash")
    assert told(server, bank, listing("send", "read")) == {}
    assert told(server, bank, listing("read")) == {"mail__send": True}
    assert told(server, bank) == {"mail__send": True}  # nothing is reached: nothing is learned
    assert told(server, bank, listing("send")) == {}


def test_a_tool_that_the_tools_file_hides_is_not_gone(server: Drift, bank: CaseBank) -> None:
    planned(bank, "mail__send")
    assert told(server, bank, listing("send", "read", names={"read": "mail__read"})) == {}


def test_a_changed_definition_is_noted_until_it_is_approved(server: Drift, bank: CaseBank, pins: Pins) -> None:
    planned(bank, "mail__send")
    first, second = listing("send"), listing("send", words="Sends money.")
    for listed in (first, second):
        check(pins, listed)
    assert told(server, bank, first) == {}
    assert told(server, bank, second) == {"mail__send": False}
    assert told(server, bank, first) == {}
    assert told(server, bank, second) == {"mail__send": False}
    pins.approve("mail")
    assert told(server, bank, second) == {}


def test_a_change_nobody_pins_is_not_noted(server: Drift, bank: CaseBank, pins: Pins) -> None:
    planned(bank, "mail__send")
    check(pins, listing("send"))
    assert told(server, bank, listing("send", words="Sends money.", pin=Pin.OFF)) == {}


def test_a_note_is_made_once_and_anew_only_when_the_definition_changes_again(
    server: Drift, bank: CaseBank, pins: Pins, clock: Callable[[], float]
) -> None:
    planned(bank, "mail__send")
    check(pins, listing("send"))
    changed = listing("send", words="Sends money.")
    told(server, bank, changed)
    noted_at = since(bank)
    told(server, bank)
    told(server, bank, changed)
    told(Drift(pins), bank, changed)
    assert since(bank) == noted_at
    told(server, bank, listing("send", words="Sends all your money."))
    assert since(bank) > noted_at


def test_damaged_pins_hide_no_other_problem_and_stop_nothing(tmp_path: Path, bank: CaseBank) -> None:
    file = tmp_path / "damaged.json"
    file.write_text("{", encoding="utf-8")
    server = Drift(Pins(file))
    planned(bank, "mail__send")
    assert told(server, bank, listing("read")) == {}
    file.unlink()
    assert told(server, bank, listing("read")) == {"mail__send": True}


def listing(
    *tools: str,
    server: str = "mail",
    words: str = "Does it.",
    names: dict[str, str] | None = None,
    pin: Pin = Pin.FLAG,
) -> Listing:
    config = BackendConfig(server, Stdio(server), pin=pin)
    made = {name: Tool(name=name, description=words, input_schema={"type": "object"}) for name in tools}
    return Listing(config, made, {name: f"{server}__{name}" for name in tools} if names is None else names)


def check(pins: Pins, listed: Listing) -> None:
    """Have a listing compared and pinned, as listing it to a host does."""
    assert listed.config.transport is not None
    pins.check(listed.config.name, list(listed.tools.values()), identity=listed.config.transport.shown)


def told(server: Drift, bank: CaseBank, *listings: Listing) -> dict[str, bool]:
    """What is noted after these servers were seen: the tools, and whether they are gone."""
    server.see(listings)
    server.tell(bank)
    with bank.database.reading() as db:
        return drift.noted(db)


def since(bank: CaseBank) -> float:
    with bank.database.reading() as db:
        return float(db.execute("SELECT since FROM tool_drift").fetchone()[0])


def planned(bank: CaseBank, *tools: str) -> None:
    plan = Plan(tuple(Subtask(i, f"step {i}", tool=tool) for i, tool in enumerate(tools, 1)))
    bank.retain(Report(Result.graded(Outcome.SUCCESS), task=Task("send the letter"), plan=plan))
