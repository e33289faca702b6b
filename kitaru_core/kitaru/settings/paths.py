"""Where kitaru keeps its files."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

__all__ = ["artifact_address", "config_directory", "observers_directory", "store_address"]


def config_directory() -> Path:
    """Return the directory of settings and local data: `KITARU_CONFIG_PATH`, or the platform's usual place."""
    given = os.environ.get("KITARU_CONFIG_PATH", "").strip()
    start = str(Path.cwd()) if given and given[0] not in "/~" else ""
    return _directory(given, start, *map(os.environ.get, _USUAL))


_USUAL = ("HOME", "XDG_CONFIG_HOME", "APPDATA")


@lru_cache(maxsize=64)
def _directory(given: str, start: str, _home: str | None, config: str | None, data: str | None) -> Path:
    """Make the path, which each start of an execution asks for several times, once for the same environment."""
    if given:
        return Path(start, Path(given).expanduser())
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "kitaru"
    if sys.platform == "win32":
        return Path(data or Path.home()) / "kitaru"
    return Path(config or Path.home() / ".config") / "kitaru"


def store_address() -> str:
    """Return the address of the journal: `KITARU_STORE`, or `kitaru.db` in the configuration directory."""
    return os.environ.get("KITARU_STORE", "").strip() or str(config_directory() / "kitaru.db")


def artifact_address(journal: str) -> str | None:
    """Return the address of the store for very large values: `KITARU_ARTIFACT_STORE`, or a folder beside the journal.

    Args:
        journal: Address of the journal.

    Returns:
        The address; `None` where the journal is no file and nothing is set, and values of any size stay in it.
    """
    given = os.environ.get("KITARU_ARTIFACT_STORE", "").strip()
    beside = f"file://{journal.removeprefix('sqlite://')}.artifacts" if journal.startswith("sqlite:///") else None
    return given or beside


def observers_directory(journal: str) -> Path | None:
    """Return where it is noted which records plugins may not have been shown; beside the journal where it is a file.

    Args:
        journal: Address of the journal.

    Returns:
        The directory, which need not exist; `None` for a journal in memory, which no crash leaves behind.
    """
    if journal.startswith("memory:"):
        return None
    if journal.startswith("sqlite:///"):
        return Path(f"{journal.removeprefix('sqlite://')}.observers")
    return config_directory() / "observers" / sha256(journal.encode()).hexdigest()[:16]
