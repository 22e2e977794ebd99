"""Write docs/TOOLS.md and the README's table of bundled tools from what the servers themselves publish.

`--check` writes nothing and fails where a page differs from what it would be.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.types import Tool
from schema_words import fields_of, parameters_of

from memento_server.cli_tool import OPTIONS
from memento_toolhub.servers.bundled import BUNDLED, Bundled, Flag
from memento_toolhub.servers.code.sandbox import Sandbox
from memento_toolhub.servers.kit.options import Need, Options, package_need
from memento_toolhub.servers.kit.roots import Roots

ROOT = Path(__file__).resolve().parent.parent
PAGE, README = ROOT / "docs" / "TOOLS.md", ROOT / "README.md"
TEMPLATE = Path(__file__).with_name("tool_docs.md")
MORE = "read_more"  # the same in every server that offers it
BEGIN, END = "<!-- tools -->", "<!-- /tools -->"


def main(arguments: list[str]) -> int:
    """Write or check both pages; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a page is out of date")
    check = parser.parse_args(arguments).check
    pages = anyio.run(made_pages)
    stale = [page for page, text in pages.items() if not page.exists() or page.read_text(encoding="utf-8") != text]
    for page in stale:
        if check:
            sys.stdout.write(f"{page.relative_to(ROOT)} is out of date: run python tools/tool_docs.py\n")
        else:
            page.write_text(pages[page], encoding="utf-8")
    return 1 if check and stale else 0


async def made_pages() -> dict[Path, str]:
    """The pages as they should be."""
    published = {name: await _published(server) for name, server in BUNDLED.items()}
    more = next(tool for _, tools in published.values() for tool in tools if tool.name == MORE)
    servers = "\n\n".join(_server(BUNDLED[name], *parts) for name, parts in published.items())
    table = _table({name: tools for name, (_, tools) in published.items()})
    page = TEMPLATE.read_text(encoding="utf-8")
    for mark, text in (("table", table), ("more", _tool(more)), ("servers", servers)):
        page = page.replace(f"<!-- {mark} -->", text)
    readme = README.read_text(encoding="utf-8")
    if BEGIN in readme:
        before, _, rest = readme.partition(BEGIN)
        readme = f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"
    return {PAGE: page, README: readme}


async def _published(server: Bundled) -> tuple[str, list[Tool]]:
    """A server's instructions and tools, as a client sees them."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Roots.of([Path(folder)]), Path(folder) / "scratch")
        # The pages are the same where nothing can be run.
        parts = {"sandbox": Sandbox(Path("bwrap"))} if server.name == "code" else {}
        async with Client(server.build(options, **parts)) as client:
            return client.instructions or "", (await client.list_tools()).tools


def _table(tools: Mapping[str, list[Tool]]) -> str:
    lines = ["| server | tools | install | needs besides |", "|---|---|---|---|"]
    for name, listed in tools.items():
        named = ", ".join(f"`{tool.name}`" for tool in listed if tool.name != MORE)
        needs = "; ".join(_need(need) for need in _parts(BUNDLED[name])) or "nothing"
        lines.append(f"| `{name}` | {named} | `memento-cbr[{BUNDLED[name].extra}]` | {needs} |")
    return "\n".join(lines)


def _parts(server: Bundled) -> list[Need]:
    """What a server needs that its extra does not bring."""
    of_extra = package_need("", server.extra).fix
    return [need for need in server.needs({}) if need.fix != of_extra]


def _need(need: Need) -> str:
    tools = ", ".join(f"`{tool}`" if tool.isidentifier() else tool for tool in need.tools)
    return need.name + (f" (for {tools})" if tools else "")


def _server(server: Bundled, instructions: str, tools: list[Tool]) -> str:
    parts = [f"## {server.name}", instructions or server.summary]
    if server.flags:
        parts.append("\n".join(["| flag | variable | |", "|---|---|---|", *map(_flag, server.flags)]))
    return "\n\n".join([*parts, *(_tool(tool) for tool in tools if tool.name != MORE)])


def _flag(flag: Flag) -> str:
    option = OPTIONS[flag][0].__metadata__[0]
    return f"| `{option.default}{f' {option.metavar}' if option.metavar else ''}` | `{flag}` | {option.help} |"


def _tool(tool: Tool) -> str:
    heading = f"### {tool.name}" + (f": {tool.title}" if tool.title else "")
    parts = [heading, " ".join((tool.description or "").split()), f"*{_hints(tool)}*"]
    for title, rows in (
        ("parameter", parameters_of(tool.input_schema)),
        ("result", fields_of(tool.output_schema or {})),
    ):
        if rows:
            lines = [f"| {title} | | |", "|---|---|---|", *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]
            parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _hints(tool: Tool) -> str:
    """What a tool says it does to the world."""
    hints: Any = tool.annotations
    said = [
        _effect(hints),
        *(["the same call again changes nothing more"] if hints.idempotent_hint and not hints.read_only_hint else []),
        "reaches the outside world" if hints.open_world_hint else "stays on this machine",
    ]
    return "; ".join(said).capitalize() + "."


def _effect(hints: Any) -> str:
    if hints.read_only_hint:
        return "reads only"
    return "changes, destroys nothing" if hints.destructive_hint is False else "may destroy"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
