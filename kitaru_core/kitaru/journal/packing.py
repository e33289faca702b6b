"""Bytes on their way into a column and back: long ones are deflated.

A JSON object begins with a brace and deflated bytes never do, so a column may hold both. Of any other value the record
tells the size, and it is deflated if there are fewer bytes.
"""

from __future__ import annotations

import zlib

__all__ = ["deflate", "may_be_packed", "pack", "pack_value", "unpack", "unpack_value"]

_FROM = 1024
_VALUE_FROM = 512
_WORTH = 0.85
_TO = 64 * 1024 * 1024
_SMALLEST_WINDOW, _LARGEST_WINDOW = 12, 15
# A stream begins with the size of its window, above the number of the method.
_FIRST_BYTES = {bytes([(window - 8) << 4 | 8]) for window in range(_SMALLEST_WINDOW, _LARGEST_WINDOW + 1)}


def deflate(data: bytes, dictionary: bytes = b"") -> bytes:
    """Deflate bytes quickly.

    Args:
        data: The bytes.
        dictionary: What is known to have much in common with them; needed again to read them.

    Returns:
        A stream as `zlib.decompress` reads it.
    """
    # Most of the time that zlib takes for a short text goes into clearing tables made for a long one.
    needed = (len(data) + len(dictionary) - 1).bit_length()
    window = min(max(needed, _SMALLEST_WINDOW), _LARGEST_WINDOW)
    packer = zlib.compressobj(1, zlib.DEFLATED, window, window - 7, zdict=dictionary)
    return packer.compress(data) + packer.flush()


def pack(text: bytes) -> bytes:
    """Return a JSON object as it is stored: long ones repeat their field names, and shrink to half or much less.

    Args:
        text: The object.
    """
    return deflate(text) if _FROM <= len(text) <= _TO else text


def unpack(stored: bytes) -> bytes:
    """Return a JSON object from what is stored.

    Args:
        stored: What `pack` returned, now or in an earlier release.

    Returns:
        The object; bytes that are no deflated object come back as they are, for the reader to complain about.
    """
    if stored[:1] == b"{":
        return stored
    try:
        # No more than was ever deflated comes out, whatever the row claims.
        return zlib.decompressobj().decompress(stored, _TO)
    except zlib.error:
        return stored


def pack_value(data: bytes | None) -> bytes | None:
    """Return a value as it is stored in the row of a record: deflated, if that is worth it.

    Args:
        data: The value; `None` if it does not stand there.
    """
    if data is None or len(data) < _VALUE_FROM:
        return data
    deflated = deflate(data)
    return deflated if len(deflated) < len(data) * _WORTH else data


def may_be_packed(stored: bytes) -> bool:
    """Tell whether a value in a row may be deflated; where it is not, the record need not be asked for its size."""
    return stored[:1] in _FIRST_BYTES


def unpack_value(stored: bytes, size: int) -> bytes:
    """Return a value from what is stored in the row of a record.

    Args:
        stored: What `pack_value` returned.
        size: Number of its bytes, as the record says.

    Returns:
        The value; bytes that are neither it nor its deflated form come back as they are, for the reader to refuse.
    """
    if len(stored) >= size:
        return stored
    try:
        return zlib.decompressobj().decompress(stored, size)
    except zlib.error:
        return stored
