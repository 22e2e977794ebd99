from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from memento_toolhub.servers.kit.relevance import MAX_CHARS, matching, relevant, split

REPORT = """# Harbour

Built in three stages.

## Dredging

The dredger removed silt from the northern basin.

## Lighthouse

The lamp was replaced in May.

```
## no heading

lamp = 3
```

# Ferries

| From | Minutes |
| --- | --- |
| Vardø | 90 |
"""


def test_the_passage_asked_for_comes_first_with_the_way_to_it_and_nothing_is_lost() -> None:
    found = relevant(REPORT, "When were the lamps replaced?")
    assert found.startswith("**[Harbour > Lighthouse]**\n\nThe lamp was replaced in May.")
    assert re.sub(r"\*\*\[.*\]\*\*", "", found).split() != found.split()
    assert {line for line in REPORT.splitlines() if line.strip() and line[0] != "#"} <= set(found.splitlines())


def test_words_match_in_other_forms_and_in_headings() -> None:
    assert relevant(REPORT, "dredge").startswith("**[Harbour > Dredging]**")
    assert relevant(REPORT, "ferry").startswith("**[Ferries]**")


def test_a_query_that_matches_nothing_leaves_the_text_as_it_is() -> None:
    assert relevant(REPORT, "zeppelin") == REPORT
    assert relevant(REPORT, "?!") == REPORT
    assert matching(REPORT, "zeppelin") == ""


def test_what_matches_nothing_follows_in_its_order() -> None:
    found = relevant(REPORT, "Vardø")
    assert re.findall(r"\*\*\[(.*)\]\*\*", found) == [
        "Ferries",
        "Harbour",
        "Harbour > Dredging",
        "Harbour > Lighthouse",
    ]


def test_scripts_without_gaps_between_words_are_searched() -> None:
    text = "# 港\n\n船は静かに港へ入る。\n\n# 灯台\n\n灯台は夜になると光る。\n\n# 天気\n\n今日は晴れ。"
    assert relevant(text, "灯台の光").startswith("**[灯台]**")


def test_each_passage_of_a_long_table_begins_with_its_head() -> None:
    head = "| Boat | Kilograms |\n| --- | --- |\n"
    rows = "\n".join(f"| boat{n} | {n} |" for n in range(200))
    passages = list(split(head + rows))
    assert len(passages) > 3
    assert all(passage.text.startswith(head) for passage in passages)
    assert relevant(head + rows, "boat177").splitlines()[:2] == head.splitlines()
    assert "| boat177 | 177 |" in relevant(head + rows, "boat177")[: MAX_CHARS + 20]


MARKDOWN = st.lists(
    st.sampled_from(["# a\n", "## b\n", "```\n", "\n", "word ", "x" * 900, "| a | b |\n", "| - |\n", "。", "- i\n"])
)


@given(MARKDOWN.map("".join))
def test_passages_are_short_and_hold_all_that_is_no_heading(text: str) -> None:
    passages = list(split(text))
    assert all(0 < len(passage.text) <= MAX_CHARS for passage in passages)
    said = "".join(f"{passage.heading} {passage.text}" for passage in passages)
    assert said.count("x") >= text.count("x")
    assert said.count("word") >= text.count("word")


@given(st.text(max_size=60), st.text(max_size=200))
def test_no_query_is_an_error(query: str, text: str) -> None:
    assert isinstance(relevant(text, query), str)
