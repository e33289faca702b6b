"""JSON objects on their way into a column and back: long ones are deflated.

A JSON object begins with a brace and deflated bytes never do, so a column may hold both.
"""

from __future__ import annotations

import zlib

__all__ = ["pack", "unpack"]

_FROM = 2 * 1024
_TO = 64 * 1024 * 1024


def pack(text: bytes) -> bytes:
    """Return a JSON object as it is stored: long ones repeat their field names, and shrink to a tenth.

    Args:
        text: The object.
    """
    return zlib.compress(text, 1) if _FROM <= len(text) <= _TO else text


def unpack(stored: bytes) -> bytes:
    """Return a JSON object from what is stored.

    Args:
        stored: What `pack` returned, now or in an earlier release.

    Returns:
        The object; bytes that are no deflated object come back as they are, for the reader to complain about.
    """
    if stored[:1] != b"\x78":
        return stored
    try:
        # No more than was ever deflated comes out, whatever the row claims.
        return zlib.decompressobj().decompress(stored, _TO)
    except zlib.error:
        return stored
