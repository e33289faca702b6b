"""Writing small files that only their owner may read, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

__all__ = ["write_private", "write_private_once"]


def write_private(file: Path, data: bytes) -> None:
    """Put a file in place at once, with mode 0600; after a crash there is the old content or the new, never a part.

    Args:
        file: Where; the folder must exist.
        data: The content.

    Raises:
        OSError: The file cannot be written.
    """
    scratch = _scratch(file, data)
    try:
        scratch.replace(file)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def write_private_once(file: Path, data: bytes) -> bool:
    """Put a file in place like `write_private`, unless there is one already.

    Args:
        file: Where; the folder must exist.
        data: The content.

    Returns:
        Whether the file is the one written here; if not, it is another process's and complete.

    Raises:
        OSError: The file cannot be written.
    """
    scratch = _scratch(file, data)
    try:
        file.hardlink_to(scratch)
    except FileExistsError:
        return False
    finally:
        scratch.unlink(missing_ok=True)
    _sync_folder(file.parent)
    return True


def _scratch(file: Path, data: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    scratch = Path(name)
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - it is open already
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    return scratch


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
