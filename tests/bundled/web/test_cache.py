"""Pages kept on disk, and how long they may be used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import dictionaries, sampled_from, text

from memento_toolhub.servers.kit.fetcher import Fetched
from memento_toolhub.servers.web.cache import PageCache
from memento_toolhub.servers.web.freshness import fresh_seconds, may_be_kept

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
URL = "https://example.com/page"


def date(**ago: float) -> str:
    return format_datetime(NOW - timedelta(**ago), usegmt=True)


def answer(body: bytes = b"words\nmore", status: int = 200, **headers: str) -> Fetched:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fetched(URL, status, named, body, "text/html", "utf-8", ("https://example.com/",), NOW)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 300),
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": "public, Max-Age=60, immutable", "age": "20"}, 40),
        ({"cache-control": "max-age=60", "age": "100"}, 0),
        ({"cache-control": "max-age=99999999999999999999"}, 86_400),
        ({"cache-control": "no-cache, max-age=60"}, 0),
        ({"cache-control": "max-age=0"}, 0),
        ({"pragma": "no-cache"}, 0),
        ({"expires": date(minutes=-2), "date": date()}, 120),
        ({"expires": date(minutes=2)}, 0),
        ({"expires": "0"}, 0),
        ({"cache-control": "max-age=60", "expires": "0"}, 60),
        ({"last-modified": date(seconds=1_000)}, 100),
        ({"last-modified": date(days=1_000)}, 3_600),
        ({"last-modified": date(days=-1)}, 0),
        ({"last-modified": "yesterday"}, 300),
    ],
)
def test_a_page_is_fresh_for_as_long_as_its_server_says_or_for_a_guess(
    headers: Mapping[str, str], seconds: float
) -> None:
    assert fresh_seconds(headers, NOW) == pytest.approx(seconds)


NAMES = sampled_from(["cache-control", "expires", "date", "age", "last-modified", "pragma", "vary"])


@given(dictionaries(NAMES, text(max_size=30) | sampled_from(["max-age=", 'max-age="5"', date(), "Mon, 1 Jan 0001"])))
def test_whatever_a_server_says_gives_a_time_between_nothing_and_a_day(headers: Mapping[str, str]) -> None:
    assert 0 <= fresh_seconds(headers, NOW) <= 86_400
    assert may_be_kept(headers) in (True, False)


def test_a_kept_page_comes_back_whole_to_another_process_and_another_run(tmp_path: Path) -> None:
    page = answer(etag='"1"')
    PageCache(tmp_path / "web").keep(URL, page)
    kept = PageCache(tmp_path / "web").find(URL, NOW + timedelta(seconds=299))
    assert kept is not None
    assert kept.fresh
    assert kept.page.from_cache
    assert (kept.page.body, kept.page.url, kept.page.redirects) == (page.body, page.url, page.redirects)
    assert (kept.page.headers, kept.page.at, kept.page.charset) == (page.headers, page.at, page.charset)


def test_an_old_page_is_found_with_what_asks_whether_it_changed(tmp_path: Path) -> None:
    cache = PageCache(tmp_path)
    cache.keep(URL, answer(etag='W/"1"', last_modified=date(days=1)))
    kept = cache.find(URL, NOW + timedelta(days=2))
    assert kept is not None
    assert not kept.fresh
    assert kept.validators == {"if-none-match": 'W/"1"', "if-modified-since": date(days=1)}


def test_a_page_from_a_clock_that_was_ahead_is_not_fresh(tmp_path: Path) -> None:
    cache = PageCache(tmp_path)
    cache.keep(URL, answer())
    kept = cache.find(URL, NOW - timedelta(days=1))
    assert kept is not None
    assert not kept.fresh


def test_a_page_found_unchanged_is_as_new_and_takes_the_new_headers(tmp_path: Path) -> None:
    cache = PageCache(tmp_path)
    cache.keep(URL, answer(etag='"1"', cache_control="max-age=1"))
    kept = cache.find(URL, NOW)
    assert kept is not None
    later = NOW + timedelta(hours=1)
    said = Fetched(URL, 304, {"cache-control": "max-age=9", "content-length": "0"}, b"", "", "", (), later)
    renewed = kept.unchanged(said)
    assert (renewed.status, renewed.body, renewed.at) == (200, b"words\nmore", later)
    assert renewed.headers == {"etag": '"1"', "cache-control": "max-age=9"}


@pytest.mark.parametrize(
    "page", [answer(cache_control="no-store"), answer(vary="*"), answer(status=404), answer(b"x" * 2_000)]
)
def test_what_may_not_or_need_not_be_kept_is_not(tmp_path: Path, page: Fetched) -> None:
    cache = PageCache(tmp_path / "web", most_bytes=10_000)
    cache.keep(URL, page)
    assert cache.find(URL) is None
    assert not (tmp_path / "web").exists()


def test_the_pages_used_longest_ago_make_room(tmp_path: Path) -> None:
    import os

    cache = PageCache(tmp_path, most_bytes=10_000)
    urls = [f"{URL}/{number}" for number in range(20)]
    for number, url in enumerate(urls):
        cache.keep(url, answer(b"x" * 1_000))
        for file in tmp_path.iterdir():
            if file.stat().st_mtime > 2_000:
                os.utime(file, (number, number))
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10_000
    found = [url for url in urls if cache.find(url)]
    assert found == urls[-len(found) :]
    assert len(found) > 4


@pytest.mark.parametrize("damage", [b"", b"{", b"[]\n", b'{"form": 1}\nwords', b"\xff\xfe", b"null\n"])
def test_a_damaged_file_is_no_page_and_is_replaced(tmp_path: Path, damage: bytes) -> None:
    cache = PageCache(tmp_path)
    cache.keep(URL, answer())
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert cache.find(URL) is None
    cache.keep(URL, answer())
    assert cache.find(URL) is not None


def test_a_file_that_is_cut_off_is_no_page(tmp_path: Path) -> None:
    cache = PageCache(tmp_path)
    cache.keep(URL, answer())
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert cache.find(URL) is None


def test_nobody_else_may_look_into_the_folder_and_nothing_half_written_stays(tmp_path: Path) -> None:
    cache = PageCache(tmp_path / "web")
    cache.keep(URL, answer())
    assert (tmp_path / "web").stat().st_mode & 0o077 == 0
    (file,) = (tmp_path / "web").iterdir()
    file.unlink()
    file.mkdir()
    with pytest.raises(OSError, match=file.name):
        cache.keep(URL, answer())
    assert list((tmp_path / "web").iterdir()) == [file]
