"""Markdown is cut into passages: nothing is lost, nothing is too long, and what belongs together stays together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memento_memory.passages import MAX_CHARS, Piece, split

WORD = st.text("abcdefgh", min_size=1, max_size=9)
SENTENCE = st.lists(WORD, min_size=1, max_size=40).map(" ".join)
TITLE = st.lists(WORD, min_size=1, max_size=5).map(" ".join)
HEADING = st.builds(lambda level, title: f"{'#' * level} {title}", st.integers(1, 6), TITLE)
PARAGRAPH = st.lists(SENTENCE, min_size=1, max_size=8).map("\n".join)
ITEMS = st.lists(SENTENCE, min_size=1, max_size=8).map(lambda items: "\n".join(f"- {item}" for item in items))
CODE = st.lists(st.one_of(SENTENCE, HEADING, st.just("")), max_size=12).map(
    lambda lines: "\n".join(["```sh", *lines, "```"])
)
DOCUMENT = st.lists(st.one_of(HEADING, PARAGRAPH, ITEMS, CODE), max_size=20)
ANYTHING = st.text("#-=*`~>|1.) \n\tab:", max_size=400)


def characters(text: str) -> str:
    return "".join(text.split())


@given(DOCUMENT)
def test_every_line_is_in_a_passage_or_in_a_heading_path_and_in_its_order(blocks: list[str]) -> None:
    pieces = split("\n\n".join(blocks))
    texts = [block for block in blocks if not block.startswith("#")]
    assert characters("".join(piece.text for piece in pieces)) == characters("".join(texts))
    titles = {block.lstrip("#").strip() for block in blocks if block.startswith("#")}
    assert titles == {title for piece in pieces for title in piece.heading.split(" > ") if title}


@given(st.one_of(ANYTHING, st.lists(ANYTHING, max_size=20).map("\n\n".join), ANYTHING.map(lambda text: text * 20)))
def test_no_word_of_any_text_is_lost_and_no_passage_is_too_long(text: str) -> None:
    pieces = split(text)
    assert all(len(piece.text) <= MAX_CHARS for piece in pieces)
    kept = characters("".join(piece.whole for piece in pieces))
    for word in text.split():
        if characters(word.strip("#=-")):
            assert word[:50] in kept


@given(st.lists(st.one_of(PARAGRAPH, ITEMS, CODE), max_size=12))
def test_paragraphs_lists_and_code_that_are_short_enough_are_never_cut(blocks: list[str]) -> None:
    texts = [piece.text for piece in split("\n\n<br>\n\n".join(blocks))]
    for block in blocks:
        assert len(block) > MAX_CHARS or any(block in text for text in texts)


def test_passages_carry_the_path_of_their_headings() -> None:
    text = "Intro.\n\n# Deploy\n\nAlways tag.\n\n## Rollback ##\n\nRun it back.\n\n# Bill\n### Refund\nAsk first."
    assert split(text) == (
        Piece("", "Intro."),
        Piece("Deploy", "Always tag."),
        Piece("Deploy > Rollback", "Run it back."),
        Piece("Bill > Refund", "Ask first."),
    )


def test_underlined_headings_count_and_rules_and_tables_do_not() -> None:
    front, body = "---\na: b\nc: d\n---", "Deploy\n======\n\nTag.\n\nUndo\n---\n\nBack."
    text = f"{front}\n\n{body}\n\n| a |\n|---|\n\n---\n\n- item\n---\nEnd."
    assert [piece.heading for piece in split(text)] == ["", "Deploy", "Deploy > Undo"]


def test_a_heading_with_nothing_below_it_is_a_passage_of_its_own() -> None:
    assert split("# Who to call\n## Sundays: Ada\n## Mondays\nBob.") == (
        Piece("Who to call > Sundays: Ada", ""),
        Piece("Who to call > Mondays", "Bob."),
    )


def test_what_looks_like_a_heading_in_code_is_code() -> None:
    code = "~~~sh\n# install\n```\n## not this\n~~~"
    assert split(f"# Setup\n{code}") == (Piece("Setup", code),)
    nested = "````md\n```\n# install\n```\n# run\n````"
    assert split(f"# Setup\n{nested}") == (Piece("Setup", nested),)


def test_short_neighbours_are_joined_and_long_ones_are_not() -> None:
    short, long = "a few words", "many words " * 60
    assert [piece.text for piece in split(f"{short}\n\n{short}\n\n{long}\n\n{long}")] == [
        f"{short}\n\n{short}\n\n{long.strip()}",
        long.strip(),
    ]


def test_what_announces_a_list_stays_with_it() -> None:
    listed = "\n".join(f"{i}. step {'x' * 70}" for i in range(9))
    pieces = split(f"{'word ' * 40}\n\nTo roll back:\n\n{listed}")
    assert pieces[1].text == f"To roll back:\n\n{listed}"


def test_a_long_list_is_cut_between_its_items_and_code_in_them_stays_whole() -> None:
    item = f"- {'do-this-' * 30}\n\n  ```\n  # run\n\n  now\n  ```\n  {'then-that-' * 20}"
    pieces = split("\n".join([item] * 5))
    assert [piece.text for piece in pieces] == [item] * 5


def test_a_long_line_is_cut_after_sentences_then_between_words_then_anywhere() -> None:
    sentence = "This is one sentence of some length, and it ends here. "
    assert all(piece.text.endswith("here.") for piece in split(sentence * 40))
    assert all(set(piece.text.split()) == {"word"} for piece in split("word " * 1000))
    assert "".join(piece.text for piece in split("x" * 5000)) == "x" * 5000
    after_a_short_one = split(f"A short one. {'word ' * 1000}")
    assert {word for piece in after_a_short_one for word in piece.text.split()} == {"A", "short", "one.", "word"}
    assert all(len(piece.text) > MAX_CHARS / 2 for piece in after_a_short_one[:-1])


def test_a_text_made_to_be_slow_is_not() -> None:
    for text in ("- a" + "\n" * 100_000 + "- b", "# " + " " * 100_000 + "x", "```\n" * 20_000, "a\n\n" * 30_000):
        assert split(text)
