"""Looking at a journal file from outside: it is not made, not migrated and not written to."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from kitaru.journal.reading import Reading
from kitaru.journal.schema import APPLICATION_ID, SCHEMA_VERSION

__all__ = ["StoreFacts", "look_at"]

_LITTLE = 100_000_000
_PRIVATE = 0o077


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said about a journal without opening it for work.

    Attributes:
        kind: Scheme of its address, such as `sqlite`.
        path: The file, if it is one.
        exists: Whether the file is there; a journal is made with the first execution.
        schema_version: Version of the tables it has.
        known_schema_version: Version of the tables this kitaru makes.
        size_bytes: Size of the file and its write-ahead log.
        free_bytes: Room left on that disk.
        executions: Number of executions.
        held: Ids of the executions that a living process runs or waits in, newest first.
        lost: Ids of the executions whose process has vanished, newest first.
        problems: What is wrong, in words.
    """

    kind: str
    path: str | None = None
    exists: bool | None = None
    schema_version: int | None = None
    known_schema_version: int = SCHEMA_VERSION
    size_bytes: int | None = None
    free_bytes: int | None = None
    executions: int | None = None
    held: list[str] = []
    lost: list[str] = []
    problems: list[str] = []


def look_at(address: str, *, thoroughly: bool = False) -> StoreFacts:
    """Describe the journal at an address.

    Args:
        address: An address as `open_journal` takes it.
        thoroughly: Whether to read through the whole file for damage.
    """
    kind = address.partition(":")[0] if "://" in address or address.startswith("memory:") else "sqlite"
    if kind != "sqlite":
        return StoreFacts(kind=kind)
    path = Path(address.removeprefix("sqlite:///")).expanduser().absolute()
    folder = next(place for place in (path.parent, *path.parent.parents) if place.exists())
    free = shutil.disk_usage(folder).free
    room = [f"Only {free // 1_000_000} MB are free on the disk of {path}."] if free < _LITTLE else []
    if not path.is_file():
        return StoreFacts(kind=kind, path=str(path), exists=False, free_bytes=free, problems=room)
    files = [file for file in (path, path.with_name(f"{path.name}-wal")) if file.exists()]
    open_to = [file for file in files if file.stat().st_mode & _PRIVATE]
    room += [f"{file} can be read by others; `chmod 600` it." for file in open_to]
    facts = StoreFacts(
        kind=kind,
        path=str(path),
        exists=True,
        size_bytes=sum(file.stat().st_size for file in files),
        free_bytes=free,
        problems=room,
    )
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return _read(database, facts, thoroughly=thoroughly)
    except (sqlite3.Error, msgspec.DecodeError) as error:
        return msgspec.structs.replace(facts, problems=[*room, f"{path} cannot be read: {error}."])


def _read(database: sqlite3.Connection, facts: StoreFacts, *, thoroughly: bool) -> StoreFacts:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    problems = list(facts.problems)
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return msgspec.structs.replace(facts, exists=False)
    if application != APPLICATION_ID:
        problems.append(f"{facts.path} is a database of another program.")
    elif version > SCHEMA_VERSION:
        problems.append(f"{facts.path} was written by a newer kitaru; upgrade this one.")
    else:
        facts = _counted(database, facts)
        found = database.execute("PRAGMA quick_check(1)").fetchone()[0] if thoroughly else "ok"
        if found != "ok":
            problems.append(f"{facts.path} is damaged: {found}. Restore it from a backup.")
    return msgspec.structs.replace(facts, schema_version=version, problems=problems)


def _counted(database: sqlite3.Connection, facts: StoreFacts) -> StoreFacts:
    (count,) = database.execute("SELECT count(*) FROM executions").fetchone()
    held = database.execute("SELECT no, id FROM executions WHERE owner IS NOT NULL ORDER BY no DESC").fetchall()
    # A lease of this very process counts as held: whoever looks from outside cannot know better.
    reading = Reading(database, facts.path or "", {no for no, _ in held})
    rows = [reading.execution(execution_id) for _, execution_id in held]
    return msgspec.structs.replace(
        facts,
        executions=count,
        held=[row.id for row in rows if not row.runner_lost],
        lost=[row.id for row in rows if row.runner_lost],
    )
