"""What is kept of an exception."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["BLAMED", "Failure"]

BLAMED: Final = "kitaru_call"
"""Attribute of an exception by which the engine knows the call it came from; it is no part of the exception's data."""


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts of a failure, recorded when and where it was caught.

    Attributes:
        message: Text of the exception.
        type: Qualified name of its class, `module:qualname`.
        traceback: Formatted traceback.
        origin: One of the words of `kitaru.errors.FailureOrigin`.
        call_id: The call that failed, if one did.
        arguments: The exception's `args` as an encoded value, `[codec, text]`, if they can be encoded.
    """

    message: str
    type: str
    traceback: str = ""
    origin: str = "unknown"
    call_id: str | None = None
    arguments: list[str] | None = None
