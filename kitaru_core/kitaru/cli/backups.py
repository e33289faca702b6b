"""What `kitaru clean` puts aside before it deletes."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from kitaru.settings.paths import config_directory

__all__ = ["BackupKind", "back_up", "backup_path", "restore_commands"]

BackupKind = Literal["store", "all"]

_BESIDES = ("-wal", "-shm")


def backup_path(kind: BackupKind) -> Path:
    """Return where a backup made now goes: a file for the store alone, a folder for everything.

    Args:
        kind: What is backed up.
    """
    folder = config_directory()
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return folder.with_name(f"{folder.name}-backups") / f"backup-{moment}{'.db' if kind == 'store' else ''}"


def back_up(kind: BackupKind, paths: Sequence[Path], backup: Path) -> None:
    """Copy what is about to be deleted, readable by its owner only.

    Databases are copied by SQLite itself, so that what stands in a write-ahead log is in the copy.

    Args:
        kind: What to back up.
        paths: What will be deleted.
        backup: Where the copy goes.
    """
    backup.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if kind == "store":
        _copy_database(config_directory() / "kitaru.db", backup)
        if (large := _large_values(config_directory() / "kitaru.db")).is_dir():
            shutil.copytree(large, _large_values(backup))
        return
    backup.mkdir(mode=0o700)
    for path in paths:
        target = _place(backup, path)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True)
            target.chmod(0o700)
        elif path.suffix == ".db":
            _copy_database(path, target)
        elif not path.name.endswith(_BESIDES):
            shutil.copy2(path, target)
            target.chmod(0o600)


def restore_commands(kind: BackupKind, paths: Sequence[Path], backup: Path) -> list[str]:
    """Return the commands that bring a backup back.

    Args:
        kind: What was backed up.
        paths: What was deleted.
        backup: The copy.
    """
    if kind == "store":
        database = config_directory() / "kitaru.db"
        commands = [["cp", str(backup), str(database)]]
        if _large_values(backup).is_dir():
            commands.append(["cp", "-R", str(_large_values(backup)), str(_large_values(database))])
        return [shlex.join(command) for command in commands]
    folders = {path.parent: _place(backup, path).parent for path in paths}
    return [shlex.join(["cp", "-R", f"{source}/.", f"{target}/"]) for target, source in folders.items()]


def _place(backup: Path, path: Path) -> Path:
    return backup / ("settings" if path.parent == config_directory() else "project") / path.name


def _large_values(database: Path) -> Path:
    """Return the folder beside a store in which its very large values are."""
    return database.with_name(f"{database.name}.artifacts")


def _copy_database(database: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.DatabaseError:
        # What SQLite cannot read, or only half of it, is kept as it stands.
        for end in ("", *_BESIDES):
            if (file := database.with_name(f"{database.name}{end}")).exists():
                shutil.copyfile(file, copy.with_name(f"{copy.name}{end}"))
