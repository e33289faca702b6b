"""What SQLite reports, said so that a person knows what to do."""

from __future__ import annotations

import sqlite3

from kitaru.errors import KitaruJournalError

__all__ = ["journal_error"]

_ADVICE = {
    "full": (
        "there is no space left. Nothing of what was recorded before is lost. Free some space, then retry the execution"
    ),
    "readonly": (
        "it is read-only for this user. Make the file and its folder writable, or name another store in KITARU_STORE"
    ),
    "corrupt": (
        "it is damaged. kitaru does not touch it any further. Put a backup in its place, or move the file away to "
        "begin a new one; `sqlite3 FILE .recover` may save what is left"
    ),
    "locked": ("another process has kept it locked for a minute. End that process or wait for it, then try again"),
    "closed": (
        "this process closed it while a run still went on. Wait for the run's handle before closing; the run goes on "
        "with `kitaru executions resume`"
    ),
    "io": (
        "reading or writing it failed. Check that the folder exists, is writable and is on a sound disk, or name "
        "another store in KITARU_STORE"
    ),
}
_REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "readonly",
    sqlite3.SQLITE_PERM: "readonly",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
}


def journal_error(error: sqlite3.Error, url: str) -> KitaruJournalError:
    """Turn an error of SQLite into one of ours.

    Args:
        error: What SQLite raised.
        url: The journal's address.

    Returns:
        An error whose `reason` is one word and whose text says what to do.
    """
    code = getattr(error, "sqlite_errorcode", None)
    reason = _REASONS.get(code & 0xFF, "io") if isinstance(code, int) else "io"
    if isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error):
        reason = "closed"  # found by Python before SQLite is asked, so without a code
    msg = f"The journal {url} cannot be used: {_ADVICE[reason]}. ({error})"
    return KitaruJournalError(msg, url=url, reason=reason)
