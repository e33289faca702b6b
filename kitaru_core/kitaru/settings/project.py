"""Settings from the table `[tool.kitaru]` of the nearest `pyproject.toml`."""

from __future__ import annotations

import threading
import tomllib
from pathlib import Path

from kitaru.errors import KitaruUsageError
from kitaru.settings import values
from kitaru.settings.config import KitaruConfig, layer

__all__ = ["find_project_file", "project_config"]

_FIELDS = frozenset(
    {"cache", "durability", "image", "llm_estimated_costs", "max_concurrency", "retries", "run_mode", "stack"}
)
_lock = threading.Lock()
_read: dict[Path, tuple[tuple[int, int, int], KitaruConfig]] = {}


def find_project_file(start: Path | None = None) -> Path | None:
    """Return the nearest `pyproject.toml` at or above a folder, if there is one.

    Args:
        start: The folder; the working directory if none.
    """
    folder = (start or Path.cwd()).absolute()
    return next((file for place in (folder, *folder.parents) if (file := place / "pyproject.toml").is_file()), None)


def project_config(start: Path | None = None) -> KitaruConfig:
    """Return the layer the project file makes up; it is read again only when it has changed.

    Args:
        start: Folder to start at; the working directory if none.

    Raises:
        KitaruUsageError: The file cannot be read, is no TOML, or a setting in it is wrong.
    """
    try:
        file = find_project_file(start)
    except FileNotFoundError:  # the working directory is gone
        file = None
    if file is None:
        return KitaruConfig()
    try:
        status = file.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        with _lock:
            known = _read.get(file)
        if known is not None and known[0] == stamp:
            return known[1]
        content = file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error
    found = _parse(content, file)
    with _lock:
        _read[file] = (stamp, found)
    return found


def _parse(content: bytes, file: Path) -> KitaruConfig:
    try:
        tool = tomllib.loads(content.decode("utf-8")).get("tool", {})
    except ValueError as error:  # no TOML, or no UTF-8
        raise _unreadable(file, error) from error
    table = tool.get("kitaru", {}) if isinstance(tool, dict) else {}
    settings = values.mapping(table, f"[tool.kitaru] in {file}")
    if "runner" in settings:
        msg = (
            f"[tool.kitaru] in {file} sets `runner`, which is no setting any more; name the stack with `stack` instead."
        )
        raise KitaruUsageError(msg)
    found = {name: value for name, value in settings.items() if name in _FIELDS}
    return layer(found, lambda field: f"[tool.kitaru] {field} in {file}")


def _unreadable(file: Path, error: Exception) -> KitaruUsageError:
    msg = f"The project file {file} cannot be read, so its settings for kitaru are not known: {error}. Correct it."
    return KitaruUsageError(msg)
