"""`kitaru clean`: delete what kitaru has written, and nothing else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kitaru.cli.arguments import OutputOption
from kitaru.cli.backups import BackupKind, back_up, backup_path, restore_commands
from kitaru.cli.clean_report import clean_shape, clean_view
from kitaru.cli.output import Output
from kitaru.cli.project import mark
from kitaru.cli.snapshot import project_root
from kitaru.errors import KitaruError, KitaruStateError, KitaruUsageError
from kitaru.models import aliases
from kitaru.settings import analytics
from kitaru.settings.paths import config_directory

if TYPE_CHECKING:
    from kitaru.journal.health import StoreFacts

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
_NAMED = 3


def project(*, yes: YesOption = False, dry_run: FlagOption = False, output: OutputOption = "text") -> None:
    """Delete the .kitaru folder of the project.

    Args:
        yes: Do not ask.
        dry_run: Only show what would be deleted.
        output: text for people, json for programs.
    """
    _clean("project", yes=yes, dry_run=dry_run, output=output)


def _of_this_machine(scope: Literal["global", "all"]) -> Callable[..., None]:
    def clean(
        *,
        yes: YesOption = False,
        dry_run: FlagOption = False,
        force: FlagOption = False,
        backup: BackupKind = "store",
        output: OutputOption = "text",
    ) -> None:
        """Delete what kitaru keeps on this machine; the store is backed up first, the analytics preference stays.

        Args:
            yes: Do not ask.
            dry_run: Only show what would be deleted.
            force: Delete model aliases too, and a store that cannot be read.
            backup: Keep a copy of the store (executions and their values), or of all that is deleted.
            output: text for people, json for programs.
        """
        _clean(scope, yes=yes, dry_run=dry_run, force=force, backup=backup, output=output)

    return clean


global_: Callable[..., None] = _of_this_machine("global")
all_: Callable[..., None] = _of_this_machine("all")


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
    store = _store(paths)
    reasons = _reasons_against(scope, store, force=force)
    if reasons and not dry_run:
        raise KitaruStateError(reasons[0])
    wanted = scope != "project" and (backup == "all" or store is not None)
    copy = backup_path(backup) if wanted and paths else None
    aborted = not dry_run and bool(paths) and not (yes or _confirmed(paths, output))
    item = clean_shape(scope, paths, copy, store, dry_run=dry_run, aborted=aborted)
    item["warnings"] = reasons
    restore: list[str] = []
    if not (dry_run or aborted):
        restore = _put_aside(backup, paths, copy)
        item["deleted_paths"] = _deleted(paths, scope)
    out = Output(f"clean.{scope}", output)
    out.show(clean_view(item, restore))
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


def _store(paths: Sequence[Path]) -> StoreFacts | None:
    """Look at the store that would be deleted; it is neither opened for work nor brought up to date."""
    from kitaru.journal.health import look_at  # loads sqlite3, which help does without

    file = config_directory() / "kitaru.db"
    return look_at(str(file)) if file in paths else None


def _reasons_against(scope: Scope, store: StoreFacts | None, *, force: bool) -> list[str]:
    """Return why it must not be deleted now, the most important reason first."""
    found = []
    if store is not None and store.held:
        more = "" if len(store.held) <= _NAMED else f" and {len(store.held) - _NAMED} more"
        found.append(
            f"A living process is at work in {store.path}, on {', '.join(store.held[:_NAMED])}{more}; deleting the "
            "store would lose what it does. Let it end, or end it with `kitaru executions cancel ID`, and try again."
        )
    if store is not None and store.exists and store.executions is None and not force:
        found.append(
            f"Nobody can tell what is at work in {store.path}: {' '.join(store.problems)} --force deletes it unseen."
        )
    if scope != "project" and not force and (reason := _reason_of_aliases()):
        found.append(reason)
    return found


def _reason_of_aliases() -> str | None:
    try:
        known = [entry.alias for entry in aliases.list_model_aliases()]
    except KitaruError as error:
        return f"The model aliases cannot be read ({error}); --force deletes them unseen."
    return (
        f"There are model aliases ({', '.join(known)}) that would be lost; --force deletes them too." if known else None
    )


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


def _put_aside(kind: BackupKind, paths: Sequence[Path], copy: Path | None) -> list[str]:
    """Make the backup, and return the commands that bring it back."""
    if copy is None:
        return []
    try:
        back_up(kind, paths, copy)
    except OSError as error:
        msg = f"The backup {copy} cannot be written ({error.strerror or error}), so nothing was deleted."
        raise KitaruStateError(msg) from error
    return restore_commands(kind, paths, copy)


def _deleted(paths: Sequence[Path], scope: Scope) -> list[str]:
    """Delete, and return what was deleted; a preference about analytics outlives the file it stands in."""
    preference = None if scope == "project" else _preference()
    for path in paths:
        try:
            _delete(path)
        except OSError as error:
            msg = f"{path} cannot be deleted ({error.strerror or error}). Make it yours to delete, and clean again."
            raise KitaruStateError(msg) from error
    if preference is not None:
        analytics.set_analytics_preference(opt_in=preference)
    return [str(path) for path in paths]


def _preference() -> bool | None:
    try:
        return analytics.kept_preference()
    except KitaruError:
        return None  # what cannot be read was not asked for


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
