"""Schema versions: numbered SQL files, recorded in `PRAGMA user_version`, with a backup before an old bank changes."""

from __future__ import annotations

import importlib.resources
import secrets
from dataclasses import dataclass
from pathlib import Path

import apsw

from memento_memory.errors import BankError

APPLICATION_ID = 0x4D454D4F  # "MEMO", in the file's header


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema.

    Attributes:
        version: the `user_version` after it.
        sql: statements that lead there from the version before.
    """

    version: int
    sql: str


def shipped() -> tuple[Migration, ...]:
    """The migrations in this package, by version."""
    folder = importlib.resources.files("memento_memory.store") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration(int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files)


def latest(migrations: tuple[Migration, ...]) -> int:
    """The newest schema version among the migrations."""
    return max(migration.version for migration in migrations)


def migrate(connection: apsw.Connection, path: Path, migrations: tuple[Migration, ...]) -> None:
    """Bring a bank to the newest schema, all steps in one transaction, after a backup copy of an existing bank.

    Raises:
        BankError: if the file is another program's database or was made by a newer version.
    """
    if _version(connection, path, migrations) == latest(migrations):
        return
    _back_up(connection, path)
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path, migrations)  # another process may have been faster
        for step in migrations:
            if step.version > version:
                connection.execute(step.sql)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", latest(migrations))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: apsw.Connection, path: Path, migrations: tuple[Migration, ...]) -> int:
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if tables and connection.pragma("application_id") != APPLICATION_ID:
        raise BankError(f"{path} is an SQLite database but not a Memento bank; give another path with --bank")
    version = int(connection.pragma("user_version"))
    if version > latest(migrations):
        raise BankError(
            f"the bank {path} was made by a newer Memento (schema {version}, this one knows {latest(migrations)}); "
            f"run: pip install --upgrade memento-cbr"
        )
    return version


def _back_up(connection: apsw.Connection, path: Path) -> None:
    version = int(connection.pragma("user_version"))
    if version == 0:
        return
    copy = path.with_name(f"{path.name}.v{version}.bak")
    partial = path.with_name(f"{copy.name}.{secrets.token_hex(4)}.partial")  # others may be at it too
    connection.execute("VACUUM INTO ?", (str(partial),))
    if connection.pragma("user_version") == version:
        partial.replace(copy)
    else:  # another process has migrated the bank meanwhile, after a backup of its own
        partial.unlink()
