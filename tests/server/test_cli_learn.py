"""`memento learn` over a real bank."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from memento_memory.errors import InputError
from memento_memory.learning.errors import NotEnoughError
from memento_memory.store.database import Database
from memento_server import cli_learn
from memory.logs import fill, simulated

app = typer.Typer()
app.command()(cli_learn.learn)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    path = tmp_path_factory.mktemp("filled") / "bank.db"
    fill(path, simulated(240, 0.0))
    return path


@pytest.fixture(scope="module")
def trained(filled, tmp_path_factory):
    """A bank with a version that was made, but not put in force, and what was said of it."""
    path = shutil.copy(filled, tmp_path_factory.mktemp("trained"))
    return path, learn(path)


@pytest.fixture
def bank(filled, tmp_path):
    return shutil.copy(filled, tmp_path)


@pytest.fixture
def learned(trained, tmp_path):
    return shutil.copy(trained[0], tmp_path)


def learn(bank, *arguments):
    done = CliRunner().invoke(app, [*arguments, "--bank", str(bank)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_version_that_is_not_better_is_kept_and_said_to_be(trained):
    bank, said = trained
    assert said.startswith("version 1 is kept, but not used:")
    assert "judged on" in said
    assert "version 0 (similarity)" in learn(bank, "--status")


def test_the_status_as_json_names_versions_and_what_comes_next(bank):
    before = json.loads(learn(bank, "--status", "--json"))
    assert before == {
        **{"in_force": 0, "trusted": True, "known": 240, "trained_on": 0, "next_at": 200},
        **{"learner": "", "versions": []},
    }
    made = json.loads(learn(bank, "--json", "--seed", "3", "--force"))
    assert made["report"]["seed"] == 3
    after = json.loads(learn(bank, "--status", "--json"))
    assert after["next_at"] == 340
    assert [version["status"] for version in after["versions"]] == ["rejected"]


def test_rolling_back_puts_the_version_in_force(learned):
    said = learn(learned, "--rollback", "1")
    assert "in force: version 1 (trained from the log)" in said
    assert "this version was rejected when it was made" in said
    assert json.loads(learn(learned, "--rollback", "--json")) == {"in_force": 0}


def test_what_was_learned_to_matter_is_said_in_words_and_as_json_the_strongest_first(learned):
    bank = learned
    assert learn(bank, "--explain").startswith("nothing was learned yet")
    assert json.loads(learn(bank, "--explain", "--json"))["weights"] == []
    learn(bank, "--rollback", "1")
    said = json.loads(learn(bank, "--explain", "--json"))
    assert (said["version"], said["outcomes"], said["trusted"]) == (1, 240, True)
    sizes = [abs(weight["log_odds"]) for weight in said["weights"]]
    assert sizes == sorted(sizes, reverse=True)
    assert all(weight["low"] < weight["log_odds"] < weight["high"] for weight in said["weights"])
    words = learn(bank, "--explain")
    assert "outcomes so far: 240" in words
    assert all(weight["when"] in words for weight in said["weights"])


def test_the_report_is_one_page_with_the_same_words(learned, tmp_path):
    bank = learned
    learn(bank, "--rollback", "1")
    file = tmp_path / "report.html"
    assert str(file) in learn(bank, "--report", str(file)).replace("\n", "")
    page = file.read_text(encoding="utf-8")
    for weight in json.loads(learn(bank, "--explain", "--json"))["weights"]:
        assert weight["when"] in page
    assert json.loads(learn(bank, "--report", str(file), "--json")) == {"written": str(file)}
    with pytest.raises(InputError, match="cannot be written"):
        learn(bank, "--report", str(tmp_path / "nowhere" / "report.html"))


@pytest.mark.parametrize(
    "arguments", [["--explain", "--status"], ["--report", "x.html", "--explain"], ["--status", "--force"]]
)
def test_one_thing_is_done_at_a_time(bank, arguments):
    with pytest.raises(InputError, match="one after the other"):
        learn(bank, *arguments)


@pytest.mark.parametrize("arguments", [["3"], ["--status", "--rollback"]])
def test_what_makes_no_sense_together_is_refused(bank, arguments):
    with pytest.raises(InputError, match="--rollback"):
        learn(bank, *arguments)


def test_too_short_a_log_is_refused_in_words(tmp_path):
    fill(tmp_path / "short.db", simulated(30, 0.0))
    with pytest.raises(NotEnoughError, match="30 with known outcomes, 200 needed"):
        learn(tmp_path / "short.db")


def test_the_status_says_when_similarity_ranks_in_place_of_the_version_in_force(learned):
    bank = learned
    learn(bank, "--rollback", "1")
    assert "similarity ranks for now" not in learn(bank, "--status")
    database = Database(Path(bank))
    with database.writing() as db:
        db.execute("UPDATE value_models SET watch = json_set(watch, '$.trusted', json('false'))")
    database.close()
    assert "similarity ranks for now" in learn(bank, "--status")
    assert json.loads(learn(bank, "--status", "--json"))["trusted"] is False
