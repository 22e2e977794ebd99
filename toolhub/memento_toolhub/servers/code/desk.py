"""What the tools of the code server do, each in the workspace of the plan that asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from memento_toolhub.servers.code import results, tree
from memento_toolhub.servers.code.limits import MB
from memento_toolhub.servers.code.results import FileText, Listing, Written
from memento_toolhub.servers.code.running import run
from memento_toolhub.servers.code.sandbox import Sandbox
from memento_toolhub.servers.code.workspaces import PLAN_KEY, Workspaces
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.rest import Rests
from memento_toolhub.servers.kit.roots import opened

MOST_SECONDS = 600
_RUNS_AT_ONCE = 2
_MOST_COPIED = 200 * MB
_MOST_READ = 8 * MB
_MOST_LISTED = 500


class Desk:
    """Runs and files, for one server."""

    def __init__(self, options: Options, sandbox: Sandbox, rests: Rests) -> None:
        self._roots = options.roots
        self._workspaces = Workspaces(options.scratch / "workspaces")
        self._sandbox = sandbox
        self._rests = rests
        self._limits = sandbox.limits
        self._most = self._limits.files * 2
        self._runs = anyio.Semaphore(_RUNS_AT_ONCE)

    async def run(
        self, kind: str, text: str, files: Sequence[str], seconds: float, max_chars: int, ctx: Context[Any, Any]
    ) -> CallToolResult:
        """Run code or a command after copying files in; runs of one workspace go one after the other.

        Raises:
            CallError: if a file cannot be copied, or the sandbox cannot be started.
        """
        place = await self._workspace(ctx)

        async def report(elapsed: float, output: int) -> None:
            await ctx.report_progress(min(elapsed, seconds), seconds, f"running, {output} bytes of output")

        async with self._workspaces.turn(place), self._runs:
            await run_sync(self._copy, files, place)
            before = await run_sync(results.seen, place, self._most)
            done = await run(self._sandbox, kind, text, place, seconds, report)
            stdout, stderr = (self._rests.cut(stream.text(), max_chars) for stream in (done.stdout, done.stderr))
            made = partial(results.run_result, network=self._sandbox.network)
            return await run_sync(made, done, stdout, stderr, place, before, self._most)

    async def listing(self, ctx: Context[Any, Any]) -> Listing:
        """The files of the workspace."""
        return await run_sync(results.listing, await self._workspace(ctx), self._most, _MOST_LISTED)

    async def read(self, path: str, max_chars: int, ctx: Context[Any, Any]) -> CallToolResult:
        """A file as text, or an image.

        Raises:
            CallError: if it is neither, or is not there.
        """
        data, size = await run_sync(tree.read, await self._workspace(ctx), path, _MOST_READ)
        name = tree.shown(path)
        if len(data) == size and (content := results.image(data)) is not None:
            return results.with_images(FileText(text="", name=name, size=size, image=True), [content])
        if b"\0" in data[:8192]:
            raise CallError(f"path: {path} is no text ({size} bytes); read it with run_python")
        text = data.decode(errors="replace")
        if len(data) < size:
            text += f"\n[the file goes on for {size - len(data)} bytes; read them with run_python]\n"
        piece = self._rests.cut(text, max_chars)
        return results.with_images(FileText(**piece.model_dump(), name=name, size=size), [])

    async def write(self, path: str, text: str, ctx: Context[Any, Any]) -> Written:
        """Write a file.

        Raises:
            CallError: if the workspace is full, or the path leads out of it.
        """
        place = await self._workspace(ctx)
        data = text.encode(errors="replace")
        await run_sync(self._check_room, place, len(data))
        is_new = await run_sync(tree.write, place, path, data)
        return Written(name=tree.shown(path), size=len(data), is_new=is_new)

    async def _workspace(self, ctx: Context[Any, Any]) -> Path:
        plan = (ctx.request_context.meta or {}).get(PLAN_KEY)
        return await run_sync(self._workspaces.of, plan if isinstance(plan, str) else "")

    def _copy(self, files: Sequence[str], place: Path) -> None:
        found = {written: self._roots.file(written, field="files") for written in files}
        names = [path.name for path in found.values()]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise CallError(f"files: two of them are called {twice}; copy them in two calls")
        size = sum(path.stat().st_size for path in found.values())
        if size > _MOST_COPIED:
            raise CallError(f"files: they have {size >> 20} MB; {_MOST_COPIED >> 20} MB are the most")
        if found:
            self._check_room(place, size)
        for path in found.values():
            with opened(path) as file:
                tree.write(place, path.name, file.read(_MOST_COPIED), "files")

    def _check_room(self, place: Path, size: int) -> None:
        used = results.listing(place, self._most, 0)
        if used.bytes_used + size > self._limits.disk or used.more_files >= self._limits.files:
            raise CallError(f"the workspace is full ({used.bytes_used >> 20} MB, {used.more_files} files); remove some")
