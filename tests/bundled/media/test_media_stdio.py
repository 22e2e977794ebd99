"""The media server as a host starts it: a process of its own, told by its flags, on stdio."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

from bundled.media.made import COLOURS, drawing, save_media, voice
from bundled.media.speech_endpoint import endpoint, verbose
from bundled.media.using import told
from planner.openai_talk import said
from planner.wire_server import WireServer


def test_a_host_sees_hears_and_watches_through_the_command(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    drawing("STOP").save(root / "sign.png")
    save_media(root / "film.mp4", scenes=COLOURS[:2], sound=voice(2))

    async def go(vision: str, speech: str) -> None:
        flags = [
            "--root",
            str(root),
            "--vision-model",
            f"openai:see@{vision}/v1",
            "--speech-model",
            f"openai:w@{speech}",
        ]
        command = StdioServerParameters(
            command=sys.executable,
            args=["-m", "memento_server", "tool", "media", *flags],
            env={"MEMENTO_CACHE": str(tmp_path / "cache")},
        )
        with anyio.fail_after(120):
            async with Client(command) as client:
                tools = {tool.name: tool for tool in (await client.list_tools()).tools}
                assert set(tools) == {
                    "describe_image",
                    "read_text_in_image",
                    "transcribe",
                    "video_frames",
                    "ask_about_video",
                    "read_more",
                }
                assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())
                seen = told(await client.call_tool("describe_image", {"path": "sign.png"}))
                heard = told(await client.call_tool("transcribe", {"path": "film.mp4"}))
                watched = told(await client.call_tool("video_frames", {"path": "film.mp4", "n": 2}))
        assert seen["text"] == "It says STOP."
        assert heard["segments"] == [{"start": 0.5, "end": 1.0, "text": "hello"}]
        assert all(Path(frame["file"]).is_relative_to(tmp_path / "cache") for frame in watched["frames"])

    with (
        WireServer([said("It says STOP.")]).running() as vision,
        endpoint(lambda asked: verbose((0.5, 1.0, "hello"))) as speech,
    ):
        anyio.run(go, vision.url, speech.url)
