"""`kitaru init`: marks a folder as a project."""

from __future__ import annotations

from pathlib import Path

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.views import success
from kitaru.errors import KitaruStateError, KitaruUsageError

__all__ = ["init", "mark"]

_MARKER = ".kitaru"


def init(path: Path = Path(), *, output: OutputOption = "text") -> None:
    """Mark a folder as a kitaru project.

    Args:
        path: The folder; the current one by default.
        output: text for people, json for programs.
    """
    folder = path.expanduser().resolve()
    if not folder.is_dir():
        msg = f"{folder} is no folder; create it first, or name another one."
        raise KitaruUsageError(msg)
    marker = folder / _MARKER
    if marker.exists():
        msg = f"{folder} is a kitaru project already ({marker} exists)."
        raise KitaruStateError(msg)
    try:
        mark(folder)
    except OSError as error:
        msg = f"{marker} cannot be made ({error.strerror or error}); make {folder} writable, or name another folder."
        raise KitaruUsageError(msg) from error
    item = {"path": str(folder), "repository_directory": _MARKER}
    Output("init", output).item(item, success(f"Initialised a kitaru project in {folder}", f"created {_MARKER}/"))


def mark(folder: Path) -> None:
    """Make the folder that marks a project.

    Args:
        folder: The project.
    """
    marker = folder / _MARKER
    marker.mkdir(mode=0o700)
    (marker / ".gitignore").write_text("*\n", encoding="utf-8")
