"""Behaviour of the tool memory: what of a long result is shown, and that the rest is one call away."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from memento_planner import condense
from memento_planner.condense import Results, condensed

LEFT_OUT = re.compile(r"\n\[… characters (\d+) to (\d+) left out …\]\n")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=400)
LONG = st.builds(lambda text, times: (text + "\n") * times, TEXT, st.integers(1, 200))
QUERY = st.text(max_size=80) | st.just("the population of Osaka")


def needle(at: int, *, filler: str = "Nothing of interest is said in this line.\n", lines: int = 1_000) -> str:
    return filler * at + "The harbour of Valparaíso opened in 1536.\n" + filler * (lines - at)


@given(LONG, st.integers(condense._LEAST, 4_000), QUERY)
def test_a_condensed_text_is_never_longer_than_asked_for(text: str, chars: int, query: str) -> None:
    assert len(condensed(text, chars, query=query, call=7)) <= max(chars, 0)


@given(LONG, st.integers(condense._LEAST, 4_000), QUERY)
def test_what_is_kept_and_what_is_said_to_be_left_out_make_up_the_whole_text(text: str, chars: int, query: str) -> None:
    shown = condensed(text, chars, query=query, call=7)
    if shown == text:
        return
    body, note = shown.rsplit("\n[condensed: ", 1)
    assert "read_result(call=7" in note
    pieces = LEFT_OUT.split(body)
    gaps = [(int(a), int(b)) for a, b in zip(pieces[1::3], pieces[2::3], strict=True)]
    rebuilt = pieces[0] + "".join(text[a:b] + kept for (a, b), kept in zip(gaps, pieces[3::3], strict=True))
    assert rebuilt == text
    assert gaps
    assert all(first[1] < second[0] for first, second in pairwise(gaps))


@given(LONG, st.integers(0, 10_000))
def test_a_text_that_fits_is_left_alone(text: str, more: int) -> None:
    assert condensed(text, len(text) + more, query="population") == text


def test_the_passage_a_query_asks_for_is_kept_wherever_it_stands() -> None:
    for at in (100, 500, 900):
        assert "1536" in condensed(needle(at), 2_000, query="When did the harbours of Valparaíso open?")
        assert "1536" not in condensed(needle(at), 2_000, query="What does bread cost?")


def test_a_rare_word_counts_more_than_several_common_ones() -> None:
    common = "The population of this town is given in a table on another page.\n" * 200
    text = common + "Nothing of interest.\n" * 30 + "The harbour opened in 1536.\n" + "Nothing.\n" * 60 + common
    assert "1536" in condensed(text, 2_000, query="population of the town with the harbour")


def test_head_and_tail_are_kept_whatever_is_asked_for() -> None:
    text = "FIRST LINE\n" + needle(500) + "LAST LINE"
    shown = condensed(text, 2_000, query="harbour of Valparaíso")
    assert shown.startswith("FIRST LINE\n")
    assert "LAST LINE\n[condensed: " in shown


def test_very_little_room_holds_the_beginning_only() -> None:
    assert condensed("one two three four five six", 18) == "one two three […]"


def test_every_character_of_a_long_result_can_be_read_page_by_page() -> None:
    results, text = Results(), "".join(f"line {i}\n" for i in range(3_000))
    call = results.new_call()
    results.keep(call, text)
    read, offset = "", 0
    while True:
        page = results.page(call, offset, 4_000)
        assert not page.is_error
        content, note = page.text.rsplit("\n[characters ", 1)
        read += content
        if "this is the end" in note:
            break
        offset = int(note.split("offset=")[1].split(")")[0])
    assert read == text


def test_reading_past_the_end_or_an_unknown_result_says_so() -> None:
    results = Results()
    call = results.new_call()
    results.keep(call, "short")
    past, unknown = results.page(call, 5, 100), results.page(99, 0, 100)
    assert past.is_error
    assert past.text == f"the result of call {call} ends at character 5"
    assert unknown.is_error
    assert "99 is not kept" in unknown.text
    assert results.page(call, -3, 100).text.startswith("short\n")


def test_numbers_go_on_after_those_of_an_earlier_process() -> None:
    results = Results(first=8)
    assert [results.new_call(), results.new_call()] == [8, 9]


def test_a_result_beyond_all_bounds_is_cut_and_says_so() -> None:
    results = Results()
    call = results.new_call()
    results.keep(call, "x" * (condense.MAX_TEXT_CHARS + 5))
    last = results.page(call, condense.MAX_TEXT_CHARS - 10, 1_000).text
    assert f"[{condense.MAX_TEXT_CHARS + 5:,} characters in all; what follows was not kept]" in last


def test_the_oldest_results_go_when_all_together_grow_too_large() -> None:
    results = Results()
    calls = [results.new_call() for _ in range(condense.MAX_KEPT_CHARS // condense.MAX_TEXT_CHARS + 2)]
    for call in calls:
        results.keep(call, "x" * condense.MAX_TEXT_CHARS)
    assert results.page(calls[0], 0, 10).is_error
    assert not results.page(calls[-1], 0, 10).is_error


def test_a_text_that_has_to_be_cut_is_kept_once_however_often_it_is_shown() -> None:
    results, text = Results(), needle(500)
    first, second = (results.condensed_text(text, 1_000, query="harbour") for _ in range(2))
    assert first == second
    assert "read_result(call=1" in first
    assert results.new_call() == 2
    assert results.condensed_text("short", 1_000) == "short"


def test_invisible_characters_are_gone_before_anything_is_counted() -> None:
    results = Results()
    call = results.new_call()
    results.keep(call, "a\u200bb\x1b[31mc")
    assert results.condensed(call, 100) == "ab[31mc"
