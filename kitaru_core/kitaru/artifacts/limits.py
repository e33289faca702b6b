"""How large, how deep and how many: the limits beyond which a value is refused rather than cut short."""

from __future__ import annotations

import msgspec

from kitaru.errors import KitaruUsageError

__all__ = ["DEFAULT_LIMITS", "Limits", "current_limits", "set_limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one stored value.

    A value beyond a bound is an error that names the bound. It is never truncated: replay needs it whole.

    Attributes:
        max_bytes: Size of the encoded value.
        max_items: Number of values in it, counting every element of every container.
        max_depth: How many containers may stand inside one another.
    """

    max_bytes: int = 256 * 1024 * 1024
    max_items: int = 5_000_000
    max_depth: int = 200

    def __post_init__(self) -> None:
        """Refuse bounds that no value could keep.

        Raises:
            KitaruUsageError: A bound is below 1, or `max_depth` is above what the interpreter's stack allows.
        """
        if min(self.max_bytes, self.max_items, self.max_depth) < 1:
            msg = f"Limits must be at least 1, got {self!r}."
            raise KitaruUsageError(msg)
        if self.max_depth > _STACK_BOUND:
            msg = f"max_depth={self.max_depth} would exhaust the interpreter's stack; use at most {_STACK_BOUND}."
            raise KitaruUsageError(msg)


_STACK_BOUND = 250
DEFAULT_LIMITS = Limits()
_current = DEFAULT_LIMITS


def current_limits() -> Limits:
    """Return the limits in force in this process."""
    return _current


def set_limits(limits: Limits) -> Limits:
    """Put other limits in force for this process.

    Args:
        limits: The new bounds. They are checked when a value is encoded; reading accepts what was written.

    Returns:
        The limits that were in force before.
    """
    global _current
    previous, _current = _current, limits
    return previous
