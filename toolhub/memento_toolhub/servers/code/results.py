"""What the tools of the code server answer with."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from pathlib import Path

from mcp.types import CallToolResult, ImageContent, TextContent
from pydantic import BaseModel, Field

from memento_toolhub.servers.code import tree
from memento_toolhub.servers.code.limits import MB
from memento_toolhub.servers.code.running import Run
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.rest import Piece

_MOST_FILES = 50
_END_CHARS = 1_000
_MOST_IMAGES = 4
_MOST_IMAGE_BYTES = 2 * MB
_MOST_IMAGES_BYTES = 4 * MB
_KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class File(BaseModel):
    """A file of the workspace."""

    name: str = Field(description="path below /workspace")
    size: int = Field(description="bytes")


class RunResult(BaseModel):
    """What came of running code or a command."""

    ended: str = Field(description="exited, timed out, or killed: memory, processes, disk, files or output")
    exit_code: int | None = Field(description="0 where all went well; null where it was stopped")
    stdout: str = Field(description="what it printed, or the first part of it")
    stdout_rest: str = Field(default="", description="handle of the rest of stdout, for read_more")
    stderr: str = Field(description="errors and warnings, or the first part of them")
    stderr_rest: str = Field(default="", description="handle of the rest of stderr, for read_more")
    stdout_end: str = Field(default="", description="how stdout ends, where it is too long to be given at once")
    stderr_end: str = Field(default="", description="how stderr ends, likewise")
    output_bytes: int = Field(description="bytes written to stdout and stderr in all")
    seconds: float = Field(description="how long it ran")
    files: list[File] = Field(description=f"files it made or changed, {_MOST_FILES} at most")
    more_files: int = Field(default=0, description="how many more it made or changed")
    images: list[str] = Field(description="those of the files that come with this result as images")
    advice: str = Field(
        default="", description="what to do where it was stopped, or did not find a network, a package or a file"
    )


class FileText(Piece):
    """A file, as text."""

    name: str = Field(description="path below /workspace")
    size: int = Field(description="bytes")
    image: bool = Field(default=False, description="whether it is an image, which comes with this result")


class Listing(BaseModel):
    """The files of the workspace."""

    files: list[File]
    more_files: int = Field(default=0, description="how many more there are")
    bytes_used: int = Field(description="all files taken together")


class Written(BaseModel):
    """A file that was written."""

    name: str = Field(description="path below /workspace")
    size: int = Field(description="bytes")
    is_new: bool = Field(description="whether it was not there before")


Seen = dict[str, tuple[int, int, int]]


def seen(workspace: Path, most: int) -> Seen:
    """The plain files that count, by what tells that they were changed."""
    return {entry.name: entry.changed for entry in _files(workspace, most)}


def listing(workspace: Path, most: int, shown: int) -> Listing:
    """The files of a workspace by name, the first of them."""
    found = sorted(_files(workspace, most), key=lambda entry: entry.name)
    files = [File(name=tree.shown(entry.name), size=entry.size) for entry in found]
    used = sum(file.size for file in files)
    return Listing(files=files[:shown], more_files=max(0, len(files) - shown), bytes_used=used)


def run_result(
    run: Run, stdout: Piece, stderr: Piece, workspace: Path, before: Seen, most: int, *, network: bool
) -> CallToolResult:
    """The result of a run, with the images it made.

    Args:
        network: whether the sandbox reaches the network.
    """
    changed = [entry for entry in _files(workspace, most) if before.get(entry.name) != entry.changed]
    images = _images(workspace, changed)
    result = RunResult(
        ended=run.ended,
        exit_code=run.exit_code,
        stdout=stdout.text,
        stdout_rest=stdout.rest,
        stderr=stderr.text,
        stderr_rest=stderr.rest,
        stdout_end=_end(stdout, run.stdout.text()),
        stderr_end=_end(stderr, run.stderr.text()),
        output_bytes=run.output,
        seconds=round(run.seconds, 3),
        files=[File(name=tree.shown(entry.name), size=entry.size) for entry in changed[:_MOST_FILES]],
        more_files=max(0, len(changed) - _MOST_FILES),
        images=list(images),
        advice=_ADVICE.get(run.ended, "") or (_about(run.stderr.text(), network) if run.exit_code else ""),
    )
    return with_images(result, images.values())


def _about(errors: str, network: bool) -> str:
    if not network and _NETWORK_ERRORS.search(errors):
        return _NO_NETWORK
    if "ModuleNotFoundError: No module named" in errors:
        return _NO_MODULE[network]
    return _NO_FILE if "No such file or directory" in errors else ""


def _end(stream: Piece, text: str) -> str:
    return text[-_END_CHARS:] if stream.rest else ""


def with_images(result: BaseModel, images: Iterable[ImageContent]) -> CallToolResult:
    """A structured result, with images beside it."""
    text = TextContent(text=result.model_dump_json())
    return CallToolResult(content=[text, *images], structured_content=result.model_dump(mode="json"))


def image(data: bytes) -> ImageContent | None:
    """A PNG or JPEG file, told by its first bytes, as content."""
    kind = next((kind for magic, kind in _KINDS.items() if data.startswith(magic)), None)
    return ImageContent(data=base64.b64encode(data).decode(), mime_type=kind) if kind else None


def _files(workspace: Path, most: int) -> Iterable[tree.Entry]:
    """Plain files, but for caches; a folder others fill without end is looked through up to a number of entries."""
    for count, entry in enumerate(tree.entries(workspace)):
        if count >= most:
            return
        if entry.is_file and not entry.name.startswith(".cache/"):
            yield entry


def _images(workspace: Path, changed: Iterable[tree.Entry]) -> dict[str, ImageContent]:
    found: dict[str, ImageContent] = {}
    room = _MOST_IMAGES_BYTES
    for entry in sorted(changed, key=lambda entry: entry.name):
        small = 0 < entry.size <= min(room, _MOST_IMAGE_BYTES)
        if len(found) < _MOST_IMAGES and small and entry.name.lower().endswith((".png", ".jpg", ".jpeg")):
            try:
                data, size = tree.read(workspace, entry.name, entry.size)
            except CallError:
                continue  # taken away since by another run
            if size == entry.size and (content := image(data)) is not None:
                found[tree.shown(entry.name)] = content
                room -= size
    return found


_NETWORK_ERRORS = re.compile(
    r"name resolution|name or service not known|network is unreachable|could not resolve|connection refused"
    r"|unable to resolve|no address associated with hostname",
    re.IGNORECASE,
)
_NO_NETWORK = "the sandbox has no network: pages and packages cannot be fetched in it; hand over files with `files`"
_NO_MODULE = {
    False: "it is not installed and there is no network to fetch it: use another package or the standard library; a "
    "module of the user's has to be handed over with `files`",
    True: "install it with run_shell: pip install --target /workspace NAME; a module of the user's has to be handed "
    "over with `files`",
}
_NO_FILE = (
    "only files below /workspace are seen here: name the user's files in `files` and open them by their name alone"
)
_ADVICE = {
    "timed out": "give it more time with `timeout`, or do less at once; files written so far are kept",
    "killed: memory": "use less memory at once, for example by working in parts",
    "killed: processes": "start fewer processes or threads at once",
    "killed: disk": "write less, and remove files that are not needed",
    "killed: files": "make fewer files, and remove those that are not needed",
    "killed: output": "print less, or write to a file",
}
