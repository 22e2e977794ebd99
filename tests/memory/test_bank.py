"""The two verbs, retrieve and retain, end to end on a real file with the real embedding model."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from memento_memory.bank import CaseBank
from memento_memory.case import Outcome, Task, Verdict
from memento_memory.embedding import Ready
from memento_memory.errors import InputError, NotFoundError
from memento_memory.retention import Report, Status
from memory.making import FAILURE, SUCCESS, TASKS, ids, plan, report, result, tasks


def test_an_empty_bank_has_no_useful_case(bank):
    slate = bank.retrieve(Task("anything"))
    assert (slate.verdict, slate.void_probability) == (Verdict.NO_USEFUL_CASE, 1.0)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("locate log files bigger than 1 GB", "find all log files larger than 100 MB"),
        ("which program is using port 3000?", "show which process listens on port 8080"),
        ("pack the directory music into a tarball", "compress the folder photos into an archive"),
    ],
)
def test_a_paraphrase_finds_the_case_and_a_foreign_task_finds_none(filled, asked, expected):
    slate = filled.retrieve(Task(asked), browse=True)
    assert slate.ranking == "hybrid"
    assert tasks(slate)[0] == expected
    assert filled.retrieve(Task("who painted the Mona Lisa")).verdict is Verdict.NO_USEFUL_CASE


def test_a_repeat_is_found_first_and_labelled(filled):
    slate = filled.retrieve(Task("Show which process listens on port 8080."))
    assert slate.shown[0].repeat
    assert slate.shown[0].similarity == pytest.approx(1, abs=0.02)
    assert slate.shown[0].case.plan == plan("lsof -i :8080")


def test_equal_questions_get_equal_answers(filled):
    task = Task("count the lines of all files")
    first = filled.retrieve(task, browse=True, k=5)
    again = CaseBank(filled.database.path, filled._embedders, clock=filled._clock)
    assert filled.retrieve(task, browse=True, k=5) == again.retrieve(task, browse=True, k=5) == first
    again.close()


def test_what_was_retained_is_there_after_the_bank_was_opened_anew(filled, embedder):
    filled.close()
    again = CaseBank(filled.database.path, Ready(embedder))
    assert again.stats().total == len(TASKS)
    assert again.retrieve(Task("show which process listens on port 8080")).verdict is Verdict.CASES
    again.close()


def test_an_outcome_changes_what_is_shown_next(bank):
    task = Task("deploy the shop to production")
    first = bank.retain(report(task.text, "scp the files")).case
    episode = bank.open_episode(task, bank.retrieve(task), first.plan)
    assert ids(bank.retrieve(task)) == [first.id]
    bank.retain(Report(result("failure", evidence="tool_result", notes="permissions"), episode.plan_id))
    (shown,) = bank.retrieve(task).shown
    assert shown.case.result.outcome is Outcome.FAILURE
    better = bank.retain(report(task.text, "run the pipeline")).case
    assert ids(bank.retrieve(task)) == [better.id, first.id]


def test_namespaces_are_separate_worlds(bank, embedder):
    bank.retain(report("restart nginx", "systemctl restart nginx", namespace="a"))
    bank.retain(report("restart nginx", "service nginx restart", namespace="b"))
    for name, steps in (("a", "systemctl restart nginx"), ("b", "service nginx restart")):
        (shown,) = bank.retrieve(Task("restart nginx"), namespaces=[name]).shown
        assert (shown.case.namespace, shown.case.plan) == (name, plan(steps))
    assert bank.retrieve(Task("restart nginx")).verdict is Verdict.NO_USEFUL_CASE
    assert bank.retrieve(Task("restart nginx"), browse=True).shown == ()
    both = bank.retrieve(Task("restart nginx"), namespaces=["a", "b"])
    assert {entry.case.namespace for entry in both.shown} == {"a", "b"}
    assert bank.retain(report("restart nginx", "systemctl restart nginx", namespace="c")).status is Status.RETAINED


def test_filters_leave_only_cases_that_pass_all_of_them(bank):
    bank.retain(report("restart nginx", "a", tags=("ops", "web")))
    bank.retain(report("restart nginx", "b", tags=("ops",), result=FAILURE))
    bank.retain(report("restart nginx", "c"))

    def plans(**filters):
        found = bank.retrieve(Task("restart nginx"), browse=True, **filters).shown
        return sorted(entry.case.plan.subtasks[0].description for entry in found)

    assert plans() == ["a", "b", "c"]
    assert plans(outcome=Outcome.FAILURE) == ["b"]
    assert plans(tags=["ops"]) == ["a", "b"]
    assert plans(tags=["ops", "web"]) == ["a"]
    assert plans(tags=["ops"], outcome=Outcome.FAILURE) == ["b"]
    assert plans(tags=["none"]) == []
    assert len(bank.retrieve(Task("restart nginx"), browse=True, k=2).shown) == 2


def test_a_filter_does_not_hide_that_a_plan_failed_on_this_very_task(bank):
    bank.retain(report("restart nginx", "kill -9 it", result=FAILURE))
    bank.retain(report("restart the nginx service", "kill -9 it", context="x"))
    assert bank.retrieve(Task("restart nginx"), outcome=Outcome.SUCCESS).shown == ()


def test_a_forgotten_case_is_found_by_nothing_until_it_is_restored(filled):
    task = Task("show which process listens on port 8080")
    (case_id,) = ids(filled.retrieve(task, k=1))
    assert filled.forget(case_id).forgotten_at is not None
    assert case_id not in ids(filled.retrieve(task, browse=True, k=20))
    assert filled.case(case_id).forgotten_at is not None
    restored = filled.restore(case_id)
    assert restored.forgotten_at is None
    assert ids(filled.retrieve(task, k=1)) == [case_id]
    assert filled.stats().without_vector == 0
    assert filled.restore(case_id) == restored


def test_a_case_that_was_learned_again_cannot_be_restored_beside_itself(bank):
    old = bank.retain(report("t", "s")).case.id
    bank.forget(old)
    new = bank.retain(report("t", "s"))
    assert new.status is Status.RETAINED
    with pytest.raises(InputError, match=new.case.id):
        bank.restore(old)


def test_purging_deletes_for_good_what_was_forgotten_long_enough_ago(filled, clock):
    first, second, *_ = [case.id for page in filled.pages() for case in page]
    filled.forget(first)
    clock.advance(days=20)
    filled.forget(second)
    clock.advance(days=11)
    assert filled.purge(older_than_days=30) == 1
    with pytest.raises(NotFoundError):
        filled.case(first)
    assert filled.restore(second).id == second
    assert filled.check() == []


def test_what_was_shown_stays_on_the_episode_when_a_case_is_gone(filled, clock):
    task = Task("show which process listens on port 8080")
    slate = filled.retrieve(task, k=1)
    filled.forget(ids(slate)[0])
    clock.advance(days=31)
    plan_id = filled.open_episode(task, slate, None).plan_id
    filled.purge()
    assert filled.episode(plan_id).slate.shown == ()
    late = filled.open_episode(task, slate, None).plan_id
    assert filled.episode(late).slate.shown == ()


def test_an_episode_is_kept_as_it_was_asked_and_answered(filled):
    task = Task("show what listens on port 80", "web server")
    slate = filled.retrieve(task)
    opened = filled.open_episode(task, slate, plan("lsof -i :80"), host="ide", model="m")
    kept = filled.episode(opened.plan_id)
    assert (kept.task, kept.draft, kept.host, kept.model) == (task, plan("lsof -i :80"), "ide", "m")
    assert ids(kept.slate) == ids(slate)
    assert kept.slate.void_probability == slate.void_probability
    assert [entry.case.shown for entry in kept.slate.shown] == [1] * len(slate.shown)


def test_statistics_count_what_is_there(bank, embedder):
    bank.retain(report("a", "1", tags=("x", "y")))
    bank.retain(report("b", "2", result=FAILURE, tags=("x",), namespace="n"))
    bank.forget(bank.retain(report("c", "3")).case.id)
    bank.open_episode(Task("d"), bank.retrieve(Task("d")), None)
    stats = bank.stats()
    assert stats.total == 2
    assert stats.cases == {"success": 1, "failure": 1}
    assert stats.namespaces == {"default": 1, "n": 1}
    assert stats.tags == {"x": 2, "y": 1}
    assert (stats.forgotten, stats.episodes, stats.recorded, stats.without_vector) == (1, 4, 3, 0)
    assert stats.model == embedder.info.id
    assert stats.size_bytes == bank.database.path.stat().st_size


def test_pages_hold_every_case_once_in_either_order(filled):
    forwards = [case.id for page in filled.pages(size=2) for case in page]
    backwards = [case.id for page in filled.pages(size=2, newest_first=True) for case in page]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == len(TASKS)
    filled.forget(forwards[0])
    assert [case.id for page in filled.pages(forgotten=True) for case in page] == [forwards[0]]


def test_names_are_completed_and_wildcards_are_only_letters(bank):
    case_id = bank.retain(report("a", tags=("web", "we*"))).case.id
    assert bank.complete("case", case_id[:4]) == [case_id]
    assert bank.complete("tag", "we") == ["we*", "web"]
    assert bank.complete("tag", "we*") == ["we*"]
    assert bank.complete("episode", "p-") != []


def test_an_intact_bank_has_no_problems_and_a_broken_index_is_one(filled):
    assert filled.check() == []
    with filled.database.writing() as db:
        db.execute("UPDATE case_words_data SET block = zeroblob(40) WHERE id > 10")
    assert filled.check() != []


def test_a_report_that_names_a_plan_belongs_to_the_task_of_that_plan(bank):
    plan_id = bank.open_episode(Task("restart nginx"), bank.retrieve(Task("x")), plan("s")).plan_id
    retained = bank.retain(replace(report("paint a horse", "s"), plan_id=plan_id))
    assert retained.case.task == Task("restart nginx")
    assert bank.retrieve(Task("restart nginx"), browse=True).shown[0].similarity == pytest.approx(1, abs=0.02)


def test_several_threads_and_connections_lose_nothing(bank, embedder):
    other = CaseBank(bank.database.path, Ready(embedder))

    def work(number):
        used = (bank, other)[number % 2]
        task = Task(f"resize picture{number % 6} to a thumbnail")
        plan_id = used.open_episode(task, used.retrieve(task), plan("convert it")).plan_id
        return used.retain(Report(SUCCESS, plan_id)).case.id

    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(work, range(24)))
    cases = [case for page in bank.pages() for case in page]
    assert {case.id for case in cases} == set(kept)
    assert len(cases) == 6
    assert [case.successes for case in cases] == pytest.approx([1.6] * 6)
    assert bank.check() == []
    other.close()
