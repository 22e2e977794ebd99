"""The text of a page's bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import binary, sampled_from, text

from memento_toolhub.servers.web.charset import decoded

RUSSIAN = "Насос поднимает воду вверх по склону. " * 20
JAPANESE = "ポンプは水を汲み上げる機械である。" * 20


@pytest.mark.parametrize(
    ("body", "header", "shown"),
    [
        ("naïve café".encode(), "utf-8", "naïve café"),
        ("naïve café".encode(), "", "naïve café"),
        ("naïve “café”".encode("cp1252"), "iso-8859-1", "naïve “café”"),
        ("naïve".encode("utf-16"), "", "naïve"),
        ("naïve".encode("utf-8-sig"), "iso-8859-1", "naïve"),
        (f'<meta charset="koi8-r">{RUSSIAN}'.encode("koi8-r"), "", RUSSIAN),
        (f"<meta content='text/html; charset=Shift_JIS'>{JAPANESE}".encode("cp932"), "", JAPANESE),
        (f'<?xml version="1.0" encoding="euc-jp"?>{JAPANESE}'.encode("euc-jp"), "", JAPANESE),
        (f'<meta charset="utf-8">{RUSSIAN}'.encode("cp1251"), "windows-1251", RUSSIAN),
        (RUSSIAN.encode("cp1251"), "", RUSSIAN),
        ("Река Волга впадает в Каспийское море.".encode("koi8-r"), "", "Волга впадает"),
        (RUSSIAN.encode("cp1251"), "utf-8", RUSSIAN),
        ("naïve café".encode(), "no-such-charset", "naïve café"),
        ("naïve café".encode(), "hex", "naïve café"),
    ],
)
def test_a_page_is_read_in_the_letters_it_was_written_in(body: bytes, header: str, shown: str) -> None:
    assert shown in decoded(body, header)


def test_one_damaged_letter_does_not_change_how_the_others_are_read() -> None:
    assert decoded("naïve café ".encode() * 50 + b"\xff", "utf-8").startswith("naïve café")


@given(binary(max_size=200), sampled_from(["", "utf-8", "utf-7", "idna", "punycode", "base64", "undefined"]) | text())
def test_any_bytes_give_a_text(body: bytes, header: str) -> None:
    assert isinstance(decoded(body, header), str)
