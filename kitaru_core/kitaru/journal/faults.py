"""What SQLite reports, said so that a person knows what to do."""

from __future__ import annotations

import sqlite3

from kitaru.errors import KitaruJournalError

__all__ = ["journal_error"]

_FAULTS: tuple[tuple[tuple[int, ...], str, str], ...] = (
    (
        (sqlite3.SQLITE_FULL,),
        "full",
        "there is no space left. Nothing of what was recorded before is lost. Free some space, then retry the execution",
    ),
    (
        (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
        "readonly",
        "it is read-only for this user. Make the file and its folder writable, or name another store in KITARU_STORE",
    ),
    (
        (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
        "corrupt",
        "it is damaged. kitaru does not touch it any further. Put a backup in its place, or move the file away to begin "
        "a new one; `sqlite3 FILE .recover` may save what is left",
    ),
    (
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
        "locked",
        "another process has kept it locked for a minute. End that process or wait for it, then try again",
    ),
    (
        (sqlite3.SQLITE_CANTOPEN,),
        "io",
        "it cannot be opened. Check that the folder exists and is writable, or name another store in KITARU_STORE",
    ),
)


def journal_error(error: sqlite3.Error, url: str) -> KitaruJournalError:
    """Turn an error of SQLite into one of ours.

    Args:
        error: What SQLite raised.
        url: The journal's address.

    Returns:
        An error whose `reason` is one word and whose text says what to do.
    """
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    for codes, reason, advice in _FAULTS:
        if primary in codes:
            return KitaruJournalError(f"The journal {url} cannot be used: {advice}. ({error})", url=url, reason=reason)
    msg = f"The journal {url} cannot be used: reading or writing it failed ({error}). Check the disk, then try again."
    return KitaruJournalError(msg, url=url, reason="io")
