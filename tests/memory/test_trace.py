"""The trace: relayed tool calls kept with their episode, on disk, in order, and gone with what they led to."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memento_memory.bank import CaseBank
from memento_memory.errors import NotFoundError
from memento_memory.store.database import Database
from memento_memory.store.migration import shipped
from memento_memory.store.query import fetch_number
from memento_memory.trace import MAX_CALL_CHARS, MAX_CALLS
from memory.making import SUCCESS, opened, plan, record
from memory.tracing import call, numbered, traced

OLD = tuple(step for step in shipped() if step.version == 1)


def kept(bank, table="tool_calls"):
    with bank.database.reading() as db:
        return fetch_number(db, f"SELECT count(*) FROM {table}")


def test_calls_come_back_as_they_were_recorded_in_the_order_in_which_they_began(words_bank):
    plan_id, other = opened(words_bank), opened(words_bank)
    first = call("read_file", {"path": "Ärger.txt"}, plan_id=plan_id, subtask=1, at=1.0)
    second = replace(call("sum", plan_id=plan_id, down=True, at=2.0), tokens=None)
    third = call("sum", plan_id=plan_id, failed=True, at=2.0)
    words_bank.record_calls([second, call(plan_id=other), third])
    words_bank.record_calls([first])
    assert words_bank.trace(plan_id) == (first, second, third)
    assert (words_bank.episode(plan_id).calls, words_bank.episode(other).calls) == (3, 1)


def test_an_episode_without_calls_has_an_empty_trace_and_recording_none_does_nothing(words_bank):
    words_bank.record_calls([])
    assert words_bank.trace(opened(words_bank)) == ()


def test_calls_of_an_episode_that_does_not_exist_are_named_and_the_others_are_kept(words_bank):
    plan_id = opened(words_bank)
    with pytest.raises(NotFoundError, match=r"plan_id: there is no episode 'p-gone', 'p-no'"):
        words_bank.record_calls([call(plan_id="p-no"), call(plan_id=plan_id), call(plan_id="p-gone")])
    assert len(words_bank.trace(plan_id)) == kept(words_bank) == 1
    with pytest.raises(NotFoundError, match="'p-no'"):
        words_bank.trace("p-no")


def test_what_exceeds_the_limit_of_an_episode_is_counted_but_not_kept(words_bank):
    plan_id = opened(words_bank)
    words_bank.record_calls(numbered(plan_id, MAX_CALLS - 2))
    words_bank.record_calls(numbered(plan_id, 5, first=MAX_CALLS - 2))
    words_bank.record_calls(numbered(plan_id, 4, first=MAX_CALLS + 3))
    assert words_bank.trace(plan_id) == tuple(numbered(plan_id, MAX_CALLS))
    assert words_bank.episode(plan_id).calls == MAX_CALLS + 7


def test_texts_beyond_their_limit_are_cut(words_bank):
    plan_id = opened(words_bank)
    words_bank.record_calls([replace(call(plan_id=plan_id), arguments="a" * 50_000, result="r" * 50_000)])
    (found,) = words_bank.trace(plan_id)
    assert len(found.arguments) == len(found.result) == MAX_CALL_CHARS
    assert found.result.endswith("[…]")


@given(st.lists(st.text(st.characters(codec=None), max_size=20), min_size=4, max_size=4))
@settings(max_examples=30)
def test_any_text_a_tool_returns_can_be_kept(tmp_path_factory, texts):
    bank = CaseBank(tmp_path_factory.mktemp("any") / "bank.db")
    plan_id = opened(bank)
    server, tool, arguments, result = texts
    bank.record_calls([replace(call(plan_id=plan_id), server=server, tool=tool, arguments=arguments, result=result)])
    (found,) = bank.trace(plan_id)
    expected = [text.encode("utf-8", "replace").decode() for text in texts]
    assert [found.server, found.tool, found.arguments, found.result] == expected
    record(bank, plan_id)
    bank.close()


def test_calls_are_on_disk_when_recording_returns_even_if_the_process_dies_at_once(words_bank):
    plan_id = opened(words_bank)
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from memento_memory import CaseBank, ToolCall\n"
        "bank = CaseBank(Path(sys.argv[1]))\n"
        "for i in range(7):\n"
        "    bank.record_calls([ToolCall(sys.argv[2], i, 's', 't', '{}', '', False, False, 1.0, None, float(i))])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(words_bank.database.path), plan_id], check=False)
    assert done.returncode == -9
    assert [found.subtask for found in words_bank.trace(plan_id)] == list(range(7))
    assert words_bank.check() == []


def test_two_banks_on_one_file_keep_every_call_of_the_same_episode(words_bank):
    plan_id = opened(words_bank)
    other = CaseBank(words_bank.database.path)

    def write(number):
        bank = (words_bank, other)[number % 2]
        bank.record_calls(numbered(plan_id, 3, first=3 * number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert words_bank.trace(plan_id) == other.trace(plan_id) == tuple(numbered(plan_id, 120))
    assert words_bank.episode(plan_id).calls == 120
    other.close()


def test_a_bank_from_before_there_were_traces_is_migrated_with_its_episodes(tmp_path):
    path = tmp_path / "bank.db"
    old = Database(path, migrations=OLD)
    with old.writing() as db:
        db.execute(
            "INSERT INTO episodes (plan_id, namespace, task, policy, ranking, void_probability, draft, created_at)"
            " VALUES ('p-old', 'default', 'sort the list', 'greedy', 'hybrid', 1.0,"
            """ '[{"id":1,"description":"open it","depends_on":[],"tool":""}]', 1.0)"""
        )
    old.close()
    bank = CaseBank(path)
    assert bank.episode("p-old").draft == plan("open it")
    assert (bank.trace("p-old"), bank.episode("p-old").calls, bank.episode("p-old").plan_drawn) == ((), 0, False)
    bank.record_calls([call(plan_id="p-old")])
    assert len(bank.trace("p-old")) == 1
    assert bank.check() == []
    assert path.with_name("bank.db.v1.bak").exists()
    bank.close()


def test_a_forgotten_case_keeps_its_trace_until_it_is_purged(words_bank, clock):
    plan_id, other = opened(words_bank), opened(words_bank, "another task")
    for each in (plan_id, other):
        traced(words_bank, each, [call(arguments={"path": each})])
    case_id = record(words_bank, plan_id).case.id
    record(words_bank, other)
    words_bank.forget(case_id)
    assert words_bank.restore(case_id).id == case_id
    assert len(words_bank.trace(plan_id)) == 1
    words_bank.forget(case_id)
    clock.advance(days=31)
    assert words_bank.purge() == 1
    assert words_bank.trace(plan_id) == ()
    assert words_bank.episode(plan_id).calls == 0
    assert len(words_bank.trace(other)) == kept(words_bank) == 1


def test_a_trace_goes_with_its_episode(words_bank):
    plan_id = opened(words_bank)
    words_bank.record_calls([call(plan_id=plan_id)])
    with words_bank.database.writing() as db:
        db.execute("DELETE FROM episodes WHERE plan_id = ?", (plan_id,))
    assert kept(words_bank) == 0


def test_a_corrected_outcome_keeps_the_trace_though_its_case_goes(words_bank):
    plan_id = opened(words_bank)
    words_bank.record_calls([call(plan_id=plan_id)])
    record(words_bank, plan_id, SUCCESS, "a")
    record(words_bank, plan_id, SUCCESS, "b")
    assert len(words_bank.trace(plan_id)) == 1
