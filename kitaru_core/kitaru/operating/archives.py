"""Archives: one execution in one file, which can be looked at anywhere and brought back into a journal.

An archive is a zip file: `manifest.json`, the records as they are stored (`records/<n>.json`, with their bytes beside
them in `payloads/<n>`), and the values they name (`blobs/<digest>`). Reading one trusts nothing in it: names in it are
never used as paths, sizes are bounded while unpacking, and records and values are held against their hashes.
"""

from __future__ import annotations

import os
import re
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from kitaru.errors import KitaruJournalError, KitaruUsageError
from kitaru.journal.api import StoredRecord
from kitaru.records.facts import ArtifactSaved, ExecutionStarted, Known, UnknownFact, decode_fact
from kitaru.records.payload import HistoryRef, PayloadRef
from kitaru.version import __version__

if TYPE_CHECKING:
    from kitaru.journal.api import Journal

__all__ = ["MAX_ARCHIVE_BYTES", "read_archive", "write_archive"]

MAX_ARCHIVE_BYTES: Final = 2 << 30
_FORMAT: Final = 1
_MANIFEST_BYTES: Final = 64 << 10
_MEMBER: Final = re.compile(r"(records)/([0-9]{8})\.json|(payloads)/([0-9]{8})|(blobs)/([0-9a-f]{64})")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive says about itself.

    Attributes:
        format: Version of the archive's form.
        execution_id: The execution.
        records: Number of its records.
        head: Hash of the last record, in hexadecimal.
        kitaru: Version that wrote it.
    """

    format: int
    execution_id: str
    records: int
    head: str
    kitaru: str = ""


def write_archive(journal: Journal, execution_id: str, path: Path) -> None:
    """Write an execution into a new file that only its owner can read.

    Args:
        journal: Where it is recorded.
        execution_id: The execution.
        path: The file; it must not exist.

    Raises:
        KitaruNotFoundError: There is no such execution.
        KitaruUsageError: The file exists, or cannot be written.
        KitaruJournalError: A value is missing.
    """
    records = journal.stored(execution_id)
    manifest = Manifest(
        format=_FORMAT,
        execution_id=execution_id,
        records=len(records),
        head=records[-1].hash.hex(),
        kitaru=__version__,
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        msg = (
            f"The archive {str(path)!r} cannot be written: {error.strerror or error}. Name a file that does not exist."
        )
        raise KitaruUsageError(msg) from error
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("manifest.json", msgspec.json.encode(manifest))
                _write(journal, records, archive)
            # Who has an archive may delete the execution, so it must be on the disk.
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write(journal: Journal, records: list[StoredRecord], archive: zipfile.ZipFile) -> None:
    written: set[str] = set()
    standing: set[str] = set()
    for record in records:
        archive.writestr(f"records/{record.seq:08}.json", record.body)
        fact = decode_fact(record.body)
        wanted = set(_values(fact))
        if record.payload is not None:
            here = sha256(record.payload).hexdigest()
            archive.writestr(f"payloads/{record.seq:08}", record.payload)
            standing.add(here)
            wanted.discard(here)
        standing.update(digest for digest, _ in _messages(fact))
        for digest in sorted(wanted.union(_told(fact) - standing) - written):
            written.add(digest)
            archive.writestr(f"blobs/{digest}", journal.blob(digest))


def _values(fact: Known | UnknownFact) -> Iterator[str]:
    """Yield the digest of every value that a record names."""
    if isinstance(fact, ArtifactSaved) and fact.history is not None:
        yield from fact.history.digests()  # the value is put together from these
        return
    for name in getattr(fact, "__struct_fields__", ()):
        value = getattr(fact, name)
        # The value that an override replaced belongs to the source.
        if isinstance(value, PayloadRef) and name != "original_output":
            yield value.hash
    if isinstance(fact, ExecutionStarted) and fact.replay is not None:
        yield from (ref["hash"] for ref in fact.replay.get("overrides", {}).values())


def _told(fact: Known | UnknownFact) -> set[str]:
    """Return the digest of every message that a call adds to a conversation; some stand in records."""
    history = None if isinstance(fact, ArtifactSaved) else getattr(fact, "history", None)
    return set(history.digests()) if isinstance(history, HistoryRef) else set()


def _messages(fact: Known | UnknownFact) -> list[tuple[str, bytes]]:
    """Return digest and bytes of the messages that stand in a record itself."""
    history = getattr(fact, "history", None)
    return list(history.standing_here()) if isinstance(history, HistoryRef) else []


def read_archive(journal: Journal, path: Path, *, max_bytes: int = MAX_ARCHIVE_BYTES) -> str:
    """Bring an archived execution into a journal that does not have it.

    Args:
        journal: Where to.
        path: The archive.
        max_bytes: How much it may unpack to.

    Returns:
        Id of the execution.

    Raises:
        KitaruUsageError: The file cannot be read, is no archive, or unpacks to too much.
        KitaruStateError: The journal has this execution.
        KitaruJournalError: The archive is damaged; nothing was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest, records, blobs = _read(archive, max_bytes)
    except KitaruJournalError:
        raise
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        msg = f"{str(path)!r} cannot be read as an archive of an execution: {error}."
        raise KitaruUsageError(msg) from error
    journal.import_records(manifest.execution_id, records, blobs)
    return manifest.execution_id


