"""Where kitaru keeps its files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["config_directory", "store_address"]


def config_directory() -> Path:
    """Return the directory of settings and local data: `KITARU_CONFIG_PATH`, or the platform's usual place."""
    given = os.environ.get("KITARU_CONFIG_PATH", "").strip()
    if given:
        return Path(given).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "kitaru"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "kitaru"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kitaru"


def store_address() -> str:
    """Return the address of the journal: `KITARU_STORE`, or `kitaru.db` in the configuration directory."""
    return os.environ.get("KITARU_STORE", "").strip() or str(config_directory() / "kitaru.db")
