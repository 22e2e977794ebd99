"""Redaction: no secret is left in what is recorded, whole or in part, and what is no secret stays."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_toolhub.secrecy import is_secret_name, secret_spans
from memento_toolhub.trust.redact import REDACTED, bounded_json, redact

# Put together here so that no scanner takes this file for a leak.
BODY = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1BcDeFgHiJkL"
SHAPES = {
    "OpenAI": "sk-proj-" + BODY,
    "Anthropic": "sk-ant-" + BODY,
    "Stripe": "sk_live_" + BODY,
    "GitHub": "ghp_" + BODY,
    "GitHub, fine": "github_pat_" + BODY,
    "GitLab": "glpat-" + BODY,
    "AWS": "AKIA" + "ABCDEFGH12345678",
    "Slack": "xoxb-" + "123456789012-" + BODY,
    "Google": "AIza" + BODY,
    "npm": "npm_" + BODY,
    "PyPI": "pypi-" + BODY,
    "web token": "eyJ" + BODY + ".eyJ" + BODY + "." + BODY,
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----",
    "private key, cut": f"-----BEGIN PRIVATE KEY-----\n{BODY}\n{BODY}",
}
SECRET = "h4rd-2-gu3ss/Val"
PLACES = [
    "PASSWORD={}",
    "export API_KEY='{}'",
    'db_password: "{}"',
    '{{"password": "{}", "user": "bob"}}',
    '{{\\"client_secret\\": \\"{}\\"}}',
    '{{\\\\\\"accessToken\\\\\\":\\\\\\"{}\\\\\\"}}',
    '{{"secret": ["{}", "{}"]}}',
    "{{'cookies': [{{'name': 'sid', 'value': '{}'}}], 'ok': 1}}",
    "Authorization: Bearer {}",
    "authorization: Basic {}",
    'curl -H "X-Api-Key: {}" https://example.org',
    "Set-Cookie: sid={}; Path=/",
    'Cookie: theme=dark; sid="{}"',
    "https://bob:{}@example.org/x",
    "postgresql://bob:p@{}@db/x",
    "https://example.org/?page=2&access_token={}",
    "Server=db;User=sa;Password={};",
    "server --token {} --port 80",
    "server --api-key={}",
    'password: str = "{}"',
    'headers["X-Auth-Token"] = "{}"',
    "secret => '{}'",
    'password = b"{} with spaces"',
    "sent Bearer {} to the server",
]


def without(text: str) -> str:
    return str(redact(text))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_key_known_by_its_shape_is_taken_out_of_running_text(shape: str) -> None:
    shown = without(f"The key is {SHAPES[shape]}")
    assert shown == f"The key is {REDACTED}"


@pytest.mark.parametrize("place", PLACES)
def test_a_value_that_goes_under_a_secret_name_is_taken_out(place: str) -> None:
    secret = SECRET.replace("/", "-") if "://" in place else SECRET
    shown = without("before\n" + place.format(secret, secret) + "\nafter")
    assert secret not in shown
    assert "gu3ss" not in shown
    assert shown.startswith("before\n")
    assert shown.endswith("\nafter")
    assert REDACTED in shown


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=4096, total_tokens: 12",
        "a basic understanding of bearer instruments",
        "https://example.org:8080/path?x=1 mail bob@example.org",
        "The disk-backed task-list is risk-free.",
        '{"name": "report.txt", "size": 12, "mime": "text/plain"}',
        "def read(path: str) -> str: return open(path).read()",
        "eyJ is how they begin; AKIA too; -----BEGIN CERTIFICATE-----",
        "2026-01-02T03:04:05Z key=value path=/etc/hosts",
    ],
)
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert redact({"text": [text]}) == {"text": [text]}


@pytest.mark.parametrize(
    "name",
    [
        *("password", "DB_PASSWORD", "passwd", "clientSecret", "client-secret", "apiKey", "X-Api-Key", "api key"),
        *("Authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "token", "accessToken", "AUTH_TOKEN_2"),
        *("refresh_tokens", "private_key", "credentials", "--token", "session_id", "AWS_SECRET_ACCESS_KEY", "pwd"),
    ],
)
def test_names_of_secrets_are_known_in_every_spelling(name: str) -> None:
    assert is_secret_name(name)
    assert redact({name: {"a": ["b"]}, "x": 1}) == {name: REDACTED, "x": 1}


@pytest.mark.parametrize("name", ["max_tokens", "tokens", "tokenizer", "author", "key", "keyboard", "path", "compass"])
def test_names_of_other_things_are_not_taken_for_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_pairs_of_name_and_value_and_options_followed_by_values_are_understood() -> None:
    given_value = {"headers": [{"name": "X-Api-Key", "value": SECRET}], "args": ["--port", "1", "--token", SECRET, "x"]}
    assert redact(given_value) == {
        "headers": [{"name": "X-Api-Key", "value": REDACTED}],
        "args": ["--port", "1", "--token", REDACTED, "x"],
    }


def test_the_absence_of_a_secret_is_still_to_be_seen() -> None:
    assert redact({"password": None, "token": "", "secret": False}) == {"password": None, "token": "", "secret": False}


def test_what_is_not_json_becomes_text_and_nesting_has_an_end() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert redact({"a": b"12", "b": (1, 2.5), 3: True}) == {"a": "[2 bytes]", "b": [1, 2.5], "3": True}
    assert "[nested too deeply]" in bounded_json(deep, 1_000)
    assert bounded_json({"n": 1 << 100_000}, 100) == '{"n":"[a very long number]"}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@given(value=JSON, limit=st.integers(0, 300))
def test_bounded_json_keeps_to_its_limit_and_is_json_when_it_fits(value: Any, limit: int) -> None:
    text = bounded_json(value, limit)
    assert len(text) <= limit
    text.encode()
    whole = json.dumps(redact(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()
    if len(whole) <= limit:
        assert text == whole
    elif "… [cut" in text:
        assert whole.startswith(text.partition("… [cut")[0])


def test_a_value_before_another_sign_and_a_quote_is_no_type() -> None:
    assert bounded_json(f'PASSWORD={BODY} ="', 400) == '"PASSWORD=[redacted]"'


@given(
    before=st.text(st.sampled_from(' ab"\\\n{[=:'), max_size=40),
    shape=st.sampled_from([*SHAPES.values(), *(place.format(BODY, BODY) for place in PLACES)]),
    after=st.text(st.sampled_from(' ab"\\\n{[=:'), max_size=40),
    limit=st.integers(0, 400),
)
def test_no_part_of_a_secret_is_left_wherever_the_text_is_cut(before: str, shape: str, after: str, limit: int) -> None:
    shown = bounded_json({"text": f"{before} {shape} {after}"}, limit)
    assert not any(BODY[at : at + 6] in shown for at in range(len(BODY) - 5))


def test_a_secret_lying_across_the_cut_of_a_large_text_is_recognised() -> None:
    for cut in range(60):
        text = "x " * 500 + "-" * cut + " " + SHAPES["GitHub"] + " y" * 100_000
        shown = bounded_json(text, 1_100)
        assert not any(BODY[at : at + 6] in shown for at in range(len(BODY) - 5))
        assert "… [cut; about 2" in shown


@given(st.text(st.sampled_from(" ab1\"'\\\n{}[]=:@/.-_") | st.sampled_from("tokenpsw"), max_size=120))
def test_spans_are_apart_in_order_and_within_the_text(text: str) -> None:
    spans = secret_spans(text)
    assert all(0 <= first < last <= len(text) for first, last in spans)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))


@pytest.mark.parametrize(
    "piece",
    [
        *(
            '"',
            "\\",
            "a=",
            'a="',
            'password="',
            "password=",
            "password=[",
            "password= =",
            "password: a = ",
            "eyJ-",
            "sk-",
        ),
        *(
            "://a:",
            "://a@",
            "[",
            "bearer ",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----",
            " ",
            "--a ",
            "SG.aaaaaaaaaaaaaaaa",
        ),
        *('password=\\"', "Authorization: ", 'Authorization: ="', "a" * 8 + ".", "token\\\\"),
    ],
)
def test_hostile_repetition_is_read_to_its_end(piece: str) -> None:
    text = piece * (300_000 // len(piece))  # anything quadratic would need hours
    assert len(without(text)) <= len(text) * 4


def test_only_the_part_of_a_large_value_that_can_be_shown_is_copied() -> None:
    class Counted(list[int]):
        seen = 0

        def __iter__(self) -> Any:
            for item in super().__iter__():
                Counted.seen += 1
                yield item

    items = Counted(range(10_000))
    assert bounded_json(items, 100).endswith("characters in all]")
    assert Counted.seen < 10_000 + 200  # once for the size, and as far as the limit goes for the copy
