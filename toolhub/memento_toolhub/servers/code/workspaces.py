"""The folders runs work in: one for each plan, and one for calls that belong to none."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import anyio

from memento_toolhub.servers.code import tree

KEPT_DAYS = 30
PLAN_KEY = "memento/plan_id"
"""In `_meta` of a request: the plan it belongs to."""


class Workspaces:
    """The workspaces below a folder that only its owner can enter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._without_plan = f"session-{secrets.token_hex(8)}"
        self._swept = False
        self._turns: dict[Path, anyio.Lock] = defaultdict(anyio.Lock)

    def of(self, plan: str) -> Path:
        """The folder of a plan, made where it is not there; of no plan, the folder of this server."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)  # what runs inside can make programs that others would run in the caller's name
        place = self._folder.resolve() / (f"plan-{_safe(plan)}" if plan else self._without_plan)
        place.mkdir(exist_ok=True, mode=0o700)
        os.utime(place)
        if not self._swept:
            self._swept = True
            self._sweep()
        return place

    def turn(self, place: Path) -> anyio.Lock:
        """Held by the run that works in a folder."""
        return self._turns[place]

    def _sweep(self) -> None:
        oldest = time.time() - KEPT_DAYS * 86_400
        for place in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if place.is_dir() and not place.is_symlink() and place.stat().st_mtime < oldest:
                    tree.remove(place)


def _safe(plan: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", plan):
        return plan
    return "x-" + hashlib.sha256(plan.encode(errors="surrogatepass")).hexdigest()[:40]
