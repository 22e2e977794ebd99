"""Where settings come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from memento_memory.errors import InputError
from memento_server.settings import Settings, project_namespace


def test_the_command_line_wins_over_the_environment_and_that_over_the_defaults(tmp_path: Path) -> None:
    given = {"MEMENTO_BANK": str(tmp_path / "env.sqlite3"), "MEMENTO_NAMESPACE": "team"}
    assert Settings.of(environment=given).bank.name == "env.sqlite3"
    assert Settings.of(environment=given).namespace == "team"
    settings = Settings.of(bank=tmp_path / "given.sqlite3", namespace="mine", environment=given)
    assert (settings.bank.name, settings.namespace) == ("given.sqlite3", "mine")
    assert Settings.of(environment={}).namespace == "default"
    assert Settings.of(environment={}).bank.is_absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [("MEMENTO_NAMESPACE", "no spaces"), ("MEMENTO_RETENTION_DAYS", "soon"), ("MEMENTO_RETENTION_DAYS", "-1")],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(
        InputError, match=name.removeprefix("MEMENTO_").lower() if name == "MEMENTO_NAMESPACE" else name
    ):
        Settings.of(environment={name: value})


def test_every_folder_of_a_project_has_the_project_s_namespace(tmp_path: Path) -> None:
    inside = tmp_path / "shop" / "src" / "deep"
    inside.mkdir(parents=True)
    (tmp_path / "shop" / ".git").mkdir()
    assert project_namespace(inside) == project_namespace(tmp_path / "shop")
    assert project_namespace(inside).startswith("shop-")


def test_projects_of_the_same_name_in_different_places_are_kept_apart(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "shop" / ".git").mkdir(parents=True)
    assert project_namespace(tmp_path / "one" / "shop") != project_namespace(tmp_path / "two" / "shop")
