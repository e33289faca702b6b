"""Large bytes as files of the local disk, named by their digest."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from kitaru.errors import KitaruBackendError, KitaruNotFoundError, KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LocalArtifactStore"]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_sync_data = getattr(os, "fdatasync", os.fsync)


class LocalArtifactStore:
    """A content-addressed store in a folder of this machine.

    A file appears under its final name only after its bytes have reached the disk, so neither a crash nor a reader in
    another process ever meets half of it. Folders are `0700`, files `0600`.

    Args:
        root: The folder; made with its parents when it is missing.

    Attributes:
        root: The folder.

    Raises:
        KitaruBackendError: The folder cannot be made.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root: Path = Path(root)
        self._incoming = self.root / "incoming"
        try:
            self._make_folder(self._incoming)
        except OSError as error:
            msg = f"No artifacts can be kept in {str(self.root)!r}: {error}. Name another folder, or make it writable."
            raise KitaruBackendError(msg) from error

    def put(self, data: bytes) -> str:
        """Keep `data` durably.

        Args:
            data: The bytes.

        Returns:
            Their SHA-256 digest in hexadecimal.

        Raises:
            KitaruBackendError: The disk refused them; nothing is visible under the digest.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        try:
            if not self._holds(path, digest):
                self._make_folder(path.parent)
                self._write(path, data)
            # Also for a file that was there already: the process that renamed it may not have come to this line.
            _sync_folder(path.parent)
        except OSError as error:
            msg = f"Could not keep {len(data)} bytes at {str(path)!r}: {error}. Free some space or check the folder."
            raise KitaruBackendError(msg) from error
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes kept under `digest`.

        Args:
            digest: SHA-256 in hexadecimal.

        Returns:
            The bytes, verified.

        Raises:
            KitaruNotFoundError: Nothing is kept under it.
            KitaruBackendError: The file was damaged or cannot be read.
            KitaruUsageError: `digest` is not a digest.
        """
        path = self._path(digest)
        try:
            data = _read(path)
        except FileNotFoundError:
            msg = f"No artifact {digest} in {str(self.root)!r}. It was deleted, or this is another store's digest."
            raise KitaruNotFoundError(msg) from None
        except OSError as error:
            msg = f"Could not read artifact {digest} at {str(path)!r}: {error}."
            raise KitaruBackendError(msg) from error
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            msg = (
                f"The artifact at {str(path)!r} is damaged: its bytes hash to {found}. "
                "Restore the file from a backup, or replay from a checkpoint before it."
            )
            raise KitaruBackendError(msg)
        return data

    def has(self, digest: str) -> bool:
        """Tell whether a file is kept under `digest`; its content is verified by `get` only.

        Args:
            digest: SHA-256 in hexadecimal.

        Returns:
            Whether there is one.
        """
        return self._path(digest).is_file()

    def delete(self, digest: str) -> bool:
        """Remove what is kept under `digest`.

        Args:
            digest: SHA-256 in hexadecimal.

        Returns:
            Whether there was anything.

        Raises:
            KitaruBackendError: It cannot be removed.
        """
        path = self._path(digest)
        try:
            path.unlink()
            _sync_folder(path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            msg = f"Could not remove artifact {digest} at {str(path)!r}: {error}."
            raise KitaruBackendError(msg) from error
        return True

    def digests(self) -> Iterator[str]:
        """Yield the digest of everything that is kept."""
        for shard in self.root.iterdir():
            if len(shard.name) == 2:  # noqa: PLR2004 - two hexadecimal digits name a shard
                names = (shard.name + entry.name for entry in shard.iterdir())
                yield from (name for name in names if _DIGEST.match(name))

    def sweep(self, *, older_than: float = 86_400.0) -> int:
        """Remove what writers that died left behind.

        Args:
            older_than: Age in seconds from which an unfinished file counts as abandoned.

        Returns:
            How many files went.
        """
        removed = 0
        for entry in self._incoming.iterdir():
            if time.time() - entry.stat().st_mtime >= older_than:
                entry.unlink(missing_ok=True)
                removed += 1
        return removed

    def _path(self, digest: str) -> Path:
        if not _DIGEST.match(digest):
            msg = f"{digest!r} is not a SHA-256 digest; use the 64 hexadecimal digits that `put` returned."
            raise KitaruUsageError(msg)
        return self.root / digest[:2] / digest[2:]

    def _holds(self, path: Path, digest: str) -> bool:
        try:
            return hashlib.sha256(_read(path)).hexdigest() == digest
        except OSError:
            return False

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if not folder.parent.is_dir():
            self._make_folder(folder.parent)
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        _sync_folder(folder.parent)

    def _write(self, path: Path, data: bytes) -> None:
        unfinished = self._incoming / uuid4().hex
        # O_EXCL also refuses a link that somebody planted under the name.
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        try:
            try:
                _write_all(file, data)
                _sync_data(file)
            finally:
                os.close(file)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def _read(path: Path) -> bytes:
    with open(path, "rb", opener=_open_plain_file) as file:
        return file.read()


def _open_plain_file(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
