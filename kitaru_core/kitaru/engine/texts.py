"""Texts that UTF-8, and so a record, can hold.

A `str` of Python may contain lone surrogates: a file's name that was not UTF-8 has them, and so has half of an emoji.
Values are stored with them, exactly; what is told to people, and what things are called, is not.
"""

from __future__ import annotations

from kitaru.errors import KitaruUsageError

__all__ = ["check_text", "written_out"]


def written_out(text: str) -> str:
    r"""Return a text with what UTF-8 cannot hold written out, as in `caf\udce9.txt`.

    Args:
        text: Any text.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def check_text(text: str, what: str) -> None:
    """Check that a text can be stored as it is.

    Args:
        text: The text.
        what: What it is, for the error.

    Raises:
        KitaruUsageError: It contains a lone surrogate.
    """
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f"{what} '{written_out(text)}' cannot be stored, because UTF-8 cannot hold it: {error.reason}."
        raise KitaruUsageError(msg) from None
