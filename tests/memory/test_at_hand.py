"""Which tools of plans are known to be missing, and what that does to the value of their cases."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from memento_memory.bank import CaseBank
from memento_memory.case import Case, Shown, Task
from memento_memory.curation import drift
from memento_memory.plan import Plan, Subtask
from memento_memory.retention import Report
from memento_memory.selection.at_hand import missing
from memory.making import SUCCESS

ASKED = Task("send the letter to the mayor of the town")
MISSING = "it needs tools that are not at hand"

names = st.text(st.sampled_from("ab_"), min_size=1, max_size=8)


def test_a_tool_is_missing_where_its_server_is_known_and_lacks_it() -> None:
    assert missing({"mail__send", "mail__read"}, {"mail__read", "fs__read"}) == {"mail__send"}


def test_nothing_is_known_of_servers_without_any_tool_at_hand_and_of_tools_of_the_host() -> None:
    assert missing({"mail__send", "bash", "__odd"}, {"fs__read", "bare", "__other"}) == frozenset()


@given(st.frozensets(names), st.frozensets(names), names)
def test_what_is_missing_is_needed_and_not_at_hand_and_another_servers_tools_change_nothing(
    needed: frozenset[str], at_hand: frozenset[str], other: str
) -> None:
    found = missing(needed, at_hand)
    assert found <= needed - at_hand
    assert missing(needed, at_hand | {f"elsewhere__{other}"}) == found


def test_a_case_whose_tool_is_not_at_hand_is_worth_less_and_says_why(bank: CaseBank) -> None:
    kept = tooled(bank, "mail__send")
    tooled(bank, "post__send", Task("send the letter to the mayor of the village"))
    unknown = shown(bank, kept)
    at_hand = shown(bank, kept, "mail__send", "post__send")
    lacking = shown(bank, kept, "mail__read", "post__send")
    assert at_hand.value == unknown.value > lacking.value
    assert MISSING in told(lacking)
    assert MISSING not in told(at_hand)
    assert MISSING not in told(unknown)


def test_servers_that_were_not_reached_and_tools_of_the_host_change_no_value(bank: CaseBank) -> None:
    mailed, done = tooled(bank, "mail__send"), tooled(bank, "Bash", Task("send the letter to the mayor"))
    for kept in (mailed, done):
        assert shown(bank, kept, "fs__read").value == shown(bank, kept).value


def test_a_case_whose_tool_went_counts_for_less_until_the_tool_is_back(
    bank: CaseBank, clock: Callable[[], float]
) -> None:
    kept = tooled(bank, "mail__send")
    before = shown(bank, kept)
    with bank.database.writing() as db:
        drift.tools_missing(db, {"mail__send"}, clock() + 1)
    assert shown(bank, kept).value < before.value
    with bank.database.writing() as db:
        drift.tools_back(db, {"mail__send"})
    assert shown(bank, kept).value == before.value


def test_the_tools_that_plans_name_are_found_and_what_is_noted_of_them(
    bank: CaseBank, clock: Callable[[], float]
) -> None:
    tooled(bank, "mail__send")
    tooled(bank, 'fs__"read"', Task("count the stars"))
    bank.retain(Report(SUCCESS, task=Task("say hello"), plan=Plan((Subtask(1, 'say "tool":"none"'),))))
    with bank.database.writing() as db:
        assert drift.named(db) == {"mail__send", 'fs__"read"'}
        drift.tools_missing(db, {"mail__send"}, clock())
        drift.tools_changed(db, {"fs__read"}, clock())
        assert drift.noted(db) == {"mail__send": True, "fs__read": False}


def tooled(bank: CaseBank, tool: str, task: Task = ASKED) -> Case:
    plan = Plan((Subtask(1, "write it"), Subtask(2, f"send it with {tool}", (1,), tool)))
    case = bank.retain(Report(SUCCESS, task=task, plan=plan)).case
    assert case is not None
    return case


def shown(bank: CaseBank, case: Case, *at_hand: str) -> Shown:
    """A case as it is valued while these tools are at hand; none for not known."""
    slate = bank.retrieve(ASKED, k=20, browse=True, tools=frozenset(at_hand) or None)
    (found,) = [entry for entry in slate.shown if entry.case.id == case.id]
    return found


def told(entry: Shown) -> list[str]:
    return [words for words, _ in entry.reasons]
