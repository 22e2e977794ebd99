"""Which plan a relayed call belongs to: the one given, the one in `_meta`, or the one its host has open."""

from __future__ import annotations

from typing import Any, cast

import pytest
from mcp.server import ServerRequestContext
from mcp.server.connection import Connection
from mcp.server.session import ServerSession

from memento_toolhub.plans import META_PLAN, META_SUBTASK, OpenPlans

OVER_HTTP = object()


def host(
    *, http: bool = False, session: str | None = None, client: str = "", meta: dict[str, Any] | None = None
) -> ServerRequestContext[Any, Any]:
    """A request of a host: over stdio, in an HTTP session, or over HTTP without one."""
    info = {"name": client, "version": "1"} if client else None
    connection = Connection.from_envelope("2026-07-28", info, {})
    connection.session_id = session
    return ServerRequestContext(
        session=ServerSession(cast(Any, None), connection),
        lifespan_context={},
        protocol_version="2026-07-28",
        method="tools/call",
        meta=cast(Any, meta),
        request=OVER_HTTP if http or session else None,
    )


def test_a_call_belongs_to_the_plan_its_host_has_open() -> None:
    plans = OpenPlans()
    assert plans.of(host()) == ("", None)
    plans.opened(host(), "p-1")
    assert plans.of(host()) == ("p-1", None)
    plans.closed("p-1")
    assert plans.of(host()) == ("", None)


def test_the_plan_given_goes_before_meta_and_meta_before_the_open_plan() -> None:
    plans = OpenPlans()
    plans.opened(host(), "p-open")
    said = host(meta={META_PLAN: "p-meta", META_SUBTASK: 3})
    assert plans.of(said, "p-given") == ("p-given", 3)
    assert plans.of(said) == ("p-meta", 3)
    assert plans.of(host(meta={META_SUBTASK: 2})) == ("p-open", 2)


@pytest.mark.parametrize("wrong", [{META_PLAN: 7}, {META_PLAN: ""}, {META_SUBTASK: "2"}, {META_SUBTASK: True}])
def test_meta_of_the_wrong_type_counts_as_none(wrong: dict[str, Any]) -> None:
    plans = OpenPlans()
    plans.opened(host(), "p-open")
    assert plans.of(host(meta=wrong)) == ("p-open", None)


def test_over_stdio_and_in_a_session_a_new_plan_takes_the_place_of_the_last() -> None:
    for session in (None, "one"):
        plans = OpenPlans()
        plans.opened(host(session=session), "p-1")
        plans.opened(host(session=session), "p-2")
        assert plans.of(host(session=session)) == ("p-2", None)
        plans.closed("p-2")
        assert plans.of(host(session=session)) == ("", None)


def test_sessions_keep_their_plans_apart_even_under_one_client_name() -> None:
    plans = OpenPlans()
    plans.opened(host(session="one", client="ide"), "p-1")
    plans.opened(host(session="two", client="ide"), "p-2")
    assert plans.of(host(session="one", client="ide")) == ("p-1", None)
    assert plans.of(host(session="two", client="ide")) == ("p-2", None)


def test_a_session_is_known_by_its_id_and_not_by_an_object_that_may_be_gone() -> None:
    plans = OpenPlans()
    for number in range(50):
        plans.opened(host(session=f"gone-{number}"), "p-gone")
        assert plans.of(host(session=f"new-{number}")) == ("", None)


def test_without_sessions_hosts_are_told_apart_by_who_they_say_they_are() -> None:
    plans = OpenPlans()
    plans.opened(host(http=True, client="ide"), "p-1")
    plans.opened(host(http=True, client="desktop"), "p-2")
    assert plans.of(host(http=True, client="ide")) == ("p-1", None)
    assert plans.of(host(http=True, client="desktop")) == ("p-2", None)


def test_of_several_open_plans_under_one_client_name_none_is_assumed_until_one_is_left() -> None:
    plans = OpenPlans()
    plans.opened(host(http=True, client="ide"), "p-1")
    plans.opened(host(http=True, client="ide"), "p-2")
    assert plans.of(host(http=True, client="ide")) == ("", None)
    assert plans.of(host(http=True, client="ide", meta={META_PLAN: "p-1"})) == ("p-1", None)
    plans.closed("p-1")
    assert plans.of(host(http=True, client="ide")) == ("p-2", None)


def test_a_nameless_host_without_a_session_has_no_open_plan() -> None:
    plans = OpenPlans()
    for _ in range(50):
        plans.opened(host(http=True), "p-1")
        assert plans.of(host(http=True)) == ("", None)
    assert plans.of(host(http=True), "p-given") == ("p-given", None)


def test_of_very_many_hosts_those_heard_of_last_are_remembered() -> None:
    plans = OpenPlans()
    for number in range(1500):
        plans.opened(host(session=str(number)), f"p-{number}")
    assert plans.of(host(session="0")) == ("", None)
    assert plans.of(host(session="1499")) == ("p-1499", None)
