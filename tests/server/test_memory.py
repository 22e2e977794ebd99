"""The bank as the server holds it: nothing opens it again once it was closed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from memento_memory.errors import BankError
from memento_server.memory import Memory
from memento_server.settings import Settings


def test_what_was_put_off_does_not_open_the_bank_after_it_was_closed(tmp_path: Path) -> None:
    bank = tmp_path / "bank.sqlite3"
    memory = Memory(Settings(bank))
    memory.warm_up()
    memory.close()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
    assert not bank.exists()


def test_a_closed_bank_says_so(tmp_path: Path) -> None:
    memory = Memory(Settings(tmp_path / "bank.sqlite3"))
    memory.close()
    with pytest.raises(BankError, match="closed"):
        memory.bank()
    memory.keep_up()
