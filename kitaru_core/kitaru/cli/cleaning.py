"""`kitaru clean`: delete what kitaru has written, and nothing else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.backups import BackupKind, back_up, backup_path, restore_commands
from kitaru.cli.output import Output
from kitaru.cli.project import mark
from kitaru.cli.snapshot import project_root
from kitaru.cli.views import Command, size_text
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
    "results",
)
_BESIDES = ("", "-wal", "-shm")


def project(*, yes: YesOption = False, dry_run: FlagOption = False, output: OutputOption = "text") -> None:
    """Delete the .kitaru folder of the project.

    Args:
        yes: Do not ask.
        dry_run: Only show what would be deleted.
        output: text for people, json for programs.
    """
    _clean("project", yes=yes, dry_run=dry_run, output=output)


def global_(
    *,
    yes: YesOption = False,
    dry_run: FlagOption = False,
    force: FlagOption = False,
    backup: BackupKind = "store",
    output: OutputOption = "text",
) -> None:
    """Delete settings, secrets and the store of this machine; the store is backed up first.

    Args:
        yes: Do not ask.
        dry_run: Only show what would be deleted.
        force: Delete model aliases too.
        backup: Keep a copy of the store (executions and their values), or of all that is deleted.
        output: text for people, json for programs.
    """
    _clean("global", yes=yes, dry_run=dry_run, force=force, backup=backup, output=output)


def all_(
    *,
    yes: YesOption = False,
    dry_run: FlagOption = False,
    force: FlagOption = False,
    backup: BackupKind = "store",
    output: OutputOption = "text",
) -> None:
    """Delete the project's folder, and settings, secrets and the store of this machine.

    Args:
        yes: Do not ask.
        dry_run: Only show what would be deleted.
        force: Delete model aliases too.
        backup: Keep a copy of the store (executions and their values), or of all that is deleted.
        output: text for people, json for programs.
    """
    _clean("all", yes=yes, dry_run=dry_run, force=force, backup=backup, output=output)


def _clean(
    scope: Scope,
    *,
    yes: bool,
    dry_run: bool,
    output: OutputOption,
    force: bool = False,
    backup: BackupKind = "store",
) -> None:
    paths = _paths(scope)
    if scope != "project" and not (force or dry_run):
        _spare_aliases()
    wanted = scope != "project" and (backup == "all" or config_directory() / "kitaru.db" in paths)
    copy = backup_path(backup) if wanted and paths else None
    aborted = not dry_run and bool(paths) and not (yes or _confirmed(paths, output))
    item = _report(scope, paths, copy, dry_run=dry_run, aborted=aborted)
    restore: list[str] = []
    if not (dry_run or aborted):
        if copy is not None:
            back_up(backup, paths, copy)
            restore = restore_commands(backup, paths, copy)
        for path in paths:
            _delete(path)
        item["deleted_paths"] = [str(path) for path in paths]
    out = Output(f"clean.{scope}", output)
    out.show(_view(item, restore))
    project_folder = next((path for path in paths if path.name == ".kitaru"), None)
    if project_folder is not None and not (dry_run or aborted or yes):
        item["reinitialized_project"] = _again(project_folder.parent)
    out.item(item)


def _again(folder: Path) -> bool:
    if not _says_yes(f"Initialise {folder} as a project again? [y/N] "):
        return False
    mark(folder)
    return True


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
    return _says_yes("Delete all of this? [y/N] ")


def _says_yes(question: str) -> bool:
    try:
        return input(question).strip().casefold() in {"y", "yes"}
    except EOFError:
        return False


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


def _view(item: dict[str, Any], restore: Sequence[str]) -> Group:
    word = "Kept" if item["aborted"] else "Would delete" if item["dry_run"] else "Deleted"
    lines: list[RenderableType] = [Text(f"{word} ({item['scope']}, {size_text(item['total_bytes'])})", style="bold")]
    for entry in item["preview"]:
        about = "backup" if entry["type"] == "backup" else f"{entry['type']}, {size_text(entry['size_bytes'])}"
        lines.append(Text.assemble("  ", entry["path"], (f"  {about}", "dim"), overflow="fold"))
    if not item["preview"]:
        lines.append(Text("  nothing found"))
    if restore:
        lines += [Text("  To bring it back:"), *map(Command, restore)]
    lines += [
        Text(f"  Still set: {one['name']}={one['value']}", style="yellow", overflow="fold")
        for one in item["active_environment_overrides"]
    ]
    return Group(*lines)
