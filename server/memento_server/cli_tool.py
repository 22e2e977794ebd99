"""`memento tool NAME`: a bundled tool server by itself, for any MCP host, on stdio."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from memento_toolhub.servers.bundled import BUNDLED, Bundled, Flag

app = typer.Typer(
    help="A bundled tool server by itself, on stdio, for any MCP host.",
    no_args_is_help=True,
)

_ROOT = typer.Option(
    "--root",
    metavar="DIR",
    envvar=Flag.ROOT,
    help="A folder whose files may be used; repeat for more. The current folder if left out.",
)
_ALLOW_HOST = typer.Option(
    "--allow-host",
    metavar="HOST",
    envvar=Flag.ALLOW_HOST,
    help="A name or address that may be fetched although it is private, with or without a port; repeat for more.",
)
_SEARXNG = typer.Option(
    "--searxng", metavar="URL", envvar=Flag.SEARXNG, help="A SearXNG instance to search with, its JSON format enabled."
)
_BROWSER = typer.Option(
    "--browser",
    metavar="PATH",
    envvar=Flag.BROWSER,
    help="The Chromium for pages that need JavaScript; 'none' for none. One that is installed if left out.",
)
_NETWORK = typer.Option("--network", envvar=Flag.NETWORK, help="Let what runs in the sandbox use the network.")
_VISION_MODEL = typer.Option(
    "--vision-model",
    metavar="SPEC",
    envvar=Flag.VISION_MODEL,
    help="The model that looks at images: anthropic:<model>, openai:<model> or openai:<model>@<base url>; "
    "MEMENTO_MODEL if left out.",
)
_SPEECH_MODEL = typer.Option(
    "--speech-model",
    metavar="SPEC",
    envvar=Flag.SPEECH_MODEL,
    help="What writes down speech: whisper:<size or folder>, openai:<model> or openai:<model>@<base url>.",
)

OPTIONS: Mapping[Flag, tuple[Any, Any]] = {
    Flag.ROOT: (Annotated[list[Path] | None, _ROOT], None),
    Flag.ALLOW_HOST: (Annotated[list[str] | None, _ALLOW_HOST], None),
    Flag.SEARXNG: (Annotated[str, _SEARXNG], ""),
    Flag.BROWSER: (Annotated[str, _BROWSER], ""),
    Flag.NETWORK: (Annotated[bool, _NETWORK], False),
    Flag.VISION_MODEL: (Annotated[str, _VISION_MODEL], ""),
    Flag.SPEECH_MODEL: (Annotated[str, _SPEECH_MODEL], ""),
}
"""Each flag's option and default."""


def command(server: Bundled, run: Callable[..., None], **more: tuple[Any, Any]) -> Callable[..., None]:
    """A command with a bundled server's flags as its options, which runs `run(server, flags, **others)`.

    Args:
        more: further options of the command, with their defaults.
    """
    options = {flag.name.lower(): OPTIONS[flag] for flag in server.flags} | more

    def call(**given: Any) -> None:
        flags = {flag: given.pop(flag.name.lower()) for flag in server.flags}
        run(server, flags, **given)

    call.__doc__ = server.summary
    # What Typer reads a command's options from.
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)
            for name, (option, default) in options.items()
        ]
    )
    return call


def _serve(server: Bundled, flags: Mapping[Flag, Any]) -> None:
    from memento_server.bundled import serve
    from memento_server.bundled_flags import Given

    serve(server, Given.of(server, flags))


for _server in BUNDLED.values():
    app.command(_server.name)(command(_server, _serve))
