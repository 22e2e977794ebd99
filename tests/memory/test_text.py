"""Texts are checked on their way in and made harmless and short on their way out."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import InputError
from memento_memory.text import check, cut, digits_in, harmless, normalised, shown

any_text = st.text(st.characters(exclude_categories=()), max_size=60)


@given(any_text, st.integers(0, 80))
def test_plain_text_that_fits_is_stripped_and_anything_else_refused(text, limit):
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n\r" for c in text) or len(text.encode()) > limit:
        with pytest.raises(InputError, match=r"^notes: "):
            check("notes", text, limit=limit)
    else:
        assert check("notes", text, limit=limit) == text.strip()


def test_the_limit_counts_bytes_and_a_text_of_just_that_size_passes():
    assert check("task", "éé", limit=4) == "éé"
    with pytest.raises(InputError, match="is 4 bytes long, at most 3"):
        check("task", "éé", limit=3)


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_an_empty_text_is_refused_only_where_one_is_needed(blank):
    assert check("context", blank, limit=10) == ""
    with pytest.raises(InputError, match="task: is empty"):
        check("task", blank, limit=10, required=True)


@pytest.mark.parametrize(
    ("text", "named"), [("a\x00b", r"U\+0000 at character 1"), ("\x1b[31m", r"U\+001B"), ("x\ud800", "lone surrogate")]
)
def test_characters_that_no_plain_text_has_are_refused_by_name(text, named):
    with pytest.raises(InputError, match=named):
        check("task", text, limit=100)


def test_tabs_and_line_breaks_are_plain_text():
    assert check("task", "a\tb\r\nc", limit=100) == "a\tb\r\nc"


@given(any_text)
def test_a_harmless_text_holds_nothing_invisible_and_everything_visible(text):
    clean = harmless(text)
    assert all(c in "\n\t" or unicodedata.category(c)[0] != "C" for c in clean)
    assert clean == "".join(c for c in text if c in clean)
    assert [c for c in clean if c.isalnum()] == [c for c in text if c.isalnum()]


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\U000e0041", "\ue000", "\x1b", "\ufeff", "\ud800"])
def test_what_hides_in_a_text_is_taken_out(hidden):
    assert harmless(f"safe{hidden} text") == "safe text"


@given(st.text(max_size=100), st.integers(4, 60))
def test_a_cut_text_fits_and_begins_like_the_whole(text, limit):
    short = cut(text, limit)
    assert len(short) <= limit
    if len(text) <= limit:
        assert short == text
    else:
        assert short.endswith(" […]")
        assert text.startswith(short.removesuffix(" […]"))


def test_a_text_is_cut_between_words():
    assert cut("restart the billing service now", 20) == "restart the […]"


def test_what_is_shown_is_both_harmless_and_short():
    assert shown("\u202eabc def ghi jkl mno", 12) == "abc def […]"


@given(st.text(max_size=40))
def test_case_and_white_space_do_not_tell_texts_apart(text):
    assert normalised(f"  {text}\n") == normalised(text)
    assert normalised(text.replace(" ", "  \t ")) == normalised(text)


@pytest.mark.parametrize("variant", ["List the files.", "list  the\nFILES", "LIST THE FILES?!", "ｌist the files;"])
def test_end_marks_and_letter_forms_do_not_tell_texts_apart(variant):
    assert normalised(variant) == "list the files"


@pytest.mark.parametrize(("one", "other"), [("cd ..", "cd ."), ("git add .", "git add"), ("a.b", "a b"), ("v1", "v2")])
def test_marks_that_mean_something_tell_texts_apart(one, other):
    assert normalised(one) != normalised(other)


def test_words_with_a_digit_are_found_whatever_they_stand_for():
    text = "Move 12 files of v1.2.3 to web02 by 2024-05-01, not three."
    assert digits_in(text) == sorted(["12", "v1.2.3", "web02", "2024", "05", "01"])


@given(st.lists(st.sampled_from(["copy", "v1.2", "7", "web02", "the", "...", "1."]), max_size=8))
def test_the_order_of_words_does_not_change_their_digits(parts):
    assert digits_in(" ".join(parts)) == digits_in(" ".join(reversed(parts)))
    assert len(digits_in(" ".join(parts))) == sum(any(c.isdigit() for c in part) for part in parts)
