"""`kitaru.yaml` in the configuration directory: what commands and functions remember for later processes.

People may edit the file, so it is YAML; it is only ever read as data. Sections and keys that this release does not know
are kept when the file is written again.
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kitaru.deferred import yaml
from kitaru.errors import KitaruUsageError
from kitaru.records.plain import JsonObject
from kitaru.settings.paths import config_directory
from kitaru.settings.private_files import write_private

__all__ = ["Section", "read_user_file", "section", "update_user_file", "user_file_path"]

Section = JsonObject

_VERSION: Final = 1
_lock = threading.Lock()
_read: dict[Path, tuple[tuple[int, int, int], Section]] = {}


def user_file_path() -> Path:
    """Return the path of `kitaru.yaml`; it exists only once something was remembered."""
    return config_directory() / "kitaru.yaml"


def read_user_file() -> Section:
    """Return everything in the file; it is read again only when it has changed.

    Raises:
        KitaruUsageError: The file cannot be read, is malformed, or was written by a newer release.
    """
    file = user_file_path()
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _broken(file, error) from error
    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
    with _lock:
        known = _read.get(file)
    if known is None or known[0] != stamp:
        known = (stamp, _load(file))
        with _lock:
            _read[file] = known
    return copy.deepcopy(known[1])


def section(name: str) -> Section:
    """Return a section of the file, empty if there is none.

    Args:
        name: Its name.

    Raises:
        KitaruUsageError: The file is malformed, or the section is no table.
    """
    found = read_user_file().get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        msg = f"The section {name!r} of {user_file_path()} must be a table of names and values; correct or remove it."
        raise KitaruUsageError(msg)
    return found


@contextlib.contextmanager
def update_user_file() -> Iterator[Section]:
    """Change the file: what is left in the yielded content when the block ends replaces the file at once.

    Only one process at a time is in such a block. When the block raises, nothing changes. A malformed file is kept
    beside the new one under the ending `.broken`.

    Yields:
        The content.

    Raises:
        KitaruUsageError: The file was written by a newer release, or cannot be written.
    """
    file = user_file_path()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _exclusive(file.with_suffix(".lock")):
            content = _load_to_change(file)
            before = copy.deepcopy(content)
            yield content
            if content != before:
                write_private(file, _dump(content))
    except OSError as error:
        msg = (
            f"{file} cannot be written ({error}); nothing has changed. Set KITARU_CONFIG_PATH to a folder of your own."
        )
        raise KitaruUsageError(msg) from error


@contextlib.contextmanager
def _exclusive(lock: Path) -> Iterator[None]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _load_to_change(file: Path) -> Section:
    if not file.exists():
        return {}
    try:
        return _load(file)
    except _NewerFileError:
        raise
    except KitaruUsageError:
        file.replace(file.with_name(f"{file.name}.broken"))
        return {}


def _load(file: Path) -> Section:
    try:
        found = yaml.safe_load(file.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise _broken(file, error) from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise _broken(file, "it holds no table of sections")
    version = found.get("version", _VERSION)
    if version != _VERSION:
        msg = (
            f"{file} has version {version!r}, which this release of kitaru does not know (it knows {_VERSION}), so it "
            "was left alone. Install a newer kitaru-core, or set KITARU_CONFIG_PATH to another folder."
        )
        raise _NewerFileError(msg)
    return found


def _dump(content: Section) -> bytes:
    ordered = {"version": _VERSION, **{name: value for name, value in content.items() if name != "version"}}
    text: str = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return text.encode("utf-8")


def _broken(file: Path, reason: object) -> KitaruUsageError:
    lines = str(reason).splitlines()
    msg = f"The settings in {file} cannot be read: {' '.join(lines)}. Correct the file, or move it away."
    return KitaruUsageError(msg)


class _NewerFileError(KitaruUsageError):
    """The file was written by a newer release; it must not be overwritten."""
