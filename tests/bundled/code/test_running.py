"""Running code and commands, as a host sees it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bundled.code.sandboxed import Caller, needs_sandbox, outcome, with_server

pytestmark = needs_sandbox


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_last_expression_is_shown_and_files_stay_but_variables_do_not(tmp_path: Path, mode: str) -> None:
    async def ask(caller: Caller) -> None:
        first = await caller.python("x = 20\nopen('kept.txt', 'w').write('here')\nx + 1")
        assert (first["ended"], first["exit_code"], first["stdout"]) == ("exited", 0, "21\n")
        assert first["files"] == [{"name": "kept.txt", "size": 4}]
        again = await caller.python("print(open('kept.txt').read()); x")
        assert again["stdout"] == "here\n"
        assert again["exit_code"] == 1
        assert again["stderr"].endswith("NameError: name 'x' is not defined\n")
        assert again["files"] == []

    with_server(tmp_path, ask, mode=mode)


def test_a_traceback_shows_the_lines_of_the_code_and_nothing_of_libraries_or_ours(tmp_path: Path) -> None:
    code = "import json\ndef parse(text):\n    return json.loads(text)\nparse('{')"
    errors = outcome(tmp_path, code)["stderr"]
    assert "line 4, in <module>\n    parse('{')" in errors
    assert "line 3, in parse" in errors
    assert "json/decoder.py" not in errors
    assert "start.py" not in errors
    assert errors.endswith("line 1 column 2 (char 1)\n")


def test_code_that_cannot_be_parsed_is_shown_with_its_line(tmp_path: Path) -> None:
    found = outcome(tmp_path, "x = 1\ny = (")
    assert found["exit_code"] == 1
    assert "line 2" in found["stderr"]
    assert "SyntaxError: '(' was never closed" in found["stderr"]


@pytest.mark.parametrize(
    ("code", "exit_code"), [("import sys; sys.exit(7)", 7), ("import os; os._exit(3)", 3), ("", 0)]
)
def test_code_can_choose_its_exit_code(tmp_path: Path, code: str, exit_code: int) -> None:
    found = outcome(tmp_path, code)
    assert (found["ended"], found["exit_code"]) == ("exited", exit_code)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("import no_such_package", "standard library"),
        ("open('/home/someone/list.csv')", "`files`"),
        ("try:\n    open('x')\nexcept OSError:\n    print('none')", ""),
    ],
)
def test_what_was_not_found_comes_with_what_to_do(tmp_path: Path, code: str, advice: str) -> None:
    found = outcome(tmp_path, code)["advice"]
    assert advice in found
    assert bool(advice) == bool(found)


def test_of_a_long_output_the_end_is_shown_too(tmp_path: Path) -> None:
    code = (
        "import sys\nfor i in range(20_000):\n    print('line', i)\nprint('answer: 42')\nsys.exit('x' * 30_000 + 'why')"
    )
    found = outcome(tmp_path, code)
    assert found["stdout_end"].endswith("line 19999\nanswer: 42\n")
    assert found["stderr_end"].endswith("xwhy\n")
    short = outcome(tmp_path, "print(1)")
    assert (short["stdout_end"], short["stderr_end"]) == ("", "")


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_programs_that_are_set_up_in_etc_run(tmp_path: Path) -> None:
    found = outcome(tmp_path, "soffice --headless --version", tool="shell")
    assert found["stdout"].startswith("LibreOffice"), found


def test_open_figures_come_back_as_images_and_images_written_do_too(tmp_path: Path) -> None:
    code = (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4])\nplt.show()\n"
        "plt.figure()\nplt.bar([1], [2])\nplt.savefig('mine.jpg')\nplt.close()"
    )

    async def ask(caller: Caller) -> None:
        result = await caller.full("run_python", code=code)
        assert result.structured_content["images"] == ["mine.jpg", "plot-1.png"], result
        assert result.structured_content["stderr"] == ""
        kinds = [(block.type, getattr(block, "mime_type", "")) for block in result.content]
        assert kinds == [("text", ""), ("image", "image/jpeg"), ("image", "image/png")]
        await caller.shell("printf '<script>' > false.png")
        assert (await caller.full("run_shell", command="touch false.png")).structured_content["images"] == []
        seen = await caller.full("read_file", path="plot-1.png")
        assert [block.type for block in seen.content] == ["text", "image"]

    with_server(tmp_path, ask)


def test_a_command_has_the_programs_of_the_machine_and_both_streams(tmp_path: Path) -> None:
    found = outcome(tmp_path, "printf 'b\\na\\n' | sort; pwd; id -un; hostname; echo no >&2; exit 4", tool="shell")
    assert found["stdout"] == "a\nb\n/workspace\nagent\nsandbox\n"
    assert (found["stderr"], found["exit_code"], found["output_bytes"]) == ("no\n", 4, 32)


def test_files_of_the_user_are_copied_in_and_never_changed(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    mine = tmp_path / "given" / "data.csv"
    mine.write_text("a,b\n1,2\n")
    (tmp_path / "secret.txt").write_text("not for you")

    async def ask(caller: Caller) -> None:
        found = await caller.shell("cat data.csv; echo 3,4 >> data.csv", files=["data.csv"])
        assert found["stdout"] == "a,b\n1,2\n"
        assert found["files"] == [{"name": "data.csv", "size": 12}]
        assert (await caller.shell("cat data.csv", files=[str(mine)]))["stdout"] == "a,b\n1,2\n"
        for outside in ("../secret.txt", str(tmp_path / "secret.txt"), "/etc/passwd", "none.csv"):
            assert "files: " in await caller.shell("true", files=[outside])
        assert "two of them are called data.csv" in await caller.shell("true", files=["data.csv", str(mine)])

    with_server(tmp_path, ask)
    assert mine.read_text() == "a,b\n1,2\n"


def test_long_output_is_cut_and_the_rest_is_read_by_a_handle(tmp_path: Path) -> None:
    async def ask(caller: Caller) -> None:
        found = await caller.python("for i in range(1000): print('line', i)", max_chars=1000)
        text, handle = found["stdout"], found["stdout_rest"]
        while handle:
            piece = await caller("read_more", handle=handle, max_chars=5000)
            text, handle = text + piece["text"], piece["rest"]
        assert text == "".join(f"line {i}\n" for i in range(1000))

    with_server(tmp_path, ask)


def test_the_beginning_and_the_end_of_very_long_output_are_kept(tmp_path: Path) -> None:
    async def ask(caller: Caller) -> None:
        found = await caller.shell(
            "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last", max_chars=50000
        )
        assert found["ended"] == "exited"
        assert found["output_bytes"] == 3_000_012
        text, handle = found["stdout"], found["stdout_rest"]
        while handle:
            piece = await caller("read_more", handle=handle, max_chars=50000)
            text, handle = text + piece["text"], piece["rest"]
        assert text.startswith("first\nxxx")
        assert text.endswith("xxx\nlast\n")
        assert "bytes left out]" in text
        assert len(text) < 1_100_000

    with_server(tmp_path, ask)


def test_output_that_is_no_text_is_replaced(tmp_path: Path) -> None:
    found = outcome(tmp_path, r"printf 'a\377\000b'", tool="shell")
    assert found["stdout"] == "a�\0b"


def test_plans_do_not_see_each_other_and_calls_without_a_plan_share_a_workspace(tmp_path: Path) -> None:
    async def ask(caller: Caller) -> None:
        for plan in ("one", "two/../one", ""):
            await caller("write_file", plan, path="who.txt", text=plan or "nobody")
        for plan in ("one", "two/../one", ""):
            assert (await caller.shell("cat who.txt; ls", plan=plan))["stdout"] == f"{plan or 'nobody'}who.txt\n"

    with_server(tmp_path, ask)
    assert {place.parent for place in tmp_path.rglob("who.txt")} == set((tmp_path / "scratch/workspaces").iterdir()) - {
        tmp_path / "scratch/workspaces/plan-another"
    }


def test_progress_says_how_long_it_runs(tmp_path: Path) -> None:
    async def ask(caller: Caller) -> None:
        seen: list[Any] = []

        async def heard(progress: float, total: float | None, message: str | None) -> None:
            seen.append((progress, total, message))

        await caller.client.call_tool(
            "run_shell", {"command": "echo hello; sleep 1.5", "timeout": 9}, progress_callback=heard
        )
        assert seen
        assert all(0 < progress <= 9 and total == 9 for progress, total, _ in seen)
        assert seen[-1][2] == "running, 6 bytes of output"

    with_server(tmp_path, ask)


def test_processes_started_by_python_work(tmp_path: Path) -> None:
    code = (
        "import multiprocessing, subprocess, sys\n"
        "def double(x):\n    return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        print(pool.map(double, [1, 2]))\n"
        "    print(subprocess.check_output(['python', '-c', 'import pydantic; print(5)'], text=True))"
    )
    assert outcome(tmp_path, code)["stdout"] == "[2, 4]\n5\n\n"
