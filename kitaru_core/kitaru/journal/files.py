"""Opening a journal file: making it private, telling ours from foreign, damaged and newer ones, and migrating it."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING

from kitaru.errors import KitaruJournalError
from kitaru.journal.faults import journal_error
from kitaru.journal.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from kitaru.journal.api import Durability

__all__ = ["configure", "connect", "open_database", "pregrow", "prepare"]

_BUSY_SECONDS = 60.0
_HEADER = 100
_PREGROW_BYTES = 4 << 20


def connect(path: str) -> sqlite3.Connection:
    """Open a connection in autocommit mode that any thread may use, one at a time."""
    return sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def open_database(path: Path, url: str) -> sqlite3.Connection:
    """Open a journal file for writing, making or migrating it where needed.

    Args:
        path: The file.
        url: The journal's address, for errors.

    Returns:
        The writing connection, in write-ahead mode.

    Raises:
        KitaruJournalError: The file is foreign, damaged, truncated, read-only or from a newer version. It is left as it
            was.
    """
    try:
        _make_private(path)
        _refuse_foreign(path, url)
        _refuse_read_only(path, url)
    except OSError as error:
        msg = f"The journal {url} cannot be opened: {_trouble(path, error)}, or name another store in KITARU_STORE."
        raise KitaruJournalError(msg, url=url, reason="io") from error
    connection = connect(str(path))
    try:
        prepare(connection, url)
    except sqlite3.Error as error:
        connection.close()
        raise journal_error(error, url) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _trouble(path: Path, error: OSError) -> str:
    if path.is_dir():
        return f"that is a folder. Name a file in it, such as {path / 'kitaru.db'}"
    if blocking := next((place for place in path.parents if place.is_file()), None):
        return f"{blocking} is a file, so nothing can be in it. Name a folder that is one"
    return f"{error.strerror or error}. Make its folder exist and be writable"


def prepare(connection: sqlite3.Connection, url: str) -> None:
    """Check the version of an open database and bring it up to date."""
    # One snapshot for all that is looked at: another process may be making the tables at this very moment.
    connection.execute("BEGIN")
    try:
        version = _version(connection, url)
    finally:
        connection.execute("ROLLBACK")
    if version == SCHEMA_VERSION:
        return
    _enter_wal(connection)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        version = _version(connection, url)
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def configure(connection: sqlite3.Connection, durability: Durability) -> None:
    """Set up a writing connection.

    Args:
        connection: The connection.
        durability: What a commit survives.
    """
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power' else 'NORMAL'}")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA trusted_schema = 0")


def pregrow(connection: sqlite3.Connection) -> None:
    """Make the log file as long as it will be, so that no later sync has to record a new length.

    A transaction that is larger than its cache spills into the log and is rolled back: the database does not change,
    the log keeps its length.

    Args:
        connection: The writing connection.

    Raises:
        sqlite3.Error: There is no room; the connection is as it was.
    """
    (cache,) = connection.execute("PRAGMA cache_size").fetchone()
    try:
        connection.execute("PRAGMA cache_size = 16")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO blobs (hash, deflated, data) VALUES (x'00', 0, zeroblob(?))", (_PREGROW_BYTES,))
    finally:
        # In a transaction left open, no later commit would reach the disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute(f"PRAGMA cache_size = {cache}")


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite does not wait for other processes here, so this does."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _version(connection: sqlite3.Connection, url: str) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION_ID:
        raise _foreign(url, "a database of another program")
    if version > SCHEMA_VERSION:
        msg = (
            f"The journal {url} was written by a newer kitaru (schema {version}; this one knows up to "
            f"{SCHEMA_VERSION}). Upgrade kitaru here, or name another store in KITARU_STORE. The file was not changed."
        )
        raise KitaruJournalError(msg, url=url, reason="newer")
    return int(version)


def _make_private(path: Path) -> None:
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise
        return
    # A file whose name is not on the disk is gone after a power cut, whatever was synced into it.
    for folder in (path.parent, *(folder.parent for folder in missing)):
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_read_only(path: Path, url: str) -> None:
    """Say it here: SQLite only reports that it cannot open the file when its log cannot be made beside it."""
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        msg = (
            f"The journal {url} is read-only for this user. Make the file and its folder writable, or name another "
            "store in KITARU_STORE."
        )
        raise KitaruJournalError(msg, url=url, reason="readonly")


def _refuse_foreign(path: Path, url: str) -> None:
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if not header:
        return
    if not header.startswith(b"SQLite format 3\0"):
        raise _foreign(url, "some other file, not even a SQLite database")
    page_size = int.from_bytes(header[16:18], "big") if len(header) == _HEADER else 0
    pages = int.from_bytes(header[28:32], "big")
    log = path.with_name(path.name + "-wal")
    if not page_size or (path.stat().st_size < pages * max(page_size, 512) and not log.exists()):
        msg = (
            f"The journal {url} is damaged: the file is shorter than it says. kitaru does not touch it any further. "
            "Put a backup in its place, or move the file away to begin a new one."
        )
        raise KitaruJournalError(msg, url=url, reason="corrupt")


def _foreign(url: str, what: str) -> KitaruJournalError:
    msg = (
        f"{url} is no kitaru journal but {what}; it was not changed. Name another file in KITARU_STORE, or move this "
        "one away."
    )
    return KitaruJournalError(msg, url=url, reason="foreign")
