"""What can be set, where it comes from, and what it is when nothing is said."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memento_memory.errors import InputError
from memento_memory.limits import check_namespace

if TYPE_CHECKING:
    from memento_memory.curation.bounds import Bounds
    from memento_memory.selection.policy import Policy
    from memento_planner.models.spec import ModelSpec

DEFAULT_NAMESPACE = "default"
PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Choosing:
    """How cases are chosen and what is learned from it; see `memento_memory.selection.policy`.

    Attributes:
        policy: greedy, softmax or thompson.
        alpha: temperature of drawn slates, above 0.
        explore, holdout: shares of the plans whose cases are drawn, and that get no case, to learn from.
        caution: how sure a case must be to help, in standard deviations.
        learning: whether the server starts the slow learner when enough outcomes are in.
        max_cases, max_bytes: bounds of a namespace; the least useful cases are evicted. 0 is without bound.
    """

    policy: str = "greedy"
    alpha: float = 0.1
    explore: float = 0.0
    holdout: float = 0.0
    caution: float = 0.0
    learning: bool = True
    max_cases: int = 0
    max_bytes: int = 0

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Choosing:
        """From MEMENTO_POLICY, MEMENTO_ALPHA, MEMENTO_EXPLORE, MEMENTO_HOLDOUT, MEMENTO_CAUTION, MEMENTO_LEARNING,
        MEMENTO_MAX_CASES and MEMENTO_MAX_BYTES.

        Raises:
            InputError: if a value cannot be used.
        """
        return cls(
            policy=_word(given, "MEMENTO_POLICY", ("greedy", "softmax", "thompson")),
            alpha=_number(given, "MEMENTO_ALPHA", 0.1, 1e-3, 1e3, "a temperature above 0"),
            explore=_number(given, "MEMENTO_EXPLORE", 0, 0, 1, "a share from 0 to 1"),
            holdout=_number(given, "MEMENTO_HOLDOUT", 0, 0, 0.9, "a share from 0 to 0.9"),
            caution=_number(given, "MEMENTO_CAUTION", 0, 0, 10, "a number of standard deviations from 0 to 10"),
            learning=_word(given, "MEMENTO_LEARNING", ("on", "off")) == "on",
            max_cases=_whole(given, "MEMENTO_MAX_CASES", 1e9, "a whole number of cases, 0 for no bound"),
            max_bytes=_whole(given, "MEMENTO_MAX_BYTES", 1e15, "a whole number of bytes, 0 for no bound"),
        )

    def as_policy(self) -> Policy:
        """The policy of these settings."""
        from memento_memory.selection.policy import Policy, PolicyName  # brings NumPy

        return Policy(PolicyName(self.policy), self.alpha, self.explore, self.holdout, self.caution)

    def as_bounds(self) -> Bounds | None:
        """The bounds of these settings; None without any."""
        from memento_memory.curation.bounds import Bounds  # brings NumPy

        return Bounds(self.max_cases or None, self.max_bytes or None) if self.max_cases or self.max_bytes else None


@dataclass(frozen=True, slots=True)
class Models:
    """Which models solve tasks: a fast planner and a strong executor; the judge may be missing."""

    planner: ModelSpec
    executor: ModelSpec
    judge: ModelSpec | None

    @classmethod
    def of(cls, given: Mapping[str, str], model: str = "") -> Models | None:
        """From MEMENTO_MODEL, and MEMENTO_PLANNER_MODEL, MEMENTO_EXECUTOR_MODEL and MEMENTO_JUDGE_MODEL where one of
        them is another; None where there is neither a planner nor an executor.

        Args:
            model: takes the place of MEMENTO_MODEL.

        Raises:
            InputError: if one cannot be read, or of planner and executor only one is given.
        """
        from memento_planner.models.spec import parse_spec

        names = {role: f"MEMENTO_{role.upper()}_MODEL" for role in ("planner", "executor", "judge")}
        general = parse_spec(model or given.get("MEMENTO_MODEL", ""), field="model" if model else "MEMENTO_MODEL")
        found = {
            role: parse_spec(given[name], field=name) if given.get(name) and not model else general
            for role, name in names.items()
        }
        planner, executor = found["planner"], found["executor"]
        if planner is None and executor is None:
            return None
        if planner is None or executor is None:
            missing = names["executor" if planner else "planner"]
            raise InputError(missing, "is not set; solving needs a planner and an executor (or set MEMENTO_MODEL)")
        return cls(planner, executor, found["judge"])


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one Memento process.

    Attributes:
        bank: the bank file.
        namespace: where cases go and come from when a call names none.
        embedding_model: name or folder of a sentence-transformers model; "" is the one that is installed with Memento.
        retention_days: how long a forgotten case can be restored.
        tools: the file that names the downstream servers; None relays nothing.
        choosing: how cases are chosen.
        models: which models solve tasks; None where the host does the thinking.
        budget: what solving a task may cost unless said otherwise, and at most where a host asks; see `parse_budget`.
        prices: a file with prices of models that are not known, or cost something else.
        tasks: whether hosts that know the protocol's Tasks extension get solve_task as one of its tasks.
    """

    bank: Path
    namespace: str = DEFAULT_NAMESPACE
    embedding_model: str = ""
    retention_days: float = 30.0
    tools: Path | None = None
    choosing: Choosing = Choosing()
    models: Models | None = None
    budget: str = ""
    prices: Path | None = None
    tasks: bool = False

    @classmethod
    def of(
        cls,
        *,
        bank: Path | None = None,
        namespace: str = "",
        model: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Settings:
        """Settings from what was given on the command line, then the environment, then the defaults.

        Reads MEMENTO_BANK, MEMENTO_NAMESPACE, MEMENTO_EMBEDDING_MODEL, MEMENTO_RETENTION_DAYS, MEMENTO_BUDGET,
        MEMENTO_PRICES, MEMENTO_TASKS and what `Choosing` and `Models` do.

        Raises:
            InputError: if a value cannot be used.
        """
        given = os.environ if environment is None else environment
        return cls(
            bank=(bank or Path(given.get("MEMENTO_BANK") or _default_bank())).expanduser().absolute(),
            namespace=_namespace(namespace or given.get("MEMENTO_NAMESPACE") or DEFAULT_NAMESPACE),
            embedding_model=given.get("MEMENTO_EMBEDDING_MODEL", ""),
            retention_days=_number(given, "MEMENTO_RETENTION_DAYS", 30, 0, 1e6, "a number of days, 0 or more"),
            choosing=Choosing.of(given),
            models=Models.of(given, model),
            budget=given.get("MEMENTO_BUDGET", ""),
            prices=Path(given["MEMENTO_PRICES"]).expanduser() if given.get("MEMENTO_PRICES") else None,
            tasks=_word(given, "MEMENTO_TASKS", ("off", "on")) == "on",
        )


def _default_bank() -> Path:
    import platformdirs

    return platformdirs.user_data_path("memento", appauthor=False) / "bank.sqlite3"


def _namespace(name: str) -> str:
    """A namespace by name, or one of its own for the project around the working directory."""
    return project_namespace(Path.cwd()) if name == PROJECT else check_namespace(name)


def project_namespace(folder: Path) -> str:
    """The nearest folder upwards that is a version-controlled project, as a name that tells it from its namesakes."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:6]
    name = re.sub(r"[^\w.-]+", "-", root.name)[:48] or "root"
    return f"{name}-{digest}"


def _number(given: Mapping[str, str], name: str, default: float, least: float, most: float, wanted: str) -> float:
    text = given.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise InputError(name, f"is {text!r}; give {wanted}")
    return number


def _whole(given: Mapping[str, str], name: str, most: float, wanted: str) -> int:
    number = _number(given, name, 0, 0, most, wanted)
    if not number.is_integer():
        raise InputError(name, f"is {given[name]!r}; give {wanted}")
    return int(number)


def _word(given: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """One of the words that are allowed, the first being the default."""
    word = (given.get(name) or allowed[0]).lower()
    if word not in allowed:
        raise InputError(name, f"is {word!r}; one of {', '.join(allowed)} is expected")
    return word