class _Budget:
    """Unpacks members, and no more bytes than allowed, whatever their headers say."""

    def __init__(self, archive: zipfile.ZipFile, left: int) -> None:
        self._archive = archive
        self._left = left

    def read(self, name: str, most: int | None = None) -> bytes:
        limit = self._left if most is None else min(most, self._left)
        with self._archive.open(name) as member:
            data = member.read(limit + 1)
        if len(data) > limit:
            msg = (
                f"The archive unpacks to more than is allowed ({limit} bytes at {name!r}); raise max_bytes= if it may."
            )
            raise KitaruUsageError(msg)
        self._left -= len(data)
        return data


def _read(archive: zipfile.ZipFile, max_bytes: int) -> tuple[Manifest, list[StoredRecord], list[tuple[str, bytes]]]:
    budget = _Budget(archive, max_bytes)
    for member in archive.infolist():
        # Of other packings a whole block comes out at once, however large it is.
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            _refuse(f"{member.filename!r} is packed as no archive is")
    names = archive.namelist()
    if "manifest.json" not in names:
        msg = "The file holds no manifest.json, so it is no archive of an execution; nothing was imported."
        raise KitaruUsageError(msg)
    manifest = _manifest(budget.read("manifest.json", _MANIFEST_BYTES))
    bodies: dict[int, bytes] = {}
    payloads: dict[int, bytes] = {}
    blobs: dict[str, bytes] = {}
    for name in names:
        found = _MEMBER.fullmatch(name)
        if found is None:
            if name != "manifest.json":
                _refuse(f"{name!r} does not belong in it")
        elif found[1]:
            bodies[int(found[2])] = budget.read(name)
        elif found[3]:
            payloads[int(found[4])] = budget.read(name)
        else:
            blobs[found[6]] = budget.read(name)
    records = _records(manifest, bodies, payloads)
    _check_values(records, blobs)
    return manifest, records, list(blobs.items())


def _manifest(data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
        uuid.UUID(manifest.execution_id)
    except (msgspec.DecodeError, ValueError) as error:
        _refuse(f"its manifest cannot be read ({error})")
    if manifest.format != _FORMAT:
        msg = (
            f"The archive has format {manifest.format}, and this kitaru reads format {_FORMAT}. It was written by "
            f"kitaru {manifest.kitaru or 'of an unknown version'}; import it with that one."
        )
        raise KitaruUsageError(msg)
    return manifest


def _records(manifest: Manifest, bodies: dict[int, bytes], payloads: dict[int, bytes]) -> list[StoredRecord]:
    head = b"\0" * 32
    records: list[StoredRecord] = []
    for seq in range(len(bodies)):
        if seq not in bodies:
            _refuse(f"record {seq} is missing")
        head = sha256(head + bodies[seq]).digest()
        records.append(StoredRecord(seq, bodies[seq], head, payloads.get(seq)))
    if len(records) != manifest.records or head.hex() != manifest.head:
        _refuse("its records are not those it was written with")
    return records


def _check_values(records: list[StoredRecord], blobs: dict[str, bytes]) -> None:
    """Hold every value against its digest, and see that none is missing."""
    standing = set(blobs)
    for record in records:
        try:
            fact = decode_fact(record.body)
            wanted, told, messages = set(_values(fact)), _told(fact), _messages(fact)
        except (msgspec.DecodeError, TypeError, KeyError, AttributeError) as error:
            _refuse(f"record {record.seq} cannot be read ({error})")
        here = set() if record.payload is None else {sha256(record.payload).hexdigest()}
        altered = [digest for digest, message in messages if sha256(message).hexdigest() != digest]
        standing.update(here, (digest for digest, _ in messages))
        if altered or not wanted.issuperset(here) or not wanted - here <= blobs.keys() or not told <= standing:
            _refuse(f"a value of record {record.seq} is missing or was altered")


def _refuse(what: str) -> NoReturn:
    msg = f"The archive is damaged: {what}. Nothing was imported; make the archive again."
    raise KitaruJournalError(msg, reason="corrupt")
