"""How a connection to a downstream server is opened: a child process with pipes, or streamable HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
from mcp.client import stdio
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from memento_toolhub.config.hub import BackendConfig, Http, Stdio
from memento_toolhub.errors import HubError
from memento_toolhub.process.children import Children, of_this_process
from memento_toolhub.process.junk import quieten, speaker
from memento_toolhub.process.serverlog import ServerLog
from memento_toolhub.process.whole_lines import read_whole_lines

CHAIN_VARIABLE = "MEMENTO_CHAIN"
CHAIN_HEADER = "Memento-Chain"

_CONNECT_S, _SILENCE_S = 30.0, 300.0  # the SDK's own: a server may keep a response open for minutes


@asynccontextmanager
async def open_transport(
    config: BackendConfig, logs: Path, *, chain: str = "", children: Children | None = None
) -> AsyncGenerator[TransportStreams]:
    """The streams to one downstream server; a target for `mcp.Client`.

    Leaving it ends a child process and everything the child started.

    Args:
        config: the server.
        logs: the folder for the server's stderr, made if it is not there.
        chain: the relays this connection passes through, told to the server; empty tells nothing.
        children: who looks after the child processes; this process's own by default.

    Raises:
        HubError: if the server cannot be started or its URL or headers cannot be used.
    """
    async with AsyncExitStack() as stack:
        match config.transport:
            case Stdio() as started:
                yield await _open_stdio(stack, config.name, started, logs, chain, children or of_this_process())
            case Http() as reached:
                yield await _open_http(stack, config.name, reached, chain, config.timeout)
            case None:
                raise HubError(config.name, config.problem or "has neither a command nor a URL; give it one")


async def _open_stdio(
    stack: AsyncExitStack, name: str, config: Stdio, logs: Path, chain: str, children: Children
) -> TransportStreams:
    if config.cwd is not None and not config.cwd.is_dir():
        raise HubError(name, f"its working directory {config.cwd} is not there; make it or correct cwd")
    environment = dict(config.env)
    if chain:
        environment[CHAIN_VARIABLE] = chain
    try:
        log = ServerLog(logs, name)
    except OSError as error:
        raise HubError(name, f"its log folder {logs} cannot be made ({error.strerror}); make it") from None
    stack.callback(log.close)
    child = stack.enter_context(children.watch())
    environment |= child.environment
    parameters = stdio.StdioServerParameters(
        command=config.command,
        args=list(config.args),
        env=environment,
        cwd=config.cwd,
        encoding_error_handler="replace",
    )
    quieten()
    read_whole_lines()
    token = speaker.set(name)
    async with child.spawning():
        try:
            streams = await stack.enter_async_context(stdio.stdio_client(parameters, errlog=log.sink))
        except (OSError, ValueError) as error:
            raise _not_started(name, config, error) from None
        finally:
            speaker.reset(token)
    log.started(child.pid)
    return streams


def _not_started(name: str, config: Stdio, error: OSError | ValueError) -> HubError:
    command = config.shown or config.command
    match error:
        case FileNotFoundError() | NotADirectoryError():
            problem = f"command '{command}' was not found; install it, give its full path, or add its folder to PATH"
        case PermissionError():
            problem = f"command '{command}' may not be run; make it executable or name the program that runs it"
        case OSError():
            problem = f"command '{command}' could not be started ({error.strerror}); try it in a terminal"
        case _:
            problem = f"command '{command}' could not be started; look for NUL bytes in command, args and env"
    return HubError(name, problem)


async def _open_http(stack: AsyncExitStack, name: str, config: Http, chain: str, idle: float) -> TransportStreams:
    headers = dict(config.headers)
    if chain:
        headers[CHAIN_HEADER] = chain
    _answered.pop(name, None)
    timeout = httpx2.Timeout(_CONNECT_S, read=max(_SILENCE_S, idle + _CONNECT_S))
    client = await stack.enter_async_context(_http_client(name, config.url, headers, timeout))
    # A result of any size must pass; the relay has its own limit.
    connection = streamable_http_client(config.url, http_client=client, max_sse_event_size=None)
    return await stack.enter_async_context(connection)


def _http_client(name: str, url: str, headers: Mapping[str, str], timeout: httpx2.Timeout) -> httpx2.AsyncClient:
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise HubError(name, "its URL cannot be read; write it as https://host/path") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise HubError(name, "its URL cannot be used; write it as https://host/path")

    async def note(response: httpx2.Response) -> None:
        _answered[name] = response.status_code

    try:
        return httpx2.AsyncClient(headers=headers, timeout=timeout, event_hooks={"response": [note]})
    except (UnicodeError, ValueError):
        raise HubError(name, "its headers cannot be sent; use plain ASCII in their names and values") from None


_answered: dict[str, int] = {}


def refusal(config: BackendConfig) -> str:
    """Why a server behind a URL could not be spoken to, in words; "" when its HTTP answers do not say."""
    if not isinstance(config.transport, Http):
        return ""
    where, status = config.transport.shown, _answered.get(config.name)
    if status is None:
        return f"nothing answers at {where}; is the server running, and is its url right?"
    if status in (401, 403):
        return f"{where} answers HTTP {status}: it wants other credentials; see headers in the tools file"
    if status in (404, 405):
        return f"{where} answers HTTP {status}: there is no MCP server under this path; correct its url"
    return f"{where} answers HTTP {status}" if status >= 400 else ""
