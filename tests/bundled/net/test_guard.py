"""Which addresses may be fetched, as written and as resolved."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
import pytest
from hypothesis import example, given
from hypothesis.strategies import sampled_from, text

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.guard import Guard, Resolve


def answering(*answers: str) -> Resolve:
    """A resolver that knows one answer to everything."""

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return answers

    return resolve


def resolved(host: str, answers: Iterable[str], port: int = 80, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
    return anyio.run(Guard(allowed, resolve=answering(*answers)).addresses, host, port)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("https://example.com", "https://example.com"),
        (" HTTPS://Example.COM./a?b=c#part ", "https://example.com/a?b=c"),
        ("http://bücher.example:8080/ä", "http://xn--bcher-kva.example:8080/%C3%A4"),
        ("https://[2606:4700:4700:0::1111]/", "https://[2606:4700:4700::1111]/"),
    ],
)
def test_an_address_gets_its_normal_form(written: str, normal: str) -> None:
    assert Guard().url(written) == normal


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "begin with http"),
        ("example.com/page", "begin with http"),
        ("//example.com", "begin with http"),
        ("file:///etc/passwd", "begin with http"),
        ("ftp://example.com", "begin with http"),
        ("gopher://example.com:70/_x", "begin with http"),
        ("javascript:alert(1)", "begin with http"),
        ("http://", "names no host"),
        ("http:///etc/passwd", "names no host"),
        ("http://user:secret@example.com/", "name or password"),
        ("http://example.com\\@127.0.0.1/", "name or password|no host|no web address"),
        ("http://exa mple.com/", "names no host"),
        ("http://%31%32%37.0.0.1/", "names no host"),
        ("http://a..b/", "names no host"),
        ("http://example.com:port/", "no web address"),
        ("http://example.com:99999/", "no port 99999"),
        ("http://example.com/\0", "no web address"),
        ("http://example.com/\r\nHost: x", "no web address"),
        ("http://a\ud800.example/", "no web address"),
        (f"http://example.com/{'a' * 9_000}", "8000 are the most"),
    ],
)
def test_what_is_no_web_address_is_refused(written: str, why: str) -> None:
    with pytest.raises(CallError, match=why) as refused:
        Guard().url(written)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1.", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "0.0.0.0"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[fe80::1]"),
        *("169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16"),
        *("0x7f.1", "0x7f000001", "017700000001", "2130706433", "127.1", "0", "127.0.0.1.0x1", "0177.0.0.1"),
        *("１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "[fe80::1%25eth0]"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_that_is_not_public_is_refused_however_it_is_written(host: str, scheme: str) -> None:
    with pytest.raises(CallError, match=r"^url: "):
        Guard().url(f"{scheme}://{host}/")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:10.0.0.1", "0x7f.1", "169.254.169.254"])
def test_an_address_is_refused_at_the_connection_too(host: str) -> None:
    with pytest.raises(CallError):
        resolved(host, ["1.1.1.1"])


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["1.1.1.1", "10.0.0.1"],
        ["10.0.0.1", "1.1.1.1"],
        ["2606:4700::1111", "::1"],
        ["::ffff:192.168.1.1"],
        ["fe80::1%1"],
        ["169.254.169.254"],
        ["1.1.1.1", "fd00:ec2::254"],
    ],
)
def test_a_name_is_refused_where_any_of_its_addresses_is(answers: list[str]) -> None:
    with pytest.raises(CallError, match=r"example\.com resolves to"):
        resolved("example.com", answers)


def test_a_public_name_gives_all_of_its_addresses() -> None:
    assert resolved("Example.com.", ["1.1.1.1", "2606:4700::1111"]) == ("1.1.1.1", "2606:4700::1111")


def test_a_name_without_an_address_is_an_error_that_says_so() -> None:
    with pytest.raises(CallError, match=r"no address is known for the host nowhere\.invalid"):
        anyio.run(Guard().addresses, "nowhere.invalid", 80)
    with pytest.raises(CallError, match="no address is known"):
        resolved("example.com", [])


def test_the_systems_own_name_for_this_machine_is_refused() -> None:
    with pytest.raises(CallError, match="--allow-host localhost"):
        anyio.run(Guard().addresses, "localhost", 80)


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("[::1]:8080", "http://[::1]:8080/"),
        ("::1", "http://[0:0::1]:8080/"),
        ("169.254.169.254", "http://169.254.169.254/latest"),
        ("example.com:25", "http://example.com:25/"),
        ("LOCALHOST:6379", "http://localhost:6379/"),
        ("Bücher.example:22", "http://xn--bcher-kva.example:22/"),
    ],
)
def test_what_is_allowed_by_name_may_be_fetched(allowed: str, url: str) -> None:
    assert Guard([allowed]).url(url)


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8081/"),
        ("127.0.0.1:80", "http://127.0.0.1:8080/"),
        ("127.0.0.1", "http://127.0.0.2/"),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/"),
        ("127.0.0.1", "http://0x7f.1/"),
        ("localhost", "http://127.0.0.1/"),
        ("localhost", "http://localhost:6379/"),
        ("example.com", "http://example.com:25/"),
    ],
)
def test_an_allowance_covers_what_it_names_and_no_more(allowed: str, url: str) -> None:
    with pytest.raises(CallError):
        Guard([allowed]).url(url)


def test_an_allowed_name_may_be_private_but_not_lead_to_the_metadata_of_a_cloud() -> None:
    assert resolved("intranet.example", ["10.0.0.5"], allowed=("intranet.example",)) == ("10.0.0.5",)
    with pytest.raises(CallError, match="never fetched"):
        resolved("intranet.example", ["169.254.169.254"], allowed=("intranet.example",))
    with pytest.raises(CallError, match=r"--allow-host other\.intranet\.example"):
        resolved("other.intranet.example", ["10.0.0.5"], allowed=("intranet.example",))


@pytest.mark.parametrize("port", [0, 1, 21, 22, 25, 110, 2375, 3306, 5432, 6379, 11211, 27017])
def test_the_port_of_another_service_is_refused(port: int) -> None:
    with pytest.raises(CallError, match=f"port {port}"):
        resolved("example.com", ["1.1.1.1"], port=port)


@pytest.mark.parametrize(
    "entry", ["", ":80", "http://localhost", "localhost/path", "a b", "user@host", "h:port", "[::1"]
)
def test_an_allowance_that_names_no_host_is_an_error_at_once(entry: str) -> None:
    with pytest.raises(ValueError, match="is no host such as"):
        Guard([entry])


@given(text(max_size=60), sampled_from(["", "http://", "https://", "http://[", "http://127.0.0.1"]))
@example("#@127.0.0.1", "http://")
@example("?@127.0.0.1", "http://")
def test_whatever_is_written_gives_a_normal_form_that_stays_itself_or_an_error(rest: str, start: str) -> None:
    guard = Guard()
    try:
        normal = guard.url(start + rest)
    except CallError:
        return
    assert guard.url(normal) == normal
