"""What `kitaru clean` says it deletes, or would delete, for programs and for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from kitaru.cli.views import Command, size_text
from kitaru.errors import KitaruError
from kitaru.models import aliases
from kitaru.settings.environment import list_active_kitaru_environment_variables

if TYPE_CHECKING:
    from kitaru.journal.health import StoreFacts

__all__ = ["clean_shape", "clean_view"]


def clean_shape(
    scope: str, paths: Sequence[Path], backup: Path | None, store: StoreFacts | None, *, dry_run: bool, aborted: bool
) -> dict[str, Any]:
    """Return the document of one cleaning; what was deleted is still to be filled in.

    Args:
        scope: `project`, `global` or `all`.
        paths: What is deleted.
        backup: Where the backup goes, if one is made.
        store: The store among the paths.
        dry_run: Whether nothing is deleted because it was only asked about.
        aborted: Whether nothing is deleted because a person said no.
    """
    preview = [_preview(path, store) for path in paths]
    total = sum(entry["size_bytes"] for entry in preview)
    if backup is not None:
        preview.append({"path": str(backup), "type": "backup"})
    active = list_active_kitaru_environment_variables()
    return {
        "scope": scope,
        "dry_run": dry_run,
        "aborted": aborted,
        "backup_path": None if backup is None or aborted else str(backup),
        "deleted_paths": [],
        "local_server_stopped": False,
        "local_server_force_killed_pid": None,
        "local_server_status": None,
        "reinitialized_project": False,
        "warnings": [],
        "active_environment_overrides": [{"name": name, "value": value} for name, value in active.items()],
        "preview": preview,
        "total_bytes": total,
    }


def _preview(path: Path, store: StoreFacts | None) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "path": str(path),
        "type": "directory" if path.is_dir() else "file",
        "size_bytes": _size(path),
    }
    note = _note(path, store)
    return {**shape, "note": note} if note else shape


def _note(path: Path, store: StoreFacts | None) -> str:
    if path.name == "kitaru.db" and store is not None and store.executions is not None:
        return f"{store.executions} execution{'' if store.executions == 1 else 's'}"
    if path.name != "kitaru.yaml":
        return ""
    try:
        count = len(aliases.list_model_aliases())
    except KitaruError:
        return "cannot be read"
    return f"{count} model alias{'' if count == 1 else 'es'}" if count else ""


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def clean_view(item: dict[str, Any], restore: Sequence[str]) -> Group:
    """Return the same for a person.

    Args:
        item: The document.
        restore: The commands that bring back what was deleted.
    """
    word = "Kept" if item["aborted"] else "Would delete" if item["dry_run"] else "Deleted"
    lines: list[RenderableType] = [Text(f"{word} ({item['scope']}, {size_text(item['total_bytes'])})", style="bold")]
    for entry in item["preview"]:
        about = "backup" if entry["type"] == "backup" else f"{entry['type']}, {size_text(entry['size_bytes'])}"
        about += f", {entry['note']}" if "note" in entry else ""
        lines.append(Text.assemble("  ", entry["path"], (f"  {about}", "dim"), overflow="fold"))
    if not item["preview"]:
        lines.append(Text("  nothing found"))
    if restore:
        lines += [Text("  To bring it back:"), *map(Command, restore)]
    lines += [Text(f"  It would be refused: {reason}", style="yellow") for reason in item["warnings"]]
    lines += [
        Text(f"  Still set: {one['name']}={one['value']}", style="yellow", overflow="fold")
        for one in item["active_environment_overrides"]
    ]
    return Group(*lines)
