"""Pages fetched as their host asks: rules, pace, and a cache that is asked first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from bundled.web.site import Answer, Site, first, page, redirect, robots, site, with_validators
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetched, Fetcher
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.roots import Roots
from memento_toolhub.servers.web.cache import PageCache
from memento_toolhub.servers.web.pace import Pace
from memento_toolhub.servers.web.polite import PoliteFetcher

HOME = page("Home", "Some words.")


@pytest.fixture
def up() -> Iterator[Site]:
    with site({"/": HOME, "/robots.txt": robots("User-agent: *\nDisallow: /private\n")}) as running:
        yield running


class Sleeps:
    """Remembers how long it was to sleep, and does not."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.now = 0.0

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.now += seconds

    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self)


def polite(up: Site, folder: Path, sleeps: Sleeps | None = None) -> PoliteFetcher:
    return PoliteFetcher(Fetcher((up.host,)), PageCache(folder), (sleeps or Sleeps()).pace())


def get(fetcher: PoliteFetcher, url: str) -> Fetched:
    return anyio.run(fetcher.get, url)


def test_a_page_closed_to_programs_is_not_asked_for_even_through_a_redirect(up: Site, tmp_path: Path) -> None:
    up.routes["/a"] = redirect("/private/b")
    for path in ("/private", "/a"):
        with pytest.raises(CallError, match="closed to programs"):
            get(polite(up, tmp_path), up.url(path))
    assert not any(path.startswith("/private") for path in up.paths())


def test_what_another_program_wants_to_fetch_is_judged_too(up: Site, tmp_path: Path) -> None:
    fetcher = polite(up, tmp_path)
    anyio.run(fetcher.permit, up.url("/page"))
    for url in (up.url("/private/a"), "http://10.0.0.1/", "file:///etc/passwd"):
        with pytest.raises(CallError):
            anyio.run(fetcher.permit, url)


def test_a_fresh_page_is_not_asked_for_again_by_the_next_run_either(up: Site, tmp_path: Path) -> None:
    up.routes["/"] = with_validators(HOME, etag='"1"', cache_control="max-age=600")
    asked = get(polite(up, tmp_path), up.url("/#top"))
    again = get(polite(up, tmp_path), up.url("/#foot"))
    assert (asked.from_cache, again.from_cache) == (False, True)
    assert again == replace(asked, from_cache=True)
    assert up.paths() == ["/robots.txt", "/"]


@pytest.mark.parametrize("how", [{"etag": '"1"'}, {"modified": "Mon, 05 Jan 2026 10:00:00 GMT"}])
def test_an_old_page_is_asked_for_only_if_it_changed(up: Site, tmp_path: Path, how: dict[str, str]) -> None:
    up.routes["/"] = with_validators(HOME, cache_control="no-cache", **how)
    fetcher = polite(up, tmp_path)
    asked = get(fetcher, up.url("/"))
    again = get(fetcher, up.url("/"))
    assert again.body == asked.body
    assert (asked.from_cache, again.from_cache) == (False, True)
    assert again.at >= asked.at
    up.routes["/"] = with_validators(page("New", "Other words."), cache_control="no-cache", etag='"2"')
    assert b"Other words." in get(fetcher, up.url("/")).body
    assert up.paths().count("/") == 3


def test_the_question_whether_a_page_changed_goes_to_the_page_and_not_to_what_redirects_there(
    up: Site, tmp_path: Path
) -> None:
    up.routes |= {"/a": redirect("/"), "/": with_validators(HOME, etag='"1"', cache_control="no-cache")}
    fetcher = polite(up, tmp_path)
    get(fetcher, up.url("/a"))
    again = get(fetcher, up.url("/a"))
    assert again.redirects == (up.url("/a"),)
    assert [asked.headers.get("if-none-match") for asked in up.asked] == [None, None, None, None, '"1"']


def test_a_page_that_may_not_be_kept_is_fetched_anew(up: Site, tmp_path: Path) -> None:
    up.routes["/"] = with_validators(HOME, cache_control="no-store")
    fetcher = polite(up, tmp_path)
    assert not get(fetcher, up.url()).from_cache
    assert not get(fetcher, up.url()).from_cache


def test_a_page_of_a_host_that_is_no_longer_allowed_is_out_of_reach_in_the_cache_too(up: Site, tmp_path: Path) -> None:
    url = f"http://localhost:{up.port}/"
    allowed = PoliteFetcher(Fetcher((f"localhost:{up.port}",)), PageCache(tmp_path))
    assert get(allowed, url).status == 200
    assert get(allowed, url).from_cache
    with pytest.raises(CallError, match="not on the public internet"):
        get(PoliteFetcher(Fetcher(), PageCache(tmp_path)), url)


def test_a_cache_that_cannot_be_written_costs_no_page(
    up: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert get(polite(up, tmp_path / "file" / "web"), up.url()).status == 200
    assert "is not cached" in caplog.text


def test_a_host_that_asks_for_a_short_wait_is_asked_once_more(up: Site, tmp_path: Path) -> None:
    up.routes["/"] = first(Answer(status=429, headers={"retry-after": "3"}), HOME)
    sleeps = Sleeps()
    assert get(polite(up, tmp_path, sleeps), up.url()).status == 200
    assert sleeps.seconds == [3.0]


def test_a_host_that_keeps_asking_for_waits_is_left_alone(up: Site, tmp_path: Path) -> None:
    up.routes["/"] = Answer(status=503, headers={"retry-after": "2"})
    sleeps = Sleeps()
    with pytest.raises(CallError, match="answered 503"):
        get(polite(up, tmp_path, sleeps), up.url())
    assert up.paths().count("/") == 2
    assert sleeps.seconds == [2.0]


def test_a_host_that_asks_for_a_long_wait_is_not_asked_in_that_time(up: Site, tmp_path: Path) -> None:
    up.routes["/"] = Answer(status=429, headers={"retry-after": "600"})
    fetcher = polite(up, tmp_path)
    with pytest.raises(CallError, match=r"answered 429 .* \(it says when: 600\)"):
        get(fetcher, up.url())
    with pytest.raises(CallError, match="wants to be asked again in 600 s"):
        get(fetcher, up.url("/other"))
    assert up.paths().count("/") == 1


def test_a_hosts_own_delay_is_kept_to(up: Site, tmp_path: Path) -> None:
    up.routes |= {"/robots.txt": robots("User-agent: *\nCrawl-delay: 4\n"), "/b": HOME}
    sleeps = Sleeps()
    fetcher = polite(up, tmp_path, sleeps)
    get(fetcher, up.url("/"))
    get(fetcher, up.url("/b"))
    assert sleeps.seconds == [4.0]


def test_an_error_status_is_told_and_not_kept(up: Site, tmp_path: Path) -> None:
    up.routes["/"] = first(Answer(status=404), HOME)
    fetcher = polite(up, tmp_path)
    with pytest.raises(CallError, match="404 Not Found"):
        get(fetcher, up.url())
    assert get(fetcher, up.url()).status == 200


def test_a_server_keeps_its_pages_in_its_scratch_folder(up: Site, tmp_path: Path) -> None:
    fetcher = PoliteFetcher.of(Options(Roots(()), tmp_path, (up.host,)))
    get(fetcher, up.url())
    assert list((tmp_path / "web").iterdir())
