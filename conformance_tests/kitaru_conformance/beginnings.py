"""The runs that cases begin with: most begin with the same few, so each of these is made once.

A case that begins with a run that was made before gets a copy of all files of that run, as if it had just ended or been
killed there, and goes on from them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from kitaru_conformance.child import Result

__all__ = ["Beginnings"]

_SHARED_MEMORY = shutil.ignore_patterns("*-shm")
"""What SQLite makes anew when it opens a journal; it means nothing beside a copy."""


class Beginnings:
    """The first runs of one program.

    Args:
        folder: For their files; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[bytes, tuple[Path, Result]] = {}
        self._told: dict[bytes, Result] = {}

    def made(self, key: bytes, folder: Path, make: Callable[[], Result]) -> Result:
        """Have a run in a folder in which nothing has run yet.

        Args:
            key: What makes the run what it is.
            folder: Where its files are to be.
            make: Makes it there.

        Returns:
            What came of it.
        """
        if key in self._kept:
            files, result = self._kept[key]
            shutil.copytree(files, folder, dirs_exist_ok=True, ignore=_SHARED_MEMORY)
            return result
        result = make()
        files = self._folder / str(len(self._kept))
        shutil.copytree(folder, files, ignore=_SHARED_MEMORY)
        self._kept[key] = files, result
        return result

    def told(self, key: bytes, make: Callable[[], Result]) -> Result:
        """Have a run of which only the result matters.

        Args:
            key: As for `made`.
            make: Makes it.

        Returns:
            What came of it.
        """
        if key not in self._told:
            self._told[key] = make()
        return self._told[key]
