"""References in configuration values, against environments written down here."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_toolhub.config.expand import Expander, folder_of, masked, variable_of_input
from memento_toolhub.errors import HubError

FOLDER = Path("/srv/project")
ENVIRONMENT = {"TOKEN": "s3cret", "EMPTY": "", "HOME": "/home/ann", "USERPROFILE": "/home/ann"}
expander = Expander(ENVIRONMENT, FOLDER)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("plain", "plain"),
        ("${TOKEN}", "s3cret"),
        ("Bearer ${TOKEN}!", "Bearer s3cret!"),
        ("${env:TOKEN}", "s3cret"),
        ("${UNSET:-fallback}", "fallback"),
        ("${env:UNSET:-fallback}", "fallback"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${TOKEN:-fallback}", "s3cret"),
        ("${UNSET:-}", ""),
        ("${UNSET:-http://h:-1}", "http://h:-1"),
        ("${EMPTY}", ""),
        ("${userHome}/x", "/home/ann/x"),
        ("${workspaceFolder}/x", f"{FOLDER}/x"),
        ("${TOKEN}${TOKEN}", "s3crets3cret"),
        ("$TOKEN and $(date) and ${", "$TOKEN and $(date) and ${"),
    ],
)
def test_a_reference_becomes_its_value(written: str, expected: str) -> None:
    assert expander.text(written, "field") == expected


def test_an_unset_variable_is_named_with_its_place_and_the_fix() -> None:
    with pytest.raises(
        HubError, match=r"^server 'a', env.KEY: the environment variable MISSING is not set; set it"
    ) as it:
        expander.text("x${MISSING}", "server 'a', env.KEY")
    assert "${MISSING:-default}" in str(it.value)


def test_an_editors_input_says_to_use_an_environment_variable() -> None:
    with pytest.raises(HubError, match=r"\$\{input:api-key\}.*write \$\{API_KEY\} and set the environment variable"):
        expander.text("${input:api-key}", "server 'a', env.KEY")


@pytest.mark.parametrize("reference", ["${command:pick}", "${sk-live-123}", "${}", "${user_config.key}", "${A B:-x}"])
def test_a_reference_that_is_not_understood_is_not_repeated(reference: str) -> None:
    with pytest.raises(HubError, match="not understood") as it:
        expander.text(reference, "server 'a', url")
    assert reference not in str(it.value)


@given(st.text(alphabet="ab${}:-~\\/", max_size=20))
def test_what_takes_the_place_of_a_reference_is_not_expanded_again(value: str) -> None:
    assert Expander({"X": value}, FOLDER).text("<${X}>", "field") == f"<{value}>"


@given(st.text().filter(lambda text: "${" not in text))
def test_text_without_a_reference_stays_as_it_is(value: str) -> None:
    assert expander.text(value, "field") == value


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("~", Path("/home/ann")),
        ("~/tools", Path("/home/ann/tools")),
        ("sub/dir", FOLDER / "sub/dir"),
        ("${workspaceFolder}/x", FOLDER / "x"),
        ("/abs", Path("/abs")),
        ("~bob/x", FOLDER / "~bob/x"),
    ],
)
def test_a_path_is_taken_from_the_home_or_the_files_folder(written: str, expected: Path) -> None:
    assert expander.path(written, "field") == expected


def test_an_editors_own_folder_stands_for_the_project_around_it(tmp_path: Path) -> None:
    assert folder_of(tmp_path / ".mcp.json") == tmp_path
    assert folder_of(tmp_path / ".vscode" / "mcp.json") == tmp_path
    assert folder_of(tmp_path / ".cursor" / "mcp.json") == tmp_path


def test_a_default_is_not_shown() -> None:
    assert masked("${KEY:-s3cret}/${B}") == "${KEY}/${B}"


@given(st.text())
def test_an_input_always_gets_a_variables_name(name: str) -> None:
    variable = variable_of_input(name)
    assert Expander({variable: "value"}, FOLDER).text(f"${{{variable}}}", "field") == "value"


def test_the_environment_is_not_in_the_representation() -> None:
    assert "s3cret" not in repr(expander)
