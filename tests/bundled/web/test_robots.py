"""What a site asks of programs, and that it gets it."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from bundled.web.site import Answer, Route, Site, cut_off, drip, redirect, robots, site
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetcher, FetchLimits
from memento_toolhub.servers.web.robots import Robots, Rules


@pytest.fixture
def up() -> Iterator[Site]:
    with site() as running:
        yield running


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def asking(up: Site, clock: Clock | None = None) -> Robots:
    fetcher = Fetcher((up.host,), limits=FetchLimits(seconds=0.5))
    return Robots(fetcher, clock=clock or Clock())


def check(up: Site, path: str = "/page") -> Rules:
    return anyio.run(asking(up).check, up.url(path))


def test_a_page_that_is_closed_to_all_programs_is_left_alone(up: Site) -> None:
    up.routes["/robots.txt"] = robots("User-agent: *\nDisallow: /private/\nAllow: /private/open\n")
    check(up, "/page")
    check(up, "/private/open/page")
    with pytest.raises(CallError, match=r"closed to programs by http://.*/robots\.txt; .*another source"):
        check(up, "/private/page?a=b")


def test_rules_for_this_program_come_before_those_for_all(up: Site) -> None:
    up.routes["/robots.txt"] = robots("User-agent: *\nDisallow: /\n\nUser-agent: Memento\nDisallow: /no\n")
    check(up, "/yes")
    with pytest.raises(CallError, match="closed to programs"):
        check(up, "/no")


def test_patterns_are_understood(up: Site) -> None:
    up.routes["/robots.txt"] = robots("User-agent: *\nDisallow: /*.pdf$\nDisallow: /*?session=\n")
    check(up, "/a.pdf?x")
    for path in ("/a/b.pdf", "/a?session=1"):
        with pytest.raises(CallError, match="closed to programs"):
            check(up, path)


def test_a_delay_is_known(up: Site) -> None:
    up.routes["/robots.txt"] = robots("User-agent: *\nCrawl-delay: 2.5\n")
    assert check(up).delay == 2.5
    up.routes["/robots.txt"] = robots("User-agent: *\nCrawl-delay: soon\n")
    assert check(up).delay == 0.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_site_without_rules_is_open(up: Site, status: int) -> None:
    up.routes["/robots.txt"] = Answer("Disallow: /", status)
    assert check(up) == Rules()


@pytest.mark.parametrize("route", [Answer(status=500), Answer(status=503), cut_off, drip, redirect("/robots.txt")])
def test_a_site_whose_rules_cannot_be_had_is_closed(up: Site, route: Route) -> None:
    up.routes["/robots.txt"] = route
    with pytest.raises(CallError, match=r"robots\.txt"):
        check(up)


def test_a_host_that_is_refused_stays_refused(up: Site) -> None:
    with pytest.raises(CallError, match="not on the public internet"):
        anyio.run(Robots(Fetcher()).check, up.url("/page"))
    assert up.asked == []


def test_rules_may_be_elsewhere_on_the_web(up: Site) -> None:
    up.routes |= {"/robots.txt": redirect("/rules"), "/rules": robots("User-agent: *\nDisallow: /\n")}
    with pytest.raises(CallError, match="closed to programs"):
        check(up)


@pytest.mark.parametrize(
    "body", [b"", b"\xef\xbb\xbf", b"<html>no such page</html>", b"\xff\xfe\x00", b"Disallow: /", b"a:" * 9_000]
)
def test_rules_nobody_can_read_close_nothing(up: Site, body: bytes) -> None:
    up.routes["/robots.txt"] = Answer(body)
    check(up)


def test_rules_written_with_a_byte_order_mark_count(up: Site) -> None:
    up.routes["/robots.txt"] = Answer(b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /\r\n")
    with pytest.raises(CallError, match="closed to programs"):
        check(up)


def test_rules_made_to_take_all_memory_are_not_read(up: Site) -> None:
    names = "".join(f"User-agent: a{number}\n" for number in range(10_000))
    up.routes["/robots.txt"] = robots(names + "Disallow: /a\n" * 10_000)
    with pytest.raises(CallError, match="too long to be read"):
        check(up)


def test_rules_are_asked_for_once_an_hour_and_failures_again_after_minutes(up: Site) -> None:
    clock = Clock()
    asked = asking(up, clock)
    up.routes["/robots.txt"] = Answer(status=500)
    for _ in range(3):
        with pytest.raises(CallError):
            anyio.run(asked.check, up.url("/page"))
    assert len(up.asked) == 1
    up.routes["/robots.txt"] = robots("User-agent: *\nDisallow: /no\n")
    for clock.now in (301.0, 302.0, 3_900.0):
        anyio.run(asked.check, up.url("/page"))
    assert len(up.asked) == 2
    clock.now = 3_902.0
    anyio.run(asked.check, up.url("/page"))
    assert len(up.asked) == 3


def test_calls_at_the_same_time_ask_once(up: Site) -> None:
    asked = asking(up)

    async def work() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(asked.check, up.url(f"/{number}"))

    anyio.run(work)
    assert up.paths() == ["/robots.txt"]
