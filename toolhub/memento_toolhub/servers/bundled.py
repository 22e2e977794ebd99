"""The servers that come with Memento: what each is for, what it can be told, and how it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from memento_toolhub.servers.kit.options import Need, Options


_CACHES = ("MEMENTO_CACHE", "XDG_CACHE_HOME")
_MODELS = ("MEMENTO_MODEL", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "MEMENTO_MODEL_KEY", "HF_HOME", "HF_HUB_CACHE")


class Flag(StrEnum):
    """What a bundled server can be told, by the environment variable that says the same."""

    ROOT = "MEMENTO_ROOTS"
    ALLOW_HOST = "MEMENTO_ALLOW_HOSTS"
    SEARXNG = "MEMENTO_SEARXNG_URL"
    BROWSER = "MEMENTO_BROWSER"
    NETWORK = "MEMENTO_CODE_NETWORK"
    VISION_MODEL = "MEMENTO_VISION_MODEL"
    SPEECH_MODEL = "MEMENTO_SPEECH_MODEL"


@dataclass(frozen=True, slots=True)
class Bundled:
    """One bundled server; its modules are imported when they are needed.

    Attributes:
        name: of the server and its package.
        summary: what it is for, in one line.
        extra: of Memento's package, with what it is built on.
        flags: what it can be told.
        variables: of Memento's environment, handed down to it behind the relay where they are set.
        settings: of its entry in a tools file: seconds beyond those after which the server itself gives up.
    """

    name: str
    summary: str
    extra: str
    flags: tuple[Flag, ...] = ()
    variables: tuple[str, ...] = _CACHES
    settings: Mapping[str, object] = field(default_factory=dict)

    def build(self, options: Options, **parts: Any) -> MCPServer:
        """The server; nothing heavy is loaded until a tool needs it.

        Args:
            parts: what Memento's own packages lend to it: the models of media.
        """
        made: MCPServer = import_module(f"{__package__}.{self.name}.server").build(options, **parts)
        return made

    def needs(self, environment: Mapping[str, str]) -> tuple[Need, ...]:
        """What it needs of the machine, and whether that is there."""
        found: tuple[Need, ...] = import_module(f"{__package__}.{self.name}.needs").needs(environment)
        return found

    def missing(self, environment: Mapping[str, str]) -> tuple[Need, ...]:
        """What is not there and keeps the server from being of any use."""
        needs = self.needs(environment)
        missing = tuple(need for need in needs if not need.ok)
        return missing if len(missing) == len(needs) else tuple(need for need in missing if not need.tools)


BUNDLED: Mapping[str, Bundled] = MappingProxyType(
    {
        server.name: server
        for server in (
            Bundled(
                "documents",
                "Read documents of every kind and archives, and ask tables with SQL.",
                "documents",
                (Flag.ROOT, Flag.ALLOW_HOST),
                settings={"timeout": 240},
            ),
            Bundled(
                "web",
                "Search the web, read pages as Markdown, and crawl a site.",
                "web",
                (Flag.ALLOW_HOST, Flag.SEARXNG, Flag.BROWSER),
                (*_CACHES, "MEMENTO_SEARCH_PROXY", "MEMENTO_BROWSER_SANDBOX", "PLAYWRIGHT_BROWSERS_PATH"),
                {"timeout": 120},
            ),
            Bundled(
                "code",
                "Run Python and shell commands in a sandbox with files of its own.",
                "code",
                (Flag.ROOT, Flag.NETWORK),
                settings={"maxTime": 660},
            ),
            Bundled("math", "Calculate exactly: equations, calculus, units, statistics.", "math"),
            Bundled(
                "media",
                "Look at images, read text in them, transcribe speech, and look into videos.",
                "media",
                (Flag.ROOT, Flag.VISION_MODEL, Flag.SPEECH_MODEL),
                (*_CACHES, *_MODELS),
                {"timeout": 660, "maxTime": 7200},
            ),
        )
    }
)
