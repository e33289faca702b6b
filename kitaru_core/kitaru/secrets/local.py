"""Secrets on this machine: encrypted rows in a SQLite file of their own, beside the settings."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from kitaru.errors import KitaruBackendError, KitaruNotFoundError, KitaruRuntimeError, KitaruUsageError
from kitaru.secrets.api import Secret, SecretSummary
from kitaru.secrets.keys import KeyRing
from kitaru.secrets.sealing import Label, Sealed, seal, unseal

__all__ = ["LocalSecretStore"]

_SCHEMA: Final = """
create table if not exists secrets (
    id text primary key,
    name text not null unique,
    version integer not null,
    private integer not null,
    keys text not null,
    fingerprint text not null,
    nonce blob not null,
    sealed blob not null
) strict
"""
_COLUMNS: Final = "id, name, version, private, keys, fingerprint, nonce, sealed"

Row = tuple[str, str, int, int, str, str, bytes, bytes]


class LocalSecretStore:
    """Keeps secrets in `secrets.db`, under the key in `secret.key` or in `KITARU_SECRET_KEY`.

    Args:
        folder: Where the two files are; made with the first secret.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "secrets.db"
        self._ring = KeyRing(folder / "secret.key")

    def summaries(self) -> list[SecretSummary]:
        """Return all secrets without their values, sorted by name."""
        if not self._exists():
            return []
        with self._transaction() as database:
            rows = _rows(database)
        return [self._summary(row) for row in rows]

    def read(self, name_or_id: str) -> Secret | None:
        """Return a secret, or `None` when there is none.

        Args:
            name_or_id: Its exact name or id.

        Raises:
            KitaruRuntimeError: It is there and cannot be decrypted.
            KitaruFeatureNotAvailableError: `cryptography` is not installed.
        """
        if not self._exists():
            return None
        with self._transaction() as database:
            row = _find(database, name_or_id)
        if row is None:
            return None
        return Secret(name=row[1], id=row[0], values=self._values(row), private=bool(row[3]))

    def create(self, name: str, values: Mapping[str, str], *, private: bool) -> SecretSummary:
        """Keep a new secret.

        Args:
            name: Its name.
            values: Its values.
            private: Whether only its creator may use it.

        Raises:
            KitaruRuntimeError: There is one of this name.
            KitaruFeatureNotAvailableError: `cryptography` is not installed.
        """
        label = Label(str(uuid.uuid4()), 1, name)
        with self._transaction(writing=True) as database:
            if _find(database, name) is not None:
                msg = f"There is a secret {name!r} already. Change it with `kitaru secrets set`, or take another name."
                raise KitaruRuntimeError(msg)
            _write(database, label, seal(values, label, self._ring.current()), values, private=private)
        return _summary_of(label, values, private=private)

    def update(self, name_or_id: str, values: Mapping[str, str], *, unset: Iterable[str] = ()) -> SecretSummary:
        """Add and replace values of a secret, and take others out; who may use it stays as it is.

        Args:
            name_or_id: Its exact name or id.
            values: Values to add or replace.
            unset: Keys to take out.

        Raises:
            KitaruNotFoundError: There is no such secret.
            KitaruUsageError: No value would be left.
            KitaruRuntimeError: Its present values cannot be decrypted.
        """
        if not self._exists():
            raise _missing(name_or_id)
        with self._transaction(writing=True) as database:
            row = _existing(database, name_or_id)
            out = set(unset)
            merged = {name: value for name, value in {**self._values(row), **values}.items() if name not in out}
            if not merged:
                msg = f"The secret {row[1]!r} would have no value left; delete it instead."
                raise KitaruUsageError(msg)
            label = Label(row[0], row[2] + 1, row[1])
            _write(database, label, seal(merged, label, self._ring.current()), merged, private=bool(row[3]))
        return _summary_of(label, merged, private=bool(row[3]))

    def delete(self, name_or_id: str) -> SecretSummary:
        """Delete a secret.

        Args:
            name_or_id: Its exact name or id.

        Raises:
            KitaruNotFoundError: There is no such secret.
        """
        if not self._exists():
            raise _missing(name_or_id)
        with self._transaction(writing=True) as database:
            row = _existing(database, name_or_id)
            database.execute("delete from secrets where id = ?", (row[0],))
        return self._summary(row)

    def rekey(self) -> int:
        """Encrypt all secrets with a new key, then forget the old ones.

        A crash in between loses nothing: both keys are kept until every secret uses the new one.

        Returns:
            How many secrets there are.

        Raises:
            KitaruUsageError: The key comes from the environment.
            KitaruRuntimeError: A secret cannot be decrypted; nothing has changed.
        """
        if not self._exists():
            return 0
        with self._transaction(writing=True) as database:
            opened = [(row, self._values(row)) for row in _rows(database)]
            key = self._ring.add()
            for row, values in opened:
                label = Label(row[0], row[2] + 1, row[1])
                _write(database, label, seal(values, label, key), values, private=bool(row[3]))
        # Writers take their key inside a transaction, so behind this lock none of them holds an old one.
        with self._transaction(writing=True) as database:
            rows = _rows(database)
            if all(row[5] == key.fingerprint for row in rows):
                self._ring.keep_only(key)
        return len(rows)

    def _exists(self) -> bool:
        return self._file.exists() and self._file.stat().st_size > 0

    def _values(self, row: Row) -> dict[str, str]:
        return unseal(Sealed(row[5], row[6], row[7]), Label(row[0], row[2], row[1]), self._ring.keys())

    def _summary(self, row: Row) -> SecretSummary:
        try:
            self._values(row)
        except (KitaruRuntimeError, KitaruUsageError, NotImplementedError):
            missing = True
        else:
            missing = False
        names = tuple(row[4].split())
        return SecretSummary(id=row[0], name=row[1], private=bool(row[3]), keys=names, has_missing_values=missing)

    @contextlib.contextmanager
    def _transaction(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if writing:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with contextlib.closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as database:
                database.execute("pragma secure_delete = on")
                database.execute("begin immediate" if writing else "begin")
                if writing:
                    database.execute(_SCHEMA)
                yield database
                database.execute("commit")
        except (sqlite3.Error, OSError) as error:
            msg = f"The secrets in {self._file} cannot be used: {error}. Nothing was changed."
            raise KitaruBackendError(msg) from error


def _rows(database: sqlite3.Connection) -> list[Row]:
    return database.execute(f"select {_COLUMNS} from secrets order by name").fetchall()  # noqa: S608 - a constant


def _find(database: sqlite3.Connection, name_or_id: str) -> Row | None:
    row: Row | None = database.execute(
        f"select {_COLUMNS} from secrets where name = :it or id = :it order by name = :it desc limit 1",  # noqa: S608 - a constant
        {"it": name_or_id},
    ).fetchone()
    return row


def _existing(database: sqlite3.Connection, name_or_id: str) -> Row:
    row = _find(database, name_or_id)
    if row is None:
        raise _missing(name_or_id)
    return row


def _missing(name_or_id: str) -> KitaruNotFoundError:
    msg = f"There is no secret {name_or_id!r}; names and ids must be exact. `kitaru secrets list` shows what there is."
    return KitaruNotFoundError(msg)


def _write(
    database: sqlite3.Connection, label: Label, sealed: Sealed, values: Mapping[str, str], *, private: bool
) -> None:
    row = (
        *(label.id, label.name, label.version, int(private), " ".join(sorted(values))),
        *(sealed.fingerprint, sealed.nonce, sealed.data),
    )
    database.execute(f"insert or replace into secrets ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - a constant


def _summary_of(label: Label, values: Mapping[str, str], *, private: bool) -> SecretSummary:
    return SecretSummary(id=label.id, name=label.name, private=private, keys=tuple(sorted(values)))
