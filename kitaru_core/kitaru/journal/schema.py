"""The tables of the SQLite journal and the way from each released version to the newest.

`application_id` marks a file as ours and `user_version` counts the schema; migrations only go forward.
"""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "MIGRATIONS", "SCHEMA_VERSION", "SEQUENCE_BITS"]

APPLICATION_ID = 0x4B495441
"""The letters KITA."""

SEQUENCE_BITS = 20
"""A record's key is the execution's number shifted by this much, plus its place: one b-tree, no index."""

_VERSION_1 = """
CREATE TABLE executions (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    flow TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT,
    stack TEXT,
    original_id TEXT,
    created_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    generation INTEGER NOT NULL DEFAULT 1,
    owner TEXT,
    until_clock REAL NOT NULL DEFAULT 0,
    until_wall REAL NOT NULL DEFAULT 0,
    cancel INTEGER NOT NULL DEFAULT 0,
    summary TEXT
);
CREATE INDEX executions_by_flow ON executions (flow, no);
CREATE INDEX executions_by_status ON executions (status, no);
CREATE INDEX executions_by_original ON executions (original_id) WHERE original_id IS NOT NULL;
CREATE TABLE records (
    key INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    hash BLOB NOT NULL,
    payload BLOB
);
CREATE TABLE blobs (
    hash BLOB PRIMARY KEY,
    deflated INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE blob_uses (
    no INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (no, hash)
) WITHOUT ROWID;
CREATE INDEX blob_uses_by_hash ON blob_uses (hash);
CREATE TABLE waits (
    id TEXT PRIMARY KEY,
    no INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_at REAL NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX waits_open ON waits (no, opened_at) WHERE state = 'open';
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    no INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX events_by_execution ON events (no, id);
"""

_VERSION_2 = ""
"""The same tables; rows may hold deflated JSON now, and blobs lean on others, which version 1 could not read."""

_VERSION_3 = ""
"""The same tables; values in rows may be deflated, and messages stand in records, which version 2 could not read."""

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3)
"""Script n brings a journal from version n to version n + 1."""

SCHEMA_VERSION = len(MIGRATIONS)
