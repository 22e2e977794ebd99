"""The bank's file: what is refused, what a migration does, and what a transaction promises."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import apsw
import pytest

from memento_memory.errors import BankBusyError, BankError
from memento_memory.store import database, meta
from memento_memory.store.database import Database
from memento_memory.store.migration import APPLICATION_ID, Migration, latest, shipped

NEXT = Migration(latest(shipped()) + 1, "ALTER TABLE cases ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bank.db"


def columns(connection):
    return [row[1] for row in connection.execute("PRAGMA table_info(cases)")]


def test_a_new_bank_is_made_with_its_folder_and_marked_as_ours(tmp_path):
    path = tmp_path / "deep" / "er" / "bank.db"
    Database(path).close()
    connection = apsw.Connection(str(path))
    assert connection.pragma("application_id") == APPLICATION_ID
    assert connection.pragma("user_version") == latest(shipped())
    connection.close()
    assert [file.name for file in path.parent.iterdir()] == ["bank.db"]


def test_every_connection_is_safe_against_power_loss_and_dangling_keys(path):
    bank = Database(path)
    with bank.reading() as first, bank.reading() as second, bank.writing() as third:
        assert len({id(first), id(second), id(third)}) == 3
        for connection in (first, second, third):
            assert connection.pragma("journal_mode") == "wal"
            assert connection.pragma("synchronous") == 2  # FULL
            assert connection.pragma("foreign_keys") == 1


def test_an_old_bank_is_migrated_after_a_backup_and_keeps_its_contents(path):
    old = Database(path)
    with old.writing() as db:
        meta.put(db, "colour of the sky", "blue")
    old.close()
    new = Database(path, migrations=(*shipped(), NEXT))
    with new.reading() as db:
        assert "colour" in columns(db)
        assert db.pragma("user_version") == NEXT.version
        assert meta.get(db, "colour of the sky") == "blue"
    backup = Database(path.with_name(f"bank.db.v{NEXT.version - 1}.bak"))
    with backup.reading() as db:
        assert "colour" not in columns(db)
        assert meta.get(db, "colour of the sky") == "blue"


def test_a_new_bank_and_one_that_is_up_to_date_need_no_backup(path):
    Database(path, migrations=(*shipped(), NEXT)).close()
    Database(path, migrations=(*shipped(), NEXT)).close()
    assert not list(path.parent.glob("*.bak*"))


def test_a_migration_that_fails_leaves_the_bank_as_it_was(path):
    Database(path).close()
    broken = Migration(NEXT.version, f"{NEXT.sql}; DROP TABLE meta; SELECT no_such_function()")
    with pytest.raises(apsw.SQLError):
        Database(path, migrations=(*shipped(), broken))
    bank = Database(path)
    with bank.reading() as db:
        assert "colour" not in columns(db)
        assert meta.get(db, "anything") == ""


def test_processes_that_open_an_old_bank_at_once_migrate_it_once(path):
    Database(path).close()
    together = threading.Barrier(4)

    def open_bank(_):
        together.wait()
        bank = Database(path, migrations=(*shipped(), NEXT))
        with bank.reading() as db:
            found = columns(db).count("colour")
        bank.close()
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_bank, range(4))) == [1, 1, 1, 1]
    backups = [file.name for file in path.parent.iterdir() if "bak" in file.name]
    assert backups == [f"bank.db.v{NEXT.version - 1}.bak"]
    assert apsw.Connection(str(path.parent / backups[0])).pragma("user_version") == NEXT.version - 1


def test_a_bank_of_a_newer_version_is_left_alone(path):
    Database(path, migrations=(*shipped(), NEXT)).close()
    before = path.read_bytes()
    with pytest.raises(
        BankError, match=rf"newer Memento \(schema {NEXT.version}, this one knows {NEXT.version - 1}\).*upgrade"
    ):
        Database(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(path):
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE invoices (total)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(BankError, match="not a Memento bank"):
        Database(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(path):
    path.write_text("shopping list: milk, eggs, bread")
    with pytest.raises(BankError, match="not an SQLite file"):
        Database(path)
    assert path.read_text() == "shopping list: milk, eggs, bread"


def test_a_folder_and_a_path_through_a_file_are_refused(tmp_path):
    with pytest.raises(BankError, match="is a folder"):
        Database(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BankError, match="cannot make the bank's folder"):
        Database(tmp_path / "file" / "bank.db")


def test_an_empty_file_becomes_a_bank(path):
    path.touch()
    Database(path).close()
    assert path.stat().st_size > 0


def test_a_damaged_bank_is_named_as_such_with_the_way_out(path):
    Database(path).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xa5" * 3996
    path.write_bytes(content)
    with pytest.raises(BankError, match=r"is damaged.*backup"):
        Database(path)


def test_what_was_written_before_an_error_is_not_there_after_it(path):
    bank = Database(path)
    with contextlib.suppress(RuntimeError), bank.writing() as db:
        meta.put(db, "half", "done")
        raise RuntimeError
    with bank.reading() as db:
        assert meta.get(db, "half") == ""


def test_everything_read_in_one_transaction_belongs_to_one_state(path):
    reader, writer = Database(path), Database(path)
    with reader.reading() as db:
        assert meta.get(db, "count") == ""
        with writer.writing() as other:
            meta.put(other, "count", "1")
        assert meta.get(db, "count") == ""
    with reader.reading() as db:
        assert meta.get(db, "count") == "1"


def test_a_write_under_another_process_lock_says_that_nothing_was_written(path, monkeypatch):
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.05)
    mine, theirs = Database(path), Database(path)
    with theirs.writing(), pytest.raises(BankBusyError, match="nothing was written"), mine.writing():
        pass
    with mine.writing() as db:
        meta.put(db, "after", "wards")


def test_a_closed_bank_says_so(path):
    bank = Database(path)
    bank.close()
    with pytest.raises(BankError, match="was closed"), bank.reading():
        pass


def test_the_last_to_close_leaves_one_file(path):
    bank = Database(path)
    with bank.writing() as db:
        meta.put(db, "a", "b")
    bank.close()
    assert [file.name for file in path.parent.iterdir()] == ["bank.db"]
