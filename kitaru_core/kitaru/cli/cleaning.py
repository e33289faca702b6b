"""`kitaru clean`: delete what kitaru has written, and nothing else."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Group
from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.snapshot import project_root
from kitaru.errors import KitaruError, KitaruStateError, KitaruUsageError
from kitaru.models import aliases
from kitaru.settings.environment import list_active_kitaru_environment_variables
from kitaru.settings.paths import config_directory

__all__ = ["all_", "global_", "project"]

Scope = Literal["project", "global", "all"]
YesOption = Annotated[bool, Parameter(name=["--yes", "-y"], negative="")]
FlagOption = Annotated[bool, Parameter(negative="")]

# What kitaru itself writes there; a file of anybody else's is never touched.
_WRITTEN = (
    "kitaru.yaml",
    "kitaru.lock",
    "kitaru.yaml.broken",
    "kitaru.db",
    "kitaru.db.artifacts",
    "kitaru.db.observers",
    "secrets.db",
    "secret.key",
)
_BESIDES = ("", "-wal", "-shm")


def project(*, yes: YesOption = False, dry_run: FlagOption = False, output: OutputOption = "text") -> None:
    """Delete the .kitaru folder of the project.

    Args:
        yes: Do not ask.
        dry_run: Only show what would be deleted.
        output: text for people, json for programs.
    """
    _clean("project", yes=yes, dry_run=dry_run, force=False, output=output)


def global_(
    *, yes: YesOption = False, dry_run: FlagOption = False, force: FlagOption = False, output: OutputOption = "text"
) -> None:
    """Delete settings, secrets and the store of this machine; the store is backed up first.

    Args:
        yes: Do not ask.
        dry_run: Only show what would be deleted.
        force: Delete model aliases too.
        output: text for people, json for programs.
    """
    _clean("global", yes=yes, dry_run=dry_run, force=force, output=output)


def all_(
    *, yes: YesOption = False, dry_run: FlagOption = False, force: FlagOption = False, output: OutputOption = "text"
) -> None:
    """Delete the project's folder, and settings, secrets and the store of this machine.

    Args:
        yes: Do not ask.
        dry_run: Only show what would be deleted.
        force: Delete model aliases too.
        output: text for people, json for programs.
    """
    _clean("all", yes=yes, dry_run=dry_run, force=force, output=output)


def _clean(scope: Scope, *, yes: bool, dry_run: bool, force: bool, output: OutputOption) -> None:
    paths = _paths(scope)
    if scope != "project" and not (force or dry_run):
        _spare_aliases()
    database = config_directory() / "kitaru.db"
    backup = _backup_path() if database in paths else None
    aborted = not dry_run and bool(paths) and not (yes or _confirmed(paths, output))
    item = _report(scope, paths, backup, dry_run=dry_run, aborted=aborted)
    if not (dry_run or aborted):
        if backup is not None:
            _back_up(database, backup)
        for path in paths:
            _delete(path)
        item["deleted_paths"] = [str(path) for path in paths]
    Output(f"clean.{scope}", output).item(item, _view(item))


def _paths(scope: Scope) -> list[Path]:
    found = []
    if scope != "global":
        root = project_root()
        if root is not None and root / ".kitaru" != config_directory():
            found.append(root / ".kitaru")
        elif scope == "project":
            msg = f"There is no kitaru project at {Path.cwd()} or above; there is nothing to clean."
            raise KitaruStateError(msg)
    if scope != "project":
        folder = config_directory()
        names = [f"{name}{end}" for name in _WRITTEN for end in (_BESIDES if name.endswith(".db") else ("",))]
        found += [folder / name for name in names if (folder / name).exists()]
    for path in found:
        _refuse_dangerous(path)
    return found


def _refuse_dangerous(path: Path) -> None:
    real = path.resolve()
    here = Path.cwd().resolve()
    if real in {Path(real.anchor), Path.home().resolve()} or here == real or real in here.parents:
        msg = f"{path} is not deleted: it is the root, your home, or holds the folder you are in."
        raise KitaruUsageError(msg)


def _spare_aliases() -> None:
    try:
        known = [entry.alias for entry in aliases.list_model_aliases()]
    except KitaruError as error:
        msg = f"The model aliases cannot be read ({error}); --force deletes them unseen."
        raise KitaruStateError(msg) from error
    if known:
        msg = f"There are model aliases ({', '.join(known)}) that would be lost; --force deletes them too."
        raise KitaruStateError(msg)


def _confirmed(paths: Sequence[Path], output: OutputOption) -> bool:
    if output == "json" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        msg = "There is no terminal to ask on; say --yes, or look first with --dry-run."
        raise KitaruUsageError(msg)
    sys.stdout.write("\n".join(f"  {path}" for path in paths) + "\n")
    try:
        return input("Delete all of this? [y/N] ").strip().casefold() in {"y", "yes"}
    except EOFError:
        return False


def _backup_path() -> Path:
    folder = config_directory()
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return folder.with_name(f"{folder.name}-backups") / f"backup-{moment}.db"


def _back_up(database: Path, backup: Path) -> None:
    backup.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(backup, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    large = database.with_name(f"{database.name}.artifacts")
    if large.is_dir():
        shutil.copytree(large, backup.with_name(f"{backup.name}.artifacts"))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _report(
    scope: Scope, paths: Sequence[Path], backup: Path | None, *, dry_run: bool, aborted: bool
) -> dict[str, Any]:
    preview: list[dict[str, Any]] = [
        {"path": str(path), "type": "directory" if path.is_dir() else "file", "size_bytes": _size(path)}
        for path in paths
    ]
    total = sum(_size(path) for path in paths)
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


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def _view(item: dict[str, Any]) -> Group:
    word = "Kept" if item["aborted"] else "Would delete" if item["dry_run"] else "Deleted"
    lines = [Text(f"{word} ({item['scope']}, {item['total_bytes']} bytes)", style="bold")]
    for entry in item["preview"]:
        about = "backup" if entry["type"] == "backup" else f"{entry['type']}, {entry['size_bytes']} bytes"
        lines.append(Text.assemble("  ", entry["path"], (f"  {about}", "dim"), overflow="fold"))
    if not item["preview"]:
        lines.append(Text("  nothing found"))
    if item["deleted_paths"] and item["backup_path"]:
        lines.append(Text(f"  To restore the store: cp {item['backup_path']} {config_directory() / 'kitaru.db'}"))
    lines += [
        Text(f"  Still set: {one['name']}={one['value']}", style="yellow")
        for one in item["active_environment_overrides"]
    ]
    return Group(*lines)
