"""The account that the engine cannot touch: one synced line per event, appended by every process of a schedule."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Entry", "Ledger"]

Entry = dict[str, Any]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


class Ledger:
    """An append-only file; the order of its lines is the order in which things happened.

    Args:
        path: The file; made if missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, event: str, **facts: object) -> None:
        """Append one line; it is on the disk when this returns.

        Args:
            event: What happened.
            **facts: About what.
        """
        line = _encode({"event": event, "pid": os.getpid(), **facts})
        os.write(self._file, b"\n" + line + b"\n")  # a line torn by a kill never swallows the next one
        os.fdatasync(self._file)

    def read(self) -> list[Entry]:
        """Return all whole lines, oldest first."""
        return [_decode(line) for line in self.path.read_bytes().split(b"\n") if _whole(line)]

    def last(self, event: str) -> Entry | None:
        """Return the newest line of one event.

        Args:
            event: Which event.

        Returns:
            The line, or `None`.
        """
        return next((entry for entry in reversed(self.read()) if entry["event"] == event), None)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _whole(line: bytes) -> bool:
    """Return whether a line was written to its end; a kill can cut the last one short."""
    try:
        return bool(line) and bool(_decode(line))
    except msgspec.DecodeError:
        return False
