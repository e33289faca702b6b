"""Checking the name of a checkpoint strategy, the same way and with the same words in every adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_strategy"]


def check_strategy(
    value: object,
    *,
    accepted: Sequence[str],
    argument: str = "checkpoint_strategy",
    hint: str | None = None,
) -> str:
    """Return the strategy if it is one of those an adapter offers.

    Args:
        value: What the caller gave.
        accepted: The strategies of this adapter, the default one first.
        argument: Name of the argument, for the error.
        hint: One more sentence for the error, such as why a known strategy of another adapter is not offered here.

    Returns:
        The strategy, unchanged.

    Raises:
        KitaruUsageError: The value is not one of the accepted names.
    """
    if isinstance(value, str) and value in accepted:
        return value
    known = ", ".join(repr(name) for name in accepted)
    message = f"{argument}={value!r} is not a strategy of this adapter; use one of: {known}."
    raise KitaruUsageError(f"{message} {hint}" if hint else message)
