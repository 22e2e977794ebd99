"""Behaviour of substitution adaptation: what is replaced, what is left alone, and when there is no draft."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.case import Task
from memento_memory.plan import Plan, Subtask, parse_plan
from memento_planner.adapt import Draft, adapt
from memento_planner.rewrite import atoms

SHARE = parse_plan(
    [
        "Find the population of Lyon",
        "Find the population of France",
        "Divide the population of Lyon by that of France",
    ]
)
ANYTHING = st.text(max_size=200)
NAMES = st.sampled_from(["Lyon", "Osaka", "Paris", "Tromsø", "Москва", "Quito", "Hanoi", "Zürich"])


def adapted(steps: str | list[str], old: str, new: str, *, contexts: tuple[str, str] = ("", "")) -> Draft:
    plan = parse_plan([steps] if isinstance(steps, str) else steps)
    return adapt(plan, old=Task(old, contexts[0]), new=Task(new, contexts[1]))


def steps(draft: Draft) -> list[str]:
    assert draft.plan is not None, draft.reason
    return [s.description for s in draft.plan.subtasks]


def test_the_names_in_which_two_tasks_differ_are_exchanged_in_every_step() -> None:
    old = Task("Find the population of Lyon and compute its share of France")
    draft = adapt(SHARE, old=old, new=Task("Find the population of Osaka and compute its share of Japan"))
    assert steps(draft) == [
        "Find the population of Osaka",
        "Find the population of Japan",
        "Divide the population of Osaka by that of Japan",
    ]
    assert draft.replacements == (("Lyon", "Osaka"), ("France", "Japan"))
    assert (draft.unplaced, draft.reason) == ((), "")


def test_two_phrases_can_change_places() -> None:
    draft = adapted("Copy alpha to beta, then compare alpha with beta", "copy alpha to beta", "copy beta to alpha")
    assert steps(draft) == ["Copy beta to alpha, then compare beta with alpha"]


def test_a_new_phrase_is_not_replaced_again() -> None:
    draft = adapted("Drive via Lyon, Nice, end", "drive via Lyon and Nice", "drive via Nice and Turin")
    assert steps(draft) == ["Drive via Nice, Turin, end"]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("Open the sales report", "Open the stock list"),
        ("Open /data/sales_report.csv", "Open /data/stock_list.csv"),
        ("Open /data/sales-report.csv", "Open /data/stock-list.csv"),
        ("Call make(SalesReport)", "Call make(StockList)"),
        ("Call make(SALES_REPORT)", "Call make(STOCK_LIST)"),
        ("Open all sales reports", "Open all stock lists"),
        ("Sales report first, then mail it", "Stock list first, then mail it"),
    ],
)
def test_a_phrase_takes_on_the_style_of_the_place_where_the_old_one_stood(step: str, expected: str) -> None:
    draft = adapted(["Read " + step, "mail it"], "Make the sales report", "Make the stock list")
    assert steps(draft)[0] == "Read " + expected


@pytest.mark.parametrize(
    ("plan", "old", "new", "expected"),
    [
        ('grep "TODO" src/a.py', "find 'TODO' in src/a.py", "find 'FIXME' in lib/b.py", 'grep "FIXME" lib/b.py'),
        ("find . -size +10M", "find files above 10M", "find files above 25M", "find . -size +25M"),
        (
            "curl https://a.org/x?y=1",
            "load https://a.org/x?y=1",
            "load https://b.org/z?y=1",
            "curl https://b.org/z?y=1",
        ),
        ("head -n 5 a.txt | sort", "first 5 lines of a.txt", "first 7 lines of a.txt", "head -n 7 a.txt | sort"),
        ("Wait for 2 runs", "wait for two runs", "wait for three runs", "Wait for 3 runs"),
    ],
)
def test_values_are_exchanged_as_a_whole(plan: str, old: str, new: str, expected: str) -> None:
    assert steps(adapted(plan, old, new)) == [expected]


def test_a_value_in_a_longer_value_is_left_alone() -> None:
    draft = adapted("Take 5 rows of the 15.50 table since 2024-12-25", "take 5 rows", "take 6 rows")
    assert steps(draft) == ["Take 6 rows of the 15.50 table since 2024-12-25"]


def test_a_word_in_another_word_is_left_alone() -> None:
    assert steps(adapted("Scatter food for the cat", "feed the cat", "feed the dog")) == ["Scatter food for the dog"]


def test_the_environment_is_exchanged_where_the_steps_name_it() -> None:
    draft = adapted(
        "Run the export on sales_eu",
        "Export all orders",
        "Export all orders",
        contexts=("database sales_eu", "database sales_us"),
    )
    assert steps(draft) == ["Run the export on sales_us"]
    assert draft.replacements == (("sales_eu", "sales_us"),)


def test_another_environment_that_the_steps_do_not_name_is_told_but_does_no_harm() -> None:
    draft = adapted("Run pytest", "Run the tests", "Run the tests", contexts=("repo acme/shop", "repo acme/blog"))
    assert steps(draft) == ["Run pytest"]
    assert draft.unplaced == ("acme/blog",)


def test_other_things_in_another_environment_give_no_draft() -> None:
    draft = adapted(
        "SELECT count(*) FROM singers",
        "How many singers are there?",
        "How many orders are there?",
        contexts=("database concerts", "database shop"),
    )
    assert draft.plan is None
    assert draft.reason == "The plan was made in another environment than “shop”."


def test_a_plan_that_names_an_environment_which_is_gone_gives_no_draft() -> None:
    draft = adapted("Log in to acme", "Run the tests", "Run the tests", contexts=("customer acme", ""))
    assert draft.plan is None
    assert "acme" in draft.reason


def test_context_that_is_merely_added_is_told_but_does_no_harm() -> None:
    draft = adapted("Run pytest", "Run the tests", "Run the tests", contexts=("", "repo acme/blog"))
    assert steps(draft) == ["Run pytest"]
    assert draft.unplaced == ("repo acme/blog",)


@pytest.mark.parametrize(
    ("plan", "old", "new", "told"),
    [
        ("rm -r build", "delete the folder build", "list the folder build", "delete"),
        ("SELECT name FROM t ORDER BY age", "names by age ascending", "names by age descending", "descending"),
        ("SELECT max(age) FROM t", "the maximum age", "the minimum age", "minimum"),
        ("SELECT name FROM t WHERE x = 1", "names with x", "names not with x", "not"),
        ("find . -mtime +7", "files older than 1 week", "files older than 2 weeks", "no step of the plan names “1”"),
        ("SELECT a FROM flights WHERE src = 'APG'", "flights from 'APG'", "flights to 'APG'", "to"),
        ("Delete the folder build", "Delete the folder build", "Archive the folder build", "Archive"),
        ("vim notes.txt", "open notes.txt with vim", "open notes.txt with nano", "nano"),
        ("find . -empty -delete", "delete all empty pages", "delete all yellow pages", "yellow"),
        ("Read x and list it", "show x", "upload x", "upload"),
        ("Look up the grade of Kyle", "the grade of Kyle", "the grade of students", "students"),
        ("ln -s /a/b /c/d", "link '/a/b' as '/c/d'", "link '/a/b' as '/c/d e'", "/c/d e"),
    ],
)
def test_a_difference_that_a_replacement_cannot_express_gives_no_draft(
    plan: str, old: str, new: str, told: str
) -> None:
    draft = adapted(plan, old, new)
    assert draft.plan is None
    assert told in draft.reason
    assert draft.replacements == ()


def test_words_that_only_the_new_task_has_are_unplaced() -> None:
    draft = adapted("Make the sales report", "Make the sales report", "Make the sales report for London in colour")
    assert draft.plan is None
    assert draft.unplaced == ("London in colour",)
    assert "London in colour" in draft.reason


def test_words_that_the_new_task_no_longer_has_give_no_draft() -> None:
    draft = adapted("Make the sales report for London", "Make the sales report for London", "Make the sales report")
    assert draft.plan is None
    assert "no longer asks for “London”" in draft.reason


def test_one_phrase_that_would_become_two_gives_no_draft() -> None:
    draft = adapted("Drive to Lyon", "Drive to Lyon, sleep in Lyon", "Drive to Nice, sleep in Turin")
    assert draft.plan is None
    assert "both" in draft.reason


def test_a_phrase_that_stays_in_one_place_and_changes_in_another_gives_no_draft() -> None:
    draft = adapted(
        "SELECT name FROM t WHERE name = 'x'", "the name of those with name 'x'", "the age of those with name 'x'"
    )
    assert draft.plan is None


def test_a_plan_that_would_still_name_a_part_of_the_old_phrase_gives_no_draft() -> None:
    draft = adapted(["Load sales.csv", "Parse the csv text"], "Load sales.csv", "Load sales.json")
    assert draft.plan is None
    assert "csv" in draft.reason


@pytest.mark.parametrize("new", ["O'Brien", "a;b", "$HOME", "`id`", "x|y"])
def test_a_value_that_could_break_out_of_its_place_gives_no_draft(new: str) -> None:
    assert adapted("SELECT 1 FROM t WHERE n = 'Smith'", 'find "Smith"', f'find "{new}"').plan is None


@pytest.mark.parametrize(
    "new",
    ["please show me all the open orders", "List open orders", "What are the open orders?", "give me the open orders!"],
)
def test_other_words_for_the_same_request_leave_the_plan_unchanged(new: str) -> None:
    draft = adapted("Query the open orders", "Show all open orders", new)
    assert steps(draft) == ["Query the open orders"]
    assert draft.replacements == ()


def test_tools_are_never_changed() -> None:
    plan = Plan((Subtask(1, "Call mail_lyon for Lyon", (), "mail_lyon"),))
    draft = adapt(plan, old=Task("Write to Lyon"), new=Task("Write to Nice"))
    assert draft.plan is None  # the tool is made for Lyon
    plan = Plan((Subtask(1, "Call send with Lyon", (), "send"), Subtask(2, "Log Lyon", (1,), "log")))
    draft = adapt(plan, old=Task("Write to Lyon"), new=Task("Write to Nice"))
    assert draft.plan == Plan((Subtask(1, "Call send with Nice", (), "send"), Subtask(2, "Log Nice", (1,), "log")))


def test_an_adapted_step_never_outgrows_what_a_plan_may_hold() -> None:
    name = "x" * 9_000
    draft = adapted("Open a.txt " + "and a.txt " * 50, "open a.txt", f"open {name}.txt")
    assert draft.plan is None
    assert "too long" in draft.reason
    assert len(draft.reason) < 300


def test_huge_tasks_that_differ_everywhere_are_given_up_at_once() -> None:
    old, new = (" ".join(f"{letter}{i}" for i in range(3000)) for letter in "ab")
    draft = adapt(Plan(tuple(Subtask(i, old[:1000]) for i in range(1, 101))), old=Task(old), new=Task(new))
    assert draft.plan is None
    assert "too long" in draft.reason


def test_huge_tasks_that_differ_in_one_word_are_adapted() -> None:
    filling = " ".join(f"w{i}" for i in range(3000))
    assert steps(adapted("Go by Lyon", f"{filling} Lyon {filling}", f"{filling} Nice {filling}")) == ["Go by Nice"]


PLANS = st.lists(st.text(min_size=1, max_size=60).filter(str.strip), min_size=1, max_size=5).map(
    lambda texts: Plan(tuple(Subtask(i, x, (i - 1,) if i > 1 else (), "tool") for i, x in enumerate(texts, start=1)))
)


@given(plan=PLANS, text=ANYTHING, context=ANYTHING)
def test_the_same_task_gets_the_plan_unchanged(plan: Plan, text: str, context: str) -> None:
    assert adapt(plan, old=Task(text, context), new=Task(text, context)) == Draft(plan)


@given(plan=PLANS, old=ANYTHING, new=ANYTHING, contexts=st.tuples(ANYTHING, ANYTHING))
def test_any_text_gives_a_draft_of_the_same_shape_or_a_reason(
    plan: Plan, old: str, new: str, contexts: tuple[str, str]
) -> None:
    draft = adapt(plan, old=Task(old, contexts[0]), new=Task(new, contexts[1]))
    assert (draft.plan is None) == bool(draft.reason)
    if draft.plan is not None:
        shape = [(s.id, s.depends_on, s.tool) for s in draft.plan.subtasks]
        assert shape == [(s.id, s.depends_on, s.tool) for s in plan.subtasks]
    assert draft == adapt(plan, old=Task(old, contexts[0]), new=Task(new, contexts[1]))


@given(text=st.text(alphabet="ab'\"“”‘’«»`()[]{}/\\.,:;-_*$5 \n\u0301\ud800İß", max_size=300), plan=PLANS)
def test_unbalanced_marks_and_odd_characters_never_raise(text: str, plan: Plan) -> None:
    for old, new in ((text, text[::-1]), (text, "x " + text), (text + " y", text)):
        draft = adapt(plan, old=Task(old), new=Task(new))
        assert (draft.plan is None) == bool(draft.reason)


@given(old=st.tuples(NAMES, NAMES), new=st.tuples(NAMES, NAMES))
def test_replacing_is_simultaneous(old: tuple[str, str], new: tuple[str, str]) -> None:
    draft = adapted("Fly via {} until {}".format(*old), "From {} to {}".format(*old), "From {} to {}".format(*new))
    unchanged = [a == b for a, b in zip(old, new, strict=True)]
    if draft.plan is None:
        assert old[0] == old[1] or any(unchanged) or set(old) & set(new)
    else:
        assert steps(draft) == ["Fly via {} until {}".format(*new)]


@given(
    old=st.tuples(NAMES, NAMES),
    new=st.tuples(NAMES, NAMES),
    frame=st.sampled_from(["{} {}", "{0}_{0} by {1}", "x{} {}.csv"]),
)
def test_a_replaced_phrase_is_gone_unless_the_new_task_says_it(
    old: tuple[str, str], new: tuple[str, str], frame: str
) -> None:
    wanted = "Travel from {} to {}"
    draft = adapted("Go " + frame.format(*old), wanted.format(*old), wanted.format(*new))
    if draft.plan is not None:
        left = {a.key for text in steps(draft) for a in atoms(text)}
        told = {a.key for a in atoms(wanted.format(*new))}
        gone = {a.key for before, _ in draft.replacements for a in atoms(before)}
        assert not left & (gone - told)
