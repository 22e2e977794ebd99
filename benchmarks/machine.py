"""What a run was made on: without it, its figures say nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

_LIBRARIES = (
    "memento-cbr",
    "mcp",
    "pydantic",
    "apsw",
    "sqlite-vec",
    "numpy",
    "onnxruntime",
    "tokenizers",
    "torch",
    "sentence-transformers",
)


def describe() -> dict[str, Any]:
    """Processor, memory, system, Python, libraries, and the load before anything was measured."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "load_average": round(load(), 2),
    }


def load() -> float:
    """Mean number of runnable processes in the last minute."""
    return float(psutil.getloadavg()[0])


def is_busy() -> bool:
    """Whether something else runs: ratios then are rough, and absolute times worthless."""
    return load() > 0.3 * (os.cpu_count() or 1)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
