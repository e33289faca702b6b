"""A disk that can lose power: an ext4 image behind a loop device, copied as it is while programs write to it.

The copy holds what the file system had sent to its device at that instant and nothing else, so a write that nobody
synced is missing from it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["CutDisk"]

_CHUNK = 1 << 20


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _same(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        return all(first.read(_CHUNK) == second.read(_CHUNK) for _ in range(0, one.stat().st_size, _CHUNK))


class CutDisk:
    """A small mounted disk.

    Args:
        base: Folder for the image and its copies.
        megabytes: Size of the disk.

    Attributes:
        mounted: Folder in which the disk, or the copy that replaced it, is mounted.
    """

    def __init__(self, base: Path, megabytes: int = 48) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="cut-", dir=base))
        self._generation = 0
        self._dead: list[tuple[Path, Path]] = []
        self._image = self._home / "disk0"
        with self._image.open("wb") as file:
            file.truncate(megabytes << 20)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self.mounted = self._mount(self._image)

    @staticmethod
    def usable(base: Path) -> bool:
        """Return whether this process may mount such a disk."""
        if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
            return False
        try:
            CutDisk(base).close()
        except (subprocess.CalledProcessError, OSError):
            return False
        return True

    def _mount(self, image: Path) -> Path:
        folder = self._home / f"mounted{self._generation}"
        folder.mkdir()
        _run("mount", "-o", "loop", str(image), str(folder))
        return folder

    def cut(self) -> None:
        """Cut the power: from now on `mounted` is the disk as it was on its device at this instant."""
        self._generation += 1
        image = self._home / f"disk{self._generation}"
        # A power loss is one instant. The kernel may write on its own while the copy is made; then it is made again.
        unlike = True
        while unlike:
            _run("cp", "--sparse=always", str(self._image), str(image))
            unlike = not _same(self._image, image)
        self._dead.append((self.mounted, self._image))
        self._image = image
        self.mounted = self._mount(image)

    def settle(self) -> None:
        """Unmount and remove the disks that lost their power; no process may use them any more."""
        while self._dead:
            folder, image = self._dead.pop()
            _run("umount", str(folder))
            folder.rmdir()
            image.unlink()

    def close(self) -> None:
        """Unmount and remove everything."""
        self.settle()
        _run("umount", str(self.mounted))
        shutil.rmtree(self._home)
