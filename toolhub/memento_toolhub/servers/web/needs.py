"""What the web server needs of the machine."""

from __future__ import annotations

from collections.abc import Mapping

from memento_toolhub.servers.kit.options import Need, package_need
from memento_toolhub.servers.web.browser import find_program
from memento_toolhub.servers.web.searxng import VARIABLE, SearXNG


def needs(environment: Mapping[str, str]) -> tuple[Need, ...]:
    """The packages, a search engine and, for pages that need JavaScript, a browser; nothing is fetched or started."""
    pages = ("fetch_page", "crawl")
    return (
        package_need("trafilatura", "web", pages),
        package_need("protego", "web", pages),
        _search(environment),
        _browser(environment),
    )


def _search(environment: Mapping[str, str]) -> Need:
    url = environment.get(VARIABLE, "")
    if not url:
        return package_need("ddgs", "web", ("search_web",))
    engine = SearXNG(url)
    found = engine.problem or f"{VARIABLE} names {engine.host}"
    return Need("SearXNG", not engine.problem, found, f"set {VARIABLE} to its address", ("search_web",))


def _browser(environment: Mapping[str, str]) -> Need:
    program = find_program(environment)
    unsafe = "" if program.sandbox else ", its sandbox switched off"
    found = f"{program.path}{unsafe}" if program.path else "not found"
    return Need("browser", not program.problem, found, program.problem, ("fetch_page of pages made by scripts",))
